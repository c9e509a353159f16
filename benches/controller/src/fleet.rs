//! The part `fleet`: nodes made and removed at once and, as the original does it, one after the other; and many small units in one
//! answer.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::api::{Api, Tls};
use crate::controller::Controller;
use crate::nodes::{self, address};
use crate::options::Options;
use crate::print;
use crate::server::World;

/// Prints the tables.
///
/// # Errors
/// Something does not work.
pub(crate) async fn run(options: &Options, world: &World) -> anyhow::Result<()> {
    let controller = Controller::start(&options.program(), options.dir.as_deref()).await?;
    let api = controller.api().await?;
    let mut connection = api.connect().await?;
    print(nodes::HEAD);
    nodes::make(&api, &mut connection, world, options.fleet(), 1)
        .await?
        .remove(&api, &mut connection, world)
        .await?;
    one_by_one(&api, &mut connection, world, options.fleet()).await?;
    let units = options.units();
    let made = nodes::make(&api, &mut connection, world, units * NODES_OF_A_UNIT, units).await?;
    print(&format!("\n{}", nodes::LISTED));
    nodes::list(&controller, &api, 1, options.requests()).await?;
    print(&format!("\n{}", nodes::HEAD));
    made.remove(&api, &mut connection, world).await?;
    controller.process.stop().await
}

/// Makes a unit of one node when the one before runs, then removes each when the one before is gone.
async fn one_by_one(api: &Api, connection: &mut Tls, world: &World, count: usize) -> anyhow::Result<()> {
    world.forget();
    let vcid = api.create_group(connection, "serial").await?;
    let began = Instant::now();
    for at in 0..count {
        api.add_unit(connection, &vcid, &format!("unit{at}"), &[address(at)]).await?;
        api.until_running(connection, &vcid, at + 1).await?;
    }
    print(&format!("| {count} made, one after the other | {:.2} s | | | |", began.elapsed().as_secs_f64()));
    let began = Instant::now();
    for at in 0..count {
        let path = format!("/vcs/{vcid}/unit{at}");
        connection.send(&api.call("DELETE", &path, &json!({ "force": "false" }))).await?;
        while connection.status(&api.call("GET", &path, &Value::Null)).await? != "404" {
            tokio::time::sleep(PAUSE).await;
        }
    }
    print(&format!(
        "| {count} removed, one after the other | {:.2} s | | | |",
        began.elapsed().as_secs_f64()
    ));
    ensure!(world.occupied() == 0, "{} servers still have a container", world.occupied());
    api.delete_group(connection, &vcid, 1).await
}

const NODES_OF_A_UNIT: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);
