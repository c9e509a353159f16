//! An account at an emulator, behind a proxy of its own: a network, places in it, and a look at it from outside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Map, Value};
use trustkeep_aws::{Call, Client, Context, Credentials, Env, Retry};
use trustkeep_cloud::{DiskOrder, Order, Place};
use trustkeep_cloud_aws::{Aws, Settings};
use trustkeep_crypto::SecretString;
use trustkeep_emulator::{Fate, Proxy};

use crate::emulator::Emulator;

pub(crate) const REGION: &str = "ap-northeast-1";
pub(crate) const ZONE: &str = "ap-northeast-1a";
pub(crate) const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOrder vcc";

pub(crate) struct Account {
    pub(crate) emulator: Emulator,
    pub(crate) proxy: Proxy,
    /// Through the proxy, with short pauses.
    pub(crate) aws: Aws,
    /// Another controller in each test.
    pub(crate) owner: String,
    pub(crate) subnet: String,
    group: String,
    /// Past the proxy, with what a user of the account may do.
    console: Client,
}

impl Account {
    /// One for each emulator that can show what the test is about.
    pub(crate) async fn each(lacks: &[(&'static str, &'static str)]) -> Vec<Account> {
        let emulators = tokio::task::spawn_blocking({
            let lacks = lacks.to_vec();
            move || Emulator::all(&lacks)
        });
        let mut accounts = Vec::new();
        for emulator in emulators.await.unwrap() {
            accounts.push(Self::at(emulator).await);
        }
        accounts
    }

    pub(crate) async fn at(emulator: Emulator) -> Self {
        let proxy = Proxy::before(&emulator.endpoint).await.unwrap();
        let context = Context {
            env: Env::fixed([("AWS_ENDPOINT_URL_EC2", proxy.endpoint.clone())]),
            ..Context::process()
        };
        let mut account = Account {
            aws: Aws::new(context, settings()).unwrap(),
            owner: unique(),
            subnet: String::new(),
            group: String::new(),
            console: console("ec2", &emulator.endpoint),
            emulator,
            proxy,
        };
        // moto makes its backend at the first request, and two at once are too many for that.
        static FIRST: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let first = FIRST.lock().await;
        let vpc = account.console("CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await;
        drop(first);
        let vpc = text(&vpc, "vpcId").unwrap();
        let subnet = [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.2.0/24"), ("AvailabilityZone", ZONE)];
        account.subnet = text(&account.console("CreateSubnet", &subnet).await, "subnetId").unwrap();
        let group = [("VpcId", vpc.as_str()), ("GroupName", &account.owner), ("GroupDescription", "nodes")];
        account.group = text(&account.console("CreateSecurityGroup", &group).await, "groupId").unwrap();
        account
    }

    /// An operation on behalf of the account's owner: its answer.
    pub(crate) async fn console(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        let call = Call::query(action, "2016-11-15", parameters.iter().copied());
        let reply = self.console.send(call).await.unwrap();
        String::from_utf8(reply.body().expose().to_vec()).unwrap()
    }

    /// Instances of the token that are not terminated, counted past the proxy.
    pub(crate) async fn living(&self, token: &str) -> usize {
        let parameters = [("Filter.1.Name", "tag:trustkeep:node"), ("Filter.1.Value.1", token)];
        let answer = self.console("DescribeInstances", &parameters).await;
        answer.matches("<instanceId>").count() - answer.matches("<name>terminated</name>").count()
    }

    /// The network of this account, as a catalogue and a spec describe it.
    pub(crate) fn place(&self, params: Value) -> Place {
        let network = [
            ("aws_region", REGION),
            ("aws_vpc_subnet_id", &self.subnet),
            ("aws_vpc_security_group_id", &self.group),
            ("private_network_ipmask", "10.0.2.0/24"),
        ];
        let Value::Object(given) = params else { panic!("params are an object") };
        let mut params: Map<String, Value> = Map::new();
        params.insert("cci_version".into(), "1.2".into());
        params.insert("instance_type".into(), "m5.large".into());
        params.insert("cloud_image".into(), "default".into());
        params.extend(given);
        Place {
            network: network.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            params,
            credentials: [("access_key", "AKIASPEC"), ("secret_key", "secret")]
                .into_iter()
                .map(|(key, value)| (key.to_owned(), SecretString::new(value.to_owned())))
                .collect(),
            owner: self.owner.clone(),
        }
    }
}

/// A service at an endpoint, on behalf of the account's owner.
pub(crate) fn console(service: &str, endpoint: &str) -> Client {
    let credentials = Credentials {
        access_key_id: "AKIACONSOLE".into(),
        secret_access_key: SecretString::new("secret".into()),
        session_token: None,
        expires_at: None,
        source: "test",
    };
    let client =
        Client::builder(service, REGION).endpoint(endpoint).credentials(Arc::new(Arc::new(credentials)));
    client.build().unwrap()
}

/// An error as EC2 words it.
pub(crate) fn refuse(status: u16, code: &str, text: &str) -> Fate {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{text}</Message>\
         </Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"
    );
    Fate::xml(status, body)
}

/// Short pauses and time limits, small pages.
pub(crate) fn settings() -> Settings {
    let (base, delay_max) = (Duration::from_millis(5), Duration::from_millis(50));
    Settings {
        retry: Retry { attempts_max: 4, base, delay_max },
        connect_timeout: Duration::from_secs(1),
        attempt_timeout: Duration::from_secs(10),
        page_size: 5,
    }
}

/// An order of a node that no other test has.
pub(crate) fn order() -> Order {
    let user = [("course", "linux & sécurité"), ("vcid", "a1")];
    Order {
        token: unique(),
        name: "VCP-0123abcd-4567cdef".into(),
        address: None,
        mac: None,
        public_key: KEY.into(),
        tags: user.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        volumes: Vec::new(),
    }
}

pub(crate) fn disk_order() -> DiskOrder {
    DiskOrder { token: unique(), name: "VCP-0123abcd-4567cdef".into(), tags: BTreeMap::new() }
}

/// 32 hexadecimal digits, others each time.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{:016x}{:016x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The first element's text.
pub(crate) fn text(xml: &str, element: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{element}>"))?;
    Some(rest.split_once('<')?.0.to_owned())
}
