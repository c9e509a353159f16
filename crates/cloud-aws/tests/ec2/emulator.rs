//! The emulators: started once a test process, stopped when it ends.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::OnceLock;

use tempfile::NamedTempFile;
use trustkeep_emulator::Server;

/// An emulator that answers.
#[derive(Clone, Debug)]
pub(crate) struct Emulator {
    pub(crate) name: &'static str,
    pub(crate) endpoint: String,
}

/// What a test is about, and which emulators cannot show it.
type Lack = (&'static str, &'static str);

impl Emulator {
    /// Those that are installed and can show what the test is about; says which are passed over, and why.
    pub(crate) fn all(lacks: &[Lack]) -> Vec<Emulator> {
        let installed = [moto(), ministack()].into_iter().flatten();
        let (able, unable): (Vec<_>, Vec<_>) =
            installed.partition(|emulator| !lacks.iter().any(|(name, _)| *name == emulator.name));
        for emulator in unable {
            let reason = lacks.iter().find(|(name, _)| *name == emulator.name).unwrap().1;
            println!("SKIPPED cloud-aws ({}): {reason}", emulator.name);
        }
        able
    }

    /// A moto of its own, as it checks either nobody's rights or everybody's.
    pub(crate) fn that_checks_rights() -> Option<Emulator> {
        static STARTED: OnceLock<Option<Started>> = OnceLock::new();
        of("moto", "TRUSTKEEP_TEST_MOTO_SERVER", STARTED.get_or_init(start_moto))
    }
}

fn moto() -> Option<Emulator> {
    static STARTED: OnceLock<Option<Started>> = OnceLock::new();
    of("moto", "TRUSTKEEP_TEST_MOTO_SERVER", STARTED.get_or_init(start_moto))
}

fn start_moto() -> Option<Started> {
    let mut images = NamedTempFile::new().unwrap();
    images.write_all(images_of_moto().as_bytes()).unwrap();
    let environment = [
        ("MOTO_AMIS_PATH", images.path().to_str().unwrap()),
        ("MOTO_ENABLE_AMI_VALIDATION", "true"),
        ("MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "true"),
    ];
    let server = Server::moto(&environment).unwrap()?;
    Some(Started { server, _images: Some(images) })
}

fn ministack() -> Option<Emulator> {
    static STARTED: OnceLock<Option<Started>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        let program = std::env::var("TRUSTKEEP_TEST_MINISTACK").ok()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let environment = [
            ("GATEWAY_PORT", port.as_str()),
            ("BIND_HOST", "127.0.0.1"),
            ("MINISTACK_REGION", crate::account::REGION),
        ];
        let server = Server::start(&[&program], &environment, Path::new(".")).unwrap();
        Some(Started { server, _images: None })
    });
    of("MiniStack", "TRUSTKEEP_TEST_MINISTACK", started)
}

fn of(name: &'static str, variable: &str, started: &Option<Started>) -> Option<Emulator> {
    match started {
        Some(started) => Some(Emulator { name, endpoint: started.server.endpoint.clone() }),
        None => {
            println!("SKIPPED cloud-aws ({name}): {variable} is not set");
            None
        }
    }
}

struct Started {
    server: Server,
    /// Read when it is first asked about EC2.
    _images: Option<NamedTempFile>,
}

/// Canonical's images by name, architecture and day, some that are not meant, and one of the account's own.
fn images_of_moto() -> String {
    let canonical = "099720109477";
    let rows = [
        (
            "ami-24040001",
            canonical,
            "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20250101",
            "x86_64",
            "2025-01-01",
        ),
        (
            "ami-24040002",
            canonical,
            "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260301",
            "x86_64",
            "2026-03-01",
        ),
        (
            "ami-2404a001",
            canonical,
            "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20260301",
            "arm64",
            "2026-03-01",
        ),
        (
            "ami-22040001",
            canonical,
            "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260601",
            "x86_64",
            "2026-06-01",
        ),
        (
            "ami-24100001",
            canonical,
            "ubuntu/images/hvm-ssd-gp3/ubuntu-oracular-24.10-amd64-server-20260701",
            "x86_64",
            "2026-07-01",
        ),
        (
            "ami-0000beef",
            "666666666666",
            "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101",
            "x86_64",
            "2026-11-01",
        ),
        (
            "ami-00000001",
            "123456789012",
            "niivcp-25.04.0-x86_64-ubuntu24.04-gpu-a-r1.0",
            "x86_64",
            "2025-04-01",
        ),
    ];
    let images: Vec<_> = rows
        .map(|(id, owner, name, architecture, day)| {
            serde_json::json!({
                "ami_id": id, "owner_id": owner, "name": name, "architecture": architecture,
                "creation_date": format!("{day}T00:00:00.000Z"), "description": name, "public": true, "state": "available",
                "root_device_type": "ebs", "root_device_name": "/dev/sda1", "sriov": "simple", "image_type": "machine",
                "image_location": "amazon/x", "virtualization_type": "hvm", "hypervisor": "xen", "platform": null,
            })
        })
        .into();
    serde_json::Value::Array(images).to_string()
}
