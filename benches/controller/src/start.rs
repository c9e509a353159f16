//! The part `start`: from nothing to the first answer.

use std::time::Duration;

use crate::controller::Controller;
use crate::options::Options;
use crate::{mib, millis, print};

/// Prints the table of starts, and what the program weighs.
///
/// # Errors
/// It does not start.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let program = options.program();
    let mut first = Vec::new();
    for _ in 0..options.starts() {
        let controller = Controller::start(&program, options.dir.as_deref()).await?;
        first.push(controller.ready_in);
        controller.process.stop().await?;
    }
    let mut controller = Controller::start(&program, options.dir.as_deref()).await?;
    let mut next = Vec::new();
    for _ in 0..options.starts() {
        controller = controller.restart().await?;
        next.push(controller.ready_in);
    }
    tokio::time::sleep(SETTLE).await;
    let process = &controller.process;
    print("| start of the process to the first 200 | fastest | median |\n| --- | ---: | ---: |");
    print(&row("the very first, keys and certificates made", &mut first));
    print(&row("on an empty record", &mut next));
    let family = process.family()?;
    print(&format!(
        "\nProgram {}, {} process(es): {}; idle {} resident, {} of it its own; data {}.\n",
        mib(std::fs::metadata(&program)?.len()),
        family.len(),
        family.join(", "),
        mib(process.resident()?),
        mib(process.anonymous()?),
        mib(controller.stored()),
    ));
    Ok(())
}

/// A row of a table of starts.
pub(crate) fn row(what: &str, starts: &mut [Duration]) -> String {
    starts.sort_unstable();
    let (fastest, median) = (starts.first().copied(), starts.get(starts.len() / 2).copied());
    format!("| {what} | {} | {} |", millis(fastest.unwrap_or_default()), millis(median.unwrap_or_default()))
}

/// What is done right after a start is done by then.
const SETTLE: Duration = Duration::from_secs(2);
