//! The parts `one-unit` and `many`: nodes made, watched, listed, started upon and removed.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;
use tokio::task::JoinSet;
use trustkeep_bench_rig::quantile;

use crate::api::{Api, Tls};
use crate::controller::Controller;
use crate::options::Options;
use crate::server::World;
use crate::{mib, millis, print, start};

/// One node alone, then some in one unit.
///
/// # Errors
/// Something does not work.
pub(crate) async fn one_unit(options: &Options, world: &World) -> anyhow::Result<()> {
    let controller = Controller::start(&options.program(), options.dir.as_deref()).await?;
    let api = controller.api().await?;
    let mut connection = api.connect().await?;
    print(HEAD);
    make(&api, &mut connection, world, 1, 1).await?.remove(&api, &mut connection, world).await?;
    let made = make(&api, &mut connection, world, options.unit(), 1).await?;
    let watched = watch(&controller, options).await?;
    made.remove(&api, &mut connection, world).await?;
    print(&format!("\n{WATCHED}\n{}\n", watched.row(options.unit())));
    controller.process.stop().await
}

/// Many, in ten units.
///
/// # Errors
/// Something does not work.
pub(crate) async fn many(options: &Options, world: &World) -> anyhow::Result<()> {
    let mut controller = Controller::start(&options.program(), options.dir.as_deref()).await?;
    let api = controller.api().await?;
    let mut connection = api.connect().await?;
    print(HEAD);
    let made = make(&api, &mut connection, world, options.many(), UNITS).await?;
    let watched = watch(&controller, options).await?;
    print(&format!("\n{WATCHED}\n{}\n\n{LISTED}", watched.row(made.servers.len())));
    for clients in &options.clients {
        list(&controller, &api, (*clients).max(1), options.requests()).await?;
    }
    drop(connection);
    let mut starts = Vec::new();
    for _ in 0..options.starts() {
        controller = controller.restart().await?;
        starts.push(controller.ready_in);
    }
    print("\n| start of the process to the first 200 | fastest | median |\n| --- | ---: | ---: |");
    print(&start::row(&format!("on a record of {} nodes", made.servers.len()), &mut starts));
    print(&format!(
        "\nAfter that start {} resident; data {}.\n\n{HEAD}",
        mib(controller.process.resident()?),
        mib(controller.stored())
    ));
    let mut connection = api.connect().await?;
    made.remove(&api, &mut connection, world).await?;
    print(&format!("\nMost memory ever after that start {}.\n", mib(controller.process.peak()?)));
    controller.process.stop().await
}

/// Nodes of one unit group.
pub(crate) struct Made {
    vcid: String,
    servers: Vec<IpAddr>,
}

/// Makes so many nodes in so many units at once, and prints their row.
///
/// # Errors
/// Something does not work.
pub(crate) async fn make(
    api: &Api,
    connection: &mut Tls,
    world: &World,
    count: usize,
    units: usize,
) -> anyhow::Result<Made> {
    world.forget();
    let servers: Vec<IpAddr> = (0..count).map(address).collect();
    let began = Instant::now();
    let vcid = api.create_group(connection, "bench").await?;
    for (at, servers) in servers.chunks(count.div_ceil(units)).enumerate() {
        api.add_unit(connection, &vcid, &format!("unit{at}"), servers).await?;
    }
    api.until_running(connection, &vcid, count).await?;
    let wall = began.elapsed();
    let mut paths = world.paths(&servers);
    ensure!(paths.len() == count, "{} of {count} servers greeted", paths.len());
    paths.sort_unstable();
    print(&format!(
        "| {count} made, in {units} unit(s) | {:.2} s | {:.2} s | {:.2} s | {:.0} s |",
        wall.as_secs_f64(),
        quantile(&paths, 0.5).as_secs_f64(),
        quantile(&paths, 1.0).as_secs_f64(),
        paths.iter().sum::<Duration>().as_secs_f64(),
    ));
    Ok(Made { vcid, servers })
}

