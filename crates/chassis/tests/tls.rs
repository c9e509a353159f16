//! TLS seen from a client: whom it trusts, whom the server lets in, what a reload changes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use trustkeep_chassis::clock::{Clock, ManualClock, SystemClock};
use trustkeep_chassis::http::{Incoming, Limits, ListenSettings, Listener, RequestContext, service_fn};
use trustkeep_chassis::shutdown::{Reload, Shutdown};
use trustkeep_chassis::tls::{
    self, ClientCertificates, DevCa, Error, ServerTls, TlsSettings, TlsVersion, client_config,
    load_certificates,
};

/// Says how many certificates the client sent.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let context = request.extensions().get::<RequestContext>().unwrap();
    let peer = context.connection().tls().unwrap();
    let text = format!("{:?} {} {:?}", request.version(), peer.certificates().len(), peer.server_name());
    Ok(Response::new(Full::from(text)))
}

async fn start(tls: ServerTls, limits: Limits) -> (SocketAddr, Shutdown) {
    let settings = ListenSettings::new("tls-test", SocketAddr::from(([127, 0, 0, 1], 0))).with_tls(tls);
    let listener = Listener::bind(settings.with_limits(limits)).await.unwrap();
    assert_eq!(listener.scheme(), "https");
    let (address, shutdown) = (listener.local_address(), Shutdown::new());
    tokio::spawn(listener.serve(service_fn(answer), shutdown.clone()));
    (address, shutdown)
}

async fn start_development(ca: &DevCa) -> (SocketAddr, ServerTls) {
    let tls = ServerTls::load(ca.server("server", &[]).unwrap()).unwrap();
    (start(tls.clone(), Limits::default()).await.0, tls)
}

fn development(folder: &TempDir) -> DevCa {
    DevCa::open_or_create(folder.path(), &SystemClock::new()).unwrap()
}

async fn get(
    address: SocketAddr,
    ca_file: &Path,
    identity: Option<(&Path, &Path)>,
) -> Result<String, reqwest::Error> {
    let config = client_config(ca_file, identity).unwrap();
    let client =
        reqwest::Client::builder().no_proxy().tls_backend_preconfigured((*config).clone()).build().unwrap();
    client.get(format!("https://localhost:{}/", address.port())).send().await?.text().await
}

async fn handshake(address: SocketAddr, ca_file: &Path) -> std::io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(client_config(ca_file, None).unwrap());
    connector.connect(ServerName::from(address.ip()), TcpStream::connect(address).await?).await
}

fn served_certificate(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap().first().unwrap().to_vec()
}

#[tokio::test]
async fn a_client_that_trusts_the_development_ca_is_served_and_another_is_not() {
    let (ours, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let ca = development(&ours);
    let (address, _) = start_development(&ca).await;
    assert_eq!(get(address, &ca.ca_file(), None).await.unwrap(), "HTTP/2.0 0 Some(\"localhost\")");
    handshake(address, &ca.ca_file()).await.unwrap();

    let stranger = development(&other);
    let error = handshake(address, &stranger.ca_file()).await.unwrap_err();
    assert!(
        error.to_string().contains("UnknownIssuer") || error.to_string().contains("BadSignature"),
        "{error}"
    );
}

#[tokio::test]
async fn a_reload_serves_the_new_certificate_and_leaves_established_connections_alone() {
    let folder = TempDir::new().unwrap();
    let ca = development(&folder);
    let (address, tls) = start_development(&ca).await;
    let mut old = handshake(address, &ca.ca_file()).await.unwrap();

    let settings = tls.settings().unwrap().clone();
    let renewed = ca.server("renewed", &["vault.example.org".to_owned()]).unwrap();
    fs::copy(&renewed.certificate_file, &settings.certificate_file).unwrap();
    // Half-way through a replacement the files do not match: the reload says so and the old certificate stays.
    let error = tls.reload().unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    assert_eq!(
        served_certificate(&handshake(address, &ca.ca_file()).await.unwrap()),
        served_certificate(&old)
    );
    fs::copy(&renewed.key_file, &settings.key_file).unwrap();
    tls.reload().unwrap();

    let new = handshake(address, &ca.ca_file()).await.unwrap();
    assert_eq!(served_certificate(&new), load_certificates(&renewed.certificate_file).unwrap()[0].to_vec());
    assert_ne!(served_certificate(&new), served_certificate(&old));
    // RFC 9113 section 3.4: the server answers the preface and our empty SETTINGS with SETTINGS (type 4) of its own.
    old.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0u8; 9];
    old.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4);
}

