//! The vault over HTTP, ours and a peer, with the same client on the same machine. `README.md` says how to run it.
//!
//! The server runs on core 0 and is loaded from core 1, a fixed number of requests a row, keep-alive, each sent when
//! the one before it on its connection was answered. It prints tables in Markdown: requests/s, latency, the server's
//! processor time a request, its memory. The listener's own limit, a bare answer of the same size, is what
//! `cargo run --release -p trustkeep-chassis --example bare_answer` measures.

mod bulk;
mod client;
mod options;
mod server;
mod setting;
mod workload;

use crate::options::Options;
use crate::server::Server;
use crate::setting::Setting;

fn main() -> anyhow::Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let settings = Setting::all(options)?;
    if options.wants("requests") {
        print(workload::HEAD);
        for setting in &settings {
            let folder = tempfile::tempdir()?;
            let mut server = Server::start(setting, folder.path()).await?;
            workload::run(&mut server, options.scale).await?;
        }
    }
    if options.wants("bulk") {
        print(bulk::HEAD);
        for setting in settings.iter().filter(|setting| setting.is_local()) {
            let folder = tempfile::tempdir()?;
            bulk::run(Server::start(setting, folder.path()).await?, options.scale).await?;
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its table")]
fn print(line: &str) {
    println!("{line}");
}
