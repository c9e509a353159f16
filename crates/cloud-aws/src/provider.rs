//! The providers `aws` and `aws_spot`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trustkeep_aws::{Client, Connections, Context, Retry};
use trustkeep_cloud::{Capabilities, Disk, DiskOrder, Fault, Kind, Machine, Order, Place, Provider, Result};

use crate::ec2::Ec2;
use crate::image::Choice;
use crate::machine::{self, Life};
use crate::memory::Memory;
use crate::recent::Recent;
use crate::site::Site;

/// Amazon EC2, on demand ([`Aws::new`]) or spot ([`Aws::spot`]). Cheap to clone; what it remembers is shared.
#[derive(Clone)]
pub struct Aws {
    pub(crate) market: Market,
    pub(crate) shared: Arc<Shared>,
}

/// Limits of the calls.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often and how patiently a call is repeated.
    pub retry: Retry,
    /// The limit for connecting: 5 s.
    pub connect_timeout: Duration,
    /// The limit for one attempt as a whole: 20 s, as starting an instance takes some.
    pub attempt_timeout: Duration,
    /// How many entries of a list one answer may have: 400, 5 to 500.
    pub page_size: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let (base, delay_max) = (Duration::from_millis(250), Duration::from_secs(4));
        Self {
            retry: Retry { attempts_max: 5, base, delay_max },
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(20),
            page_size: 400,
        }
    }
}

/// How instances are paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Market {
    OnDemand,
    Spot,
}

/// What all clones have in common.
pub(crate) struct Shared {
    pub(crate) context: Context,
    pub(crate) settings: Settings,
    connections: Connections,
    /// By region, account's key, image as named, architecture.
    pub(crate) images: Memory<(String, String, String, String), Choice>,
    /// By region and instance type.
    pub(crate) architectures: Memory<(String, String), String>,
    /// By region, account's key, subnet.
    pub(crate) subnets: Memory<(String, String, String), crate::ec2::Subnet>,
    pub(crate) recent: Recent,
}

impl Aws {
    /// The provider `aws`. Of the context's environment only `AWS_ENDPOINT_URL_EC2` and `AWS_ENDPOINT_URL` count.
    ///
    /// # Errors
    /// [`trustkeep_aws::Error::Setting`] if TLS fails to set up.
    pub fn new(context: Context, settings: Settings) -> trustkeep_aws::Result<Self> {
        let connections = Connections::new(settings.connect_timeout, settings.attempt_timeout)?;
        let clock = || context.clock.clone();
        let (images, architectures, subnets) =
            (Memory::new(clock()), Memory::new(clock()), Memory::new(clock()));
        let recent = Recent::new(clock());
        let shared = Shared { context, settings, connections, images, architectures, subnets, recent };
        Ok(Self { market: Market::OnDemand, shared: Arc::new(shared) })
    }

    /// The provider `aws_spot`, over the same connections.
    #[must_use]
    pub fn spot(&self) -> Self {
        Self { market: Market::Spot, shared: self.shared.clone() }
    }

    fn visit<'a>(&'a self, place: &'a Place) -> Result<Visit<'a>> {
        let site = Site::of(place, self.name())?;
        let mut client = Client::builder("ec2", &site.region)
            .credentials(Arc::new(site.credentials.clone()))
            .context(self.shared.context.clone())
            .retry(self.shared.settings.retry)
            .connections(&self.shared.connections);
        if let Some(endpoint) = self.shared.context.env.endpoint("ec2") {
            client = client.endpoint(endpoint);
        }
        let client = client.build().map_err(|error| Fault::new(Kind::Invalid, error.to_string()))?;
        let page_size = self.shared.settings.page_size;
        Ok(Visit { aws: self, place, site, ec2: Ec2 { client, page_size } })
    }
}

/// One call's use of EC2: where, as whom, and with what.
pub(crate) struct Visit<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) place: &'a Place,
    pub(crate) site: Site,
    pub(crate) ec2: Ec2,
}

