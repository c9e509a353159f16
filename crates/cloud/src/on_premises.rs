//! Existing servers: machines that were there before and stay when a node is gone.

use std::net::IpAddr;

use crate::fault::{Fault, Kind, Result};
use crate::machine::{Machine, MachineState, Order};
use crate::provider::{Capabilities, Place, Provider};

/// The provider `onpremises`: every machine exists, is addressed by its order and is as it should be. Whether it answers is found by
/// [`crate::Hosts`].
#[derive(Clone, Copy, Debug, Default)]
pub struct OnPremises;

#[async_trait::async_trait]
impl Provider for OnPremises {
    fn name(&self) -> &'static str {
        "onpremises"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { fixed_address: true, existing: true, ..Default::default() }
    }

    async fn create(&self, _: &Place, order: &Order) -> Result<Machine> {
        let address = order.address.ok_or_else(|| {
            Fault::new(Kind::Invalid, "onpremises: ip_addresses must name the server of each node")
        })?;
        Ok(server(&order.token, address))
    }

    async fn settle(&self, place: &Place, order: &Order) -> Result<Option<Machine>> {
        self.create(place, order).await.map(Some)
    }

    async fn delete(&self, _: &Place, _: &str) -> Result<bool> {
        Ok(true)
    }

    async fn power(&self, _: &Place, _: &str, _: bool) -> Result<()> {
        Err(self.unsupported("power operations: the server is yours to switch"))
    }

    async fn list(&self, _: &Place, _: &str) -> Result<Vec<Machine>> {
        Ok(Vec::new())
    }
}

fn server(token: &str, address: IpAddr) -> Machine {
    Machine {
        id: address.to_string(),
        token: token.to_owned(),
        state: MachineState::Running,
        address: Some(address),
        volumes: Vec::new(),
        launched_at: None,
        reason: None,
    }
}
