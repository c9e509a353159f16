//! Rows of the main table: each workload with few and many clients.

use std::time::Duration;

use anyhow::Context as _;

use crate::bound::Bound;
use crate::deployment::{Cpu, Deployment};
use crate::load::{Clients, Seen, fill};
use crate::options::Options;
use crate::print;
use crate::setting::Setting;
use crate::workload::Workload;

pub(crate) const HEAD: &str = "| product | storage | servers | authentication | workload | clients | executions/s | p50 | p99 | \
     conflicts | ledger CPU an execution | auditor CPU | of the bound | memory |\n\
     | --- | --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

/// Prints all rows of a setting.
pub(crate) async fn run(setting: &Setting, options: &Options) -> anyhow::Result<()> {
    let deployment = Deployment::start(setting).await?;
    let mut filled = Vec::new();
    for &workload in &options.workload {
        if let Some(kind) = workload.needs().filter(|kind| !filled.contains(kind)) {
            fill(&deployment, kind, options.assets()).await?;
            filled.push(kind);
        }
        for (index, &count) in options.clients.iter().enumerate() {
            // What compiles as it runs has compiled by then.
            let warm_up =
                if index == 0 { options.warm_up(setting.is_peer()) } else { options.warm_up(false) };
            let row = row(&deployment, workload, options.assets(), count, warm_up, options.measured());
            let bound = Bound::measure(options)?;
            let (seen, cpu) = row.await.with_context(|| deployment.log())?;
            print(&format!(
                "| {} | {} | {count} | {} | {} MiB |",
                setting.columns(),
                crate::setting::name(&workload),
                columns(&seen, cpu, &bound, setting),
                deployment.resident()? >> 20,
            ));
        }
    }
    Ok(())
}

/// What one row saw, and what it cost the servers.
pub(crate) async fn row(
    deployment: &Deployment<'_>,
    workload: Workload,
    assets: u64,
    count: usize,
    warm_up: Duration,
    time: Duration,
) -> anyhow::Result<(Seen, Cpu)> {
    let mut clients = Clients::new(deployment, count)?;
    let rate = clients.warm_up(workload, assets, warm_up).await?;
    let requests = clients.sign(workload, assets, rate, time)?;
    let before = deployment.cpu()?;
    let seen = clients.run(requests, time).await?;
    let after = deployment.cpu()?;
    let cpu = Cpu { ledger: after.ledger - before.ledger, auditor: after.auditor - before.auditor };
    Ok((seen, cpu))
}

/// Rate, latencies, conflicts, processor time of each server, and which share of the busier one's is cryptography.
pub(crate) fn columns(seen: &Seen, cpu: Cpu, bound: &Bound, setting: &Setting) -> String {
    let successes = seen.latencies.len().max(1) as f64;
    let each = |cpu: Duration| cpu.as_secs_f64() / successes;
    let (ledger, auditor) = (each(cpu.ledger), each(cpu.auditor));
    let (of_ledger, of_auditor) = bound.of(setting);
    let needed = if ledger >= auditor { of_ledger } else { of_auditor };
    let share = needed.as_secs_f64() / ledger.max(auditor).max(1e-9);
    let share =
        if needed.is_zero() || setting.is_peer() { "".into() } else { format!("{:.0} %", share * 100.0) };
    let auditor = if setting.auditor { format!("{:.1} µs", auditor * 1e6) } else { String::new() };
    format!(
        "{:.0} | {:.2} ms | {:.2} ms | {:.1} % | {:.1} µs | {auditor} | {share}",
        seen.rate(),
        seen.quantile(0.5).as_secs_f64() * 1e3,
        seen.quantile(0.99).as_secs_f64() * 1e3,
        seen.conflict_share() * 100.0,
        ledger * 1e6,
    )
}
