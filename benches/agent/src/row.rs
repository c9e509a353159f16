//! A row of the table.

use std::time::Duration;

use trustkeep_bench_rig::quantile;

use crate::agent::Agent;
use crate::print;

pub(crate) const HEAD: &str = "| agent | wallet | what | peers | a second | p50 | p99 | agent CPU each | memory |\n\
     | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |";

/// A row that is being measured.
pub(crate) struct Row<'a> {
    agent: &'a Agent<'a>,
    cpu: Duration,
}

impl<'a> Row<'a> {
    pub(crate) fn begin(agent: &'a Agent<'_>) -> anyhow::Result<Self> {
        Ok(Self { agent, cpu: agent.process.cpu()? })
    }

    pub(crate) fn end(
        self,
        what: &str,
        peers: usize,
        elapsed: Duration,
        latencies: &mut [Duration],
    ) -> anyhow::Result<()> {
        let cpu = self.agent.process.cpu()? - self.cpu;
        let count = latencies.len().max(1) as f64;
        latencies.sort_unstable();
        let millis = |share| quantile(latencies, share).as_secs_f64() * 1e3;
        print(&format!(
            "| {} | {what} | {peers} | {:.0} | {:.2} ms | {:.2} ms | {:.3} ms | {} MiB |",
            self.agent.setting.columns(),
            count / elapsed.as_secs_f64(),
            millis(0.5),
            millis(0.99),
            cpu.as_secs_f64() * 1e3 / count,
            self.agent.process.resident()? >> 20,
        ));
        Ok(())
    }
}