#[async_trait::async_trait]
impl Provider for Aws {
    fn name(&self) -> &'static str {
        match self.market {
            Market::OnDemand => "aws",
            Market::Spot => "aws_spot",
        }
    }

    fn capabilities(&self) -> Capabilities {
        let power = self.market == Market::OnDemand;
        Capabilities { power, disks: true, tags: true, fixed_address: true, ..Default::default() }
    }

    fn realm(&self) -> &'static str {
        "aws"
    }

    async fn create(&self, place: &Place, order: &Order) -> Result<Machine> {
        let visit = self.visit(place)?;
        let found = visit.find(&order.token).await?;
        match found.alive.first() {
            Some(instance) => Ok(machine::of(instance)),
            None => Box::pin(visit.launch(order, &found.gone)).await,
        }
    }

    async fn settle(&self, place: &Place, order: &Order) -> Result<Option<Machine>> {
        let visit = self.visit(place)?;
        let found = visit.find(&order.token).await?;
        let Some(instance) = found.alive.first() else {
            return Ok(found.gone.first().map(machine::of));
        };
        let mut machine = machine::of(instance);
        if !order.volumes.is_empty() && matches!(Life::of(instance), Life::Running | Life::Stopped) {
            machine.volumes = visit.attach(&machine, &order.volumes).await?;
        }
        Ok(Some(machine))
    }

    async fn delete(&self, place: &Place, token: &str) -> Result<bool> {
        let visit = self.visit(place)?;
        let mut ids = match self.market {
            Market::Spot => visit.cancel_spot_requests(token).await?,
            Market::OnDemand => Vec::new(),
        };
        let found = visit.find(token).await?;
        ids.retain(|id| !found.gone.iter().any(|gone| gone.instance_id == *id));
        ids.extend(found.alive.into_iter().map(|instance| instance.instance_id));
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(true);
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let states = match visit.ec2.terminate(&ids).await {
            Ok(states) => states,
            // One that a spot request had, and that is forgotten by now: the request is too, next time.
            Err(failure) if failure.code() == "InvalidInstanceID.NotFound" => return Ok(false),
            Err(failure) => return Err(failure.into()),
        };
        Ok(states.len() == ids.len() && states.iter().all(|state| state == "terminated"))
    }

    async fn power(&self, place: &Place, token: &str, on: bool) -> Result<()> {
        if self.market == Market::Spot {
            let text = "power operations: AWS decides when a spot instance runs; use stop and start, which make it anew";
            return Err(self.unsupported(text));
        }
        self.visit(place)?.power(token, on).await
    }

    async fn list(&self, place: &Place, owner: &str) -> Result<Vec<Machine>> {
        let visit = self.visit(place)?;
        let mut machines = visit.list(owner).await?;
        if self.market == Market::Spot {
            let waiting = visit.spot_requests_without(owner, &machines).await?;
            machines.extend(waiting);
        }
        Ok(machines)
    }

    async fn create_disk(&self, place: &Place, order: &DiskOrder) -> Result<Disk> {
        self.visit(place)?.create_disk(order).await
    }

    async fn delete_disk(&self, place: &Place, token: &str) -> Result<bool> {
        self.visit(place)?.delete_disk(token).await
    }

    async fn list_disks(&self, place: &Place, owner: &str) -> Result<Vec<Disk>> {
        self.visit(place)?.list_disks(owner).await
    }
}

impl Visit<'_> {
    /// Waits before something is tried again after the `n`-th time.
    pub(crate) async fn pause(&self, n: u32) {
        let retry = &self.aws.shared.settings.retry;
        tokio::time::sleep((retry.base * n).min(retry.delay_max)).await;
    }

    pub(crate) fn attempts_max(&self) -> u32 {
        self.aws.shared.settings.retry.attempts_max
    }

    pub(crate) fn invalid(&self, text: impl fmt::Display) -> Fault {
        Fault::new(Kind::Invalid, format!("{}: {text}", self.aws.name()))
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("market", &self.market).finish_non_exhaustive()
    }
}