#[tokio::test]
async fn a_reload_request_reaches_the_certificates() {
    let folder = TempDir::new().unwrap();
    let ca = development(&folder);
    let (address, tls) = start_development(&ca).await;
    let (reload, shutdown) = (Reload::new(), Shutdown::new());
    let task = tokio::spawn(tls.clone().reload_on_request(reload.subscribe(), shutdown.clone()));
    let before = served_certificate(&handshake(address, &ca.ca_file()).await.unwrap());

    ca.server("server", &["vault.example.org".to_owned()]).unwrap();
    reload.trigger();
    let changed = async {
        while served_certificate(&handshake(address, &ca.ca_file()).await.unwrap()) == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), changed).await.unwrap();
    shutdown.trigger("test");
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn mutual_tls_lets_in_only_clients_of_its_ca() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (ca, stranger) = (development(&folder), development(&other));
    let settings = ca.server("server", &[]).unwrap();
    let tls = ServerTls::load(settings.with_client_certificates(ClientCertificates::Required(ca.ca_file())))
        .unwrap();
    let (address, _) = start(tls, Limits::default()).await;
    let (certificate, key) = ca.client("auditor").unwrap();
    let (false_certificate, false_key) = stranger.client("auditor").unwrap();

    let text = get(address, &ca.ca_file(), Some((&certificate, &key))).await.unwrap();
    assert_eq!(text, "HTTP/2.0 1 Some(\"localhost\")");
    assert!(get(address, &ca.ca_file(), None).await.is_err());
    assert!(get(address, &ca.ca_file(), Some((&false_certificate, &false_key))).await.is_err());
}

#[tokio::test]
async fn a_requested_certificate_may_be_any_or_none_and_reaches_the_service() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (ca, stranger) = (development(&folder), development(&other));
    let settings = ca.server("server", &[]).unwrap();
    let tls = ServerTls::load(settings.with_client_certificates(ClientCertificates::Requested)).unwrap();
    let (address, _) = start(tls, Limits::default()).await;
    let (certificate, key) = stranger.client("unknown").unwrap();
    assert!(get(address, &ca.ca_file(), Some((&certificate, &key))).await.unwrap().contains(" 1 "));
    assert!(get(address, &ca.ca_file(), None).await.unwrap().contains(" 0 "));
}

#[tokio::test]
async fn a_requested_certificate_may_be_of_version_1_but_its_key_must_sign() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (ca, stranger) = (development(&folder), development(&other));
    let (certificate, key) = stranger.client("old").unwrap();
    let (_, other_key) = stranger.client("other").unwrap();
    let old = version_1(&load_certificates(&certificate).unwrap()[0]);
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let mut settings = ca.server("server", &[]).unwrap();
        settings = settings.with_client_certificates(ClientCertificates::Requested);
        (settings.version_min, settings.version_max) = (version, version);
        let (address, _) = start(ServerTls::load(settings).unwrap(), Limits::default()).await;
        let text = get_as(address, &ca.ca_file(), old.clone(), &key).await.unwrap();
        assert!(text.contains(" 1 "), "{version:?}: {text}");
        let refused = get_as(address, &ca.ca_file(), old.clone(), &other_key).await;
        assert!(refused.is_err(), "{version:?}: a certificate without its key was taken");
    }
}