impl Made {
    /// Removes them all at once, and prints their row.
    ///
    /// # Errors
    /// Something does not work.
    pub(crate) async fn remove(self, api: &Api, connection: &mut Tls, world: &World) -> anyhow::Result<()> {
        let began = Instant::now();
        api.delete_group(connection, &self.vcid, self.servers.len()).await?;
        let wall = began.elapsed();
        ensure!(world.occupied() == 0, "{} servers still have a container", world.occupied());
        print(&format!("| {} removed | {:.2} s | | | |", self.servers.len(), wall.as_secs_f64()));
        Ok(())
    }
}

/// What a controller uses that only looks after its nodes.
struct Watched {
    over: Duration,
    cpu: Duration,
    resident: u64,
    anonymous: u64,
    peak: u64,
}

async fn watch(controller: &Controller, options: &Options) -> anyhow::Result<Watched> {
    let (began, cpu) = (Instant::now(), controller.process.cpu()?);
    tokio::time::sleep(options.settle()).await;
    let process = &controller.process;
    Ok(Watched {
        over: began.elapsed(),
        cpu: process.cpu()? - cpu,
        resident: process.resident()?,
        anonymous: process.anonymous()?,
        peak: process.peak()?,
    })
}

impl Watched {
    fn row(&self, nodes: usize) -> String {
        let share = self.cpu.as_secs_f64() / self.over.as_secs_f64().max(0.001);
        format!(
            "| {nodes} | {:.0} s | {} | {} | {} | {:.1} ms | {:.2} ms |",
            self.over.as_secs_f64(),
            mib(self.resident),
            mib(self.anonymous),
            mib(self.peak),
            share * 1e3,
            share * 1e3 / nodes as f64,
        )
    }
}

/// `GET /vcs` by clients that each ask when they were answered, and its row.
///
/// # Errors
/// Something does not work.
pub(crate) async fn list(
    controller: &Controller,
    api: &Api,
    clients: usize,
    requests: usize,
) -> anyhow::Result<()> {
    let each = requests.div_ceil(clients);
    let (began, cpu) = (Instant::now(), controller.process.cpu()?);
    let request = Arc::new(api.call("GET", "/vcs", &Value::Null));
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (mut connection, request) = (api.connect().await?, request.clone());
        tasks.spawn(async move {
            let mut latencies = Vec::with_capacity(each);
            for _ in 0..each {
                let sent = Instant::now();
                connection.send(&request).await?;
                latencies.push(sent.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    let (elapsed, cpu) = (began.elapsed(), controller.process.cpu()? - cpu);
    latencies.sort_unstable();
    let count = latencies.len() as f64;
    print(&format!(
        "| {clients} | {:.0} | {} | {} | {} | {:.2} ms |",
        count / elapsed.as_secs_f64(),
        millis(quantile(&latencies, 0.5)),
        millis(quantile(&latencies, 0.99)),
        millis(quantile(&latencies, 1.0)),
        cpu.as_secs_f64() * 1e3 / count,
    ));
    Ok(())
}

/// The address of a simulated server: 127.16.0.1 and on.
pub(crate) fn address(at: usize) -> IpAddr {
    let first = u32::from(Ipv4Addr::new(127, 16, 0, 1));
    Ipv4Addr::from(first.saturating_add(u32::try_from(at).unwrap_or(u32::MAX))).into()
}

const UNITS: usize = 10;
pub(crate) const HEAD: &str = "| nodes | wall time | a node, median | the slowest node | one after the other |\n\
     | --- | ---: | ---: | ---: | ---: |";
const WATCHED: &str = "| nodes under watch | for | resident | of it its own | most ever | processor time a second | a node |\n\
     | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";
pub(crate) const LISTED: &str = "| clients of GET /vcs | requests/s | p50 | p99 | longest | controller CPU each |\n\
     | ---: | ---: | ---: | ---: | ---: | ---: |";
