//! Encryption: verified, or refused.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use trustkeep_store::Error;
use trustkeep_store_postgres::{PostgresSettings, PostgresStore};

use crate::server::Server;

/// An authority and where its certificate is.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let file = folder.join(format!("{name}.pem"));
        std::fs::write(&file, issuer.pem()).unwrap();
        Authority { issuer, file }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_names_are_verified() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (Authority::new(folder.path(), "ours"), Authority::new(folder.path(), "others"));
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, &ours.issuer).unwrap();

    let open = async |host: &str, query: String| {
        let url = server.url("postgres").replace("127.0.0.1", host);
        PostgresStore::open(PostgresSettings::parse(&format!("{url}?{query}")).unwrap()).await
    };
    let verified =
        |authority: &Authority| format!("sslmode=verify-full&sslrootcert={}", authority.file.display());
    let plain = open("localhost", verified(&ours)).await.unwrap_err();
    assert!(matches!(plain, Error::Unavailable(_)), "a server without TLS was accepted: {plain:?}");

    server.encrypt(&certificate.pem(), &key.serialize_pem());
    open("localhost", verified(&ours)).await.unwrap();
    for (host, query) in [("localhost", verified(&others)), ("127.0.0.1", verified(&ours))] {
        let refused = open(host, query.clone()).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{host} {query}: {refused:?}");
        assert!(refused.to_string().to_lowercase().contains("certificate"), "{refused}");
    }
    let missing = open("localhost", "sslmode=require&sslrootcert=/nowhere.pem".into()).await.unwrap_err();
    assert!(matches!(missing, Error::Invalid(_)), "{missing:?}");
}