/// The certificate as version 1 knew it: the same key, no extensions. Nobody looks at its own signature.
fn version_1(certificate: &CertificateDer<'_>) -> CertificateDer<'static> {
    let der = |tag: u8, parts: &[&[u8]]| {
        let content = parts.concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], &content].concat()
    };
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).unwrap();
    let inside = &parsed.tbs_certificate;
    // ecdsa-with-SHA256; its bytes stand in the certificate once inside and once outside.
    let algorithm = der(0x30, &[&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]]);
    let time = |text: &[u8]| der(0x17, &[text]);
    let validity = der(0x30, &[&time(b"200101000000Z"), &time(b"491231235959Z")]);
    let tbs = der(
        0x30,
        &[
            &[0x02, 0x01, 0x07],
            &algorithm,
            inside.issuer.as_raw(),
            &validity,
            inside.subject.as_raw(),
            inside.subject_pki.raw,
        ],
    );
    let whole = der(0x30, &[&tbs, &algorithm, &[0x03, 0x02, 0x00, 0x00]]);
    let (_, back) = x509_parser::parse_x509_certificate(&whole).unwrap();
    assert_eq!(back.version, x509_parser::x509::X509Version::V1);
    CertificateDer::from(whole)
}

/// Asks with a certificate and a key that need not belong together.
async fn get_as(
    address: SocketAddr,
    ca_file: &Path,
    certificate: CertificateDer<'static>,
    key_file: &Path,
) -> Result<String, reqwest::Error> {
    let mut config = (*client_config(ca_file, None).unwrap()).clone();
    let key = PrivateKeyDer::from_pem_file(key_file).unwrap();
    let key = config.crypto_provider().key_provider.load_private_key(key).unwrap();
    let identity = Arc::new(CertifiedKey::new(vec![certificate], key));
    config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(identity));
    let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(config).build().unwrap();
    client.get(format!("https://localhost:{}/", address.port())).send().await?.text().await
}

#[tokio::test]
async fn versions_outside_the_configured_range_are_refused() {
    let folder = TempDir::new().unwrap();
    let ca = development(&folder);
    let mut settings = ca.server("server", &[]).unwrap();
    settings.version_max = TlsVersion::Tls12;
    let (address, _) = start(ServerTls::load(settings.clone()).unwrap(), Limits::default()).await;
    let stream = handshake(address, &ca.ca_file()).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    settings.version_min = TlsVersion::Tls13;
    assert!(matches!(ServerTls::load(settings).unwrap_err(), Error::Settings(_)));
    assert!("tls11".parse::<TlsVersion>().unwrap_err().to_string().contains("use tls12 or tls13"));
}

#[tokio::test]
async fn a_client_that_never_finishes_the_handshake_is_cut_off() {
    let folder = TempDir::new().unwrap();
    let tls = ServerTls::load(development(&folder).server("server", &[]).unwrap()).unwrap();
    let limits = Limits { handshake_timeout: Duration::from_millis(50), ..Limits::default() };
    let (address, _) = start(tls, limits).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    tokio::time::timeout(Duration::from_secs(20), end).await.unwrap().unwrap();
    assert!(bytes.is_empty());
}

