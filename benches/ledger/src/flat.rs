//! Whether an execution costs the same among few assets and among many.

use std::time::Instant;

use anyhow::Context as _;

use crate::bound::Bound;
use crate::deployment::Deployment;
use crate::load::fill;
use crate::measure::{columns, row};
use crate::options::Options;
use crate::print;
use crate::setting::Setting;
use crate::workload::{Kind, Workload};

pub(crate) const HEAD: &str = "\n| product | storage | servers | authentication | assets | filled in | on disk | start | clients | executions/s | p50 | p99 | \
     conflicts | ledger CPU an execution | auditor CPU | of the bound | memory |\n\
     | --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

/// Fills a ledger of its own for each size, starts it anew, and puts to assets drawn from all of them.
pub(crate) async fn run(setting: &Setting, options: &Options) -> anyhow::Result<()> {
    for &size in &options.sizes {
        let assets = if options.smoke { size.min(5_000) } else { size };
        let deployment = Deployment::start(setting).await?;
        let began = Instant::now();
        fill(&deployment, Kind::Objects, assets).await?;
        let filled = began.elapsed();
        let began = Instant::now();
        let deployment = deployment.restart().await?;
        let started = began.elapsed();
        for &count in &options.clients {
            let (warm_up, time) = (options.warm_up(false), options.measured());
            let row = row(&deployment, Workload::Put, assets, count, warm_up, time).await;
            let (seen, cpu) = row.with_context(|| deployment.log())?;
            print(&format!(
                "| {} | {assets} | {:.0} s | {} MiB | {:.1} s | {count} | {} | {} MiB |",
                setting.columns(),
                filled.as_secs_f64(),
                deployment.disk()? >> 20,
                started.as_secs_f64(),
                columns(&seen, cpu, &Bound::measure(options)?, setting),
                deployment.resident()? >> 20,
            ));
        }
    }
    Ok(())
}
