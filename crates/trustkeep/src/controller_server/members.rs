//! What the gossip of nodes says is looked at by the controller; what stands in its book is counted.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_controller::membership::{self, EVENTS_MAX, GOSSIP_PORT, MemberEventKind, Settings};
use trustkeep_controller::metrics;
use trustkeep_controller::service::Controller;
use trustkeep_crypto::random::SystemRandom;

/// Joins the nodes' gossip, and looks at whoever was lost or came back. On loopback there are no nodes to talk to: the controller's own checks
/// are all there is.
pub(super) fn follow(controller: &Controller, data_dir: &Path, supervisor: &Supervisor) {
    let shutdown = supervisor.shutdown();
    supervisor.spawn("controller metrics", metrics::run(controller.shared_parts(), shutdown.clone()));
    let identity = &controller.parts().identity;
    if identity.address.is_loopback() {
        return;
    }
    let mut settings = Settings::new(identity.address, &identity.vcc_id);
    let is_elsewhere = identity.join_address != identity.address;
    settings.advertise = is_elsewhere.then(|| (identity.join_address, GOSSIP_PORT).into());
    settings.snapshot = Some(data_dir.join("serf.snapshot"));
    let (events, mut heard) = mpsc::channel(EVENTS_MAX);
    let member = membership::run(settings, Arc::new(SystemRandom), events, shutdown.clone());
    supervisor.spawn("controller member", member);
    let (controller, shutdown) = (controller.clone(), shutdown.clone());
    supervisor.spawn("controller member events", async move {
        loop {
            let event = tokio::select! {
                () = shutdown.wait() => return Ok::<_, Infallible>(()),
                event = heard.recv() => event,
            };
            let Some(event) = event else {
                shutdown.wait().await;
                return Ok(());
            };
            metrics::member_event(event.kind);
            if matches!(event.kind, MemberEventKind::Failed | MemberEventKind::Left | MemberEventKind::Joined)
            {
                controller.noticed(&event.node.vcid, &event.node.unit, event.node.node_no);
            }
        }
    });
}