#[test]
fn the_development_ca_is_reused_until_it_is_about_to_expire() {
    let folder = TempDir::new().unwrap();
    let clock = ManualClock::new(SystemClock::new().now());
    let day = Duration::from_secs(24 * 60 * 60);
    let read = |path: &Path| fs::read(path).unwrap();

    let ca = DevCa::open_or_create(folder.path(), &clock).unwrap();
    let first = ca.server("server", &[]).unwrap();
    let (authority, certificate) = (read(&ca.ca_file()), read(&first.certificate_file));
    for key in [folder.path().join("ca.key"), first.key_file.clone()] {
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600, "{}", key.display());
    }

    clock.advance(day * 300);
    let ca = DevCa::open_or_create(folder.path(), &clock).unwrap();
    assert_eq!(ca.server("server", &[]).unwrap(), first);
    assert_eq!(
        (read(&ca.ca_file()), read(&first.certificate_file)),
        (authority.clone(), certificate.clone())
    );

    // A further name needs a further certificate; a second one with fewer names does not.
    ca.server("server", &["vault.example.org".to_owned(), "10.0.0.7".to_owned()]).unwrap();
    let with_names = read(&first.certificate_file);
    assert_ne!(with_names, certificate);
    ca.server("server", &["10.0.0.7".to_owned()]).unwrap();
    assert_eq!(read(&first.certificate_file), with_names);

    clock.advance(day * 340);
    let ca = DevCa::open_or_create(folder.path(), &clock).unwrap();
    ca.server("server", &[]).unwrap();
    assert_eq!(read(&ca.ca_file()), authority);
    assert_ne!(read(&first.certificate_file), with_names);

    clock.advance(day * 3650);
    let ca = DevCa::open_or_create(folder.path(), &clock).unwrap();
    assert_ne!(read(&ca.ca_file()), authority);
    ServerTls::load(ca.server("server", &[]).unwrap()).unwrap();
}

#[test]
fn errors_name_the_file_and_what_is_wrong_with_it() {
    let folder = TempDir::new().unwrap();
    let ca = development(&folder);
    let (one, two) = (ca.server("one", &[]).unwrap(), ca.server("two", &[]).unwrap());
    let text = |certificate: &Path, key: &Path| {
        ServerTls::load(TlsSettings::new(certificate, key)).unwrap_err().to_string()
    };
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };

    let missing = text(&folder.path().join("gone.pem"), &one.key_file);
    assert!(missing.contains("gone.pem: cannot read the certificate file: No such file"), "{missing}");
    let prose = text(&write("prose.pem", "not a certificate"), &one.key_file);
    assert!(prose.contains("prose.pem: has no \"-----BEGIN CERTIFICATE-----\" section"), "{prose}");
    let broken = write("broken.pem", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    assert!(text(&broken, &one.key_file).contains("broken.pem: not valid PEM"));
    let swapped = text(&one.certificate_file, &one.certificate_file);
    assert!(swapped.contains("one.pem: has no \"-----BEGIN ... PRIVATE KEY-----\" section"), "{swapped}");
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = text(&one.certificate_file, &write("locked.key", locked));
    assert!(locked.contains("locked.key: the private key is encrypted"), "{locked}");
    let mismatch = text(&one.certificate_file, &two.key_file);
    assert!(mismatch.contains("two.key does not belong to the first certificate in"), "{mismatch}");
    assert!(ca.server("../evil", &[]).is_err());
}

#[test]
fn the_provider_may_be_installed_twice() {
    tls::install_provider();
    tls::install_provider();
    assert!(Arc::strong_count(&tls::provider()) >= 1);
}

#[test]
fn a_certificate_in_files_of_another_name_is_known_as_the_authoritys() {
    let folder = TempDir::new().unwrap();
    let ca = development(&folder);
    let elsewhere = TempDir::new().unwrap();
    let (certificate, key) = (elsewhere.path().join("a_cert.pem"), elsewhere.path().join("a_key.pem"));
    let issue = |hosts: &[&str]| {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        ca.server_at(certificate.clone(), key.clone(), "a", &hosts).unwrap();
        std::fs::read_to_string(&certificate).unwrap()
    };
    let first = issue(&["10.0.2.15"]);
    assert_eq!(issue(&["10.0.2.15"]), first, "it is good still");
    assert_ne!(issue(&["10.0.2.16"]), first, "it lacks an address");
    assert!(DevCa::made(&certificate).unwrap() && DevCa::made(&ca.ca_file()).unwrap());
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&certificate, stranger.cert.pem()).unwrap();
    assert!(!DevCa::made(&certificate).unwrap());
}
