use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::OffsetDateTime;
use uuid::Uuid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use super::{Error, TlsSettings, files};
use crate::clock::{Clock, Timestamp};

/// A certificate authority for development, made at first start in a folder of the operator's and never shipped.
///
/// Files: `ca.pem` (what clients trust), `ca.key`, and `NAME.pem` with `NAME.key` for each certificate issued; keys are
/// readable by their owner alone. Everything is reused at the next start and renewed before it expires. Keys are
/// ECDSA on P-256.
#[derive(Debug)]
pub struct DevCa {
    folder: PathBuf,
    now: Timestamp,
    issuer: Issuer<'static, KeyPair>,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Server,
    Client,
}

impl DevCa {
    /// Opens the authority in `folder`, or makes the folder and the authority. An authority within 30 days of its end is
    /// replaced, and with it, when they are next asked for, the certificates it issued.
    ///
    /// # Errors
    /// If files cannot be read or written, or are not what this function once wrote.
    pub fn open_or_create(folder: impl Into<PathBuf>, clock: &dyn Clock) -> Result<Self, Error> {
        let (folder, now) = (folder.into(), clock.now());
        fs::create_dir_all(&folder).map_err(|source| Error::File {
            path: folder.clone(),
            what: "cannot make the folder for development certificates",
            source,
        })?;
        let (certificate_file, key_file) = (folder.join("ca.pem"), folder.join("ca.key"));
        if !certificate_file.exists() || !key_file.exists() || expires_soon(&certificate_file, now)? {
            create_authority(&certificate_file, &key_file, now)?;
        }
        let key = read_key(&key_file)?;
        let certificate = first_certificate(&certificate_file)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| files::content(&certificate_file, format!("not a CA certificate: {error}")))?;
        Ok(Self { folder, now, issuer })
    }

    /// The certificate that clients must trust.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A server certificate for `localhost`, `127.0.0.1`, `::1` and the given host names and addresses, valid for a year.
    /// The one from an earlier call is reused if it covers the names, comes from this authority and has 30 days left.
    ///
    /// # Errors
    /// If a name is not one, or files cannot be read or written.
    pub fn server(&self, name: &str, hosts: &[String]) -> Result<TlsSettings, Error> {
        let (certificate_file, key_file) = self.files(name)?;
        self.server_at(certificate_file, key_file, name, hosts)
    }

    /// The same, in files of any name: `name` is who the certificate says that it is. Files of somebody else's are never written to: see
    /// [`Self::made`].
    ///
    /// # Errors
    /// If a name is not one, or files cannot be read or written.
    pub fn server_at(
        &self,
        certificate_file: PathBuf,
        key_file: PathBuf,
        name: &str,
        hosts: &[String],
    ) -> Result<TlsSettings, Error> {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        names.extend(hosts.iter().filter(|host| !names.contains(host)).cloned().collect::<Vec<_>>());
        self.issue(&certificate_file, &key_file, name, &names, Purpose::Server)?;
        Ok(TlsSettings::new(certificate_file, key_file))
    }

    /// Whether an authority of this kind, this one or one before it, made the certificate in a file, itself or another's.
    ///
    /// # Errors
    /// If the file cannot be read or holds no certificate.
    pub fn made(certificate_file: &Path) -> Result<bool, Error> {
        let der = first_certificate(certificate_file)?;
        let certificate = parse(certificate_file, &der)?;
        let mut names = certificate.issuer().iter_common_name();
        Ok(names.any(|name| name.as_str().is_ok_and(|name| name.starts_with(AUTHORITY))))
    }

    /// A client certificate with this common name: the certificate file and the key file. Reused like a server's.
    ///
    /// # Errors
    /// If files cannot be read or written.
    pub fn client(&self, name: &str) -> Result<(PathBuf, PathBuf), Error> {
        let (certificate_file, key_file) = self.files(name)?;
        self.issue(&certificate_file, &key_file, name, &[name.to_owned()], Purpose::Client)?;
        Ok((certificate_file, key_file))
    }

    fn files(&self, name: &str) -> Result<(PathBuf, PathBuf), Error> {
        if name == "ca" || name.is_empty() || name.contains(['/', '\0']) || name.starts_with('.') {
            return Err(Error::Settings(format!("\"{name}\" cannot name a certificate")));
        }
        Ok((self.folder.join(format!("{name}.pem")), self.folder.join(format!("{name}.key"))))
    }

    fn issue(
        &self,
        certificate_file: &Path,
        key_file: &Path,
        name: &str,
        names: &[String],
        purpose: Purpose,
    ) -> Result<(), Error> {
        if key_file.exists()
            && certificate_file.exists()
            && self.is_usable(certificate_file, names, purpose)?
        {
            return Ok(());
        }
        let key = KeyPair::generate()?;
        let mut params = params(self.now, LEAF_DAYS, name, names.to_vec())?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match purpose {
            Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        let certificate = params.signed_by(&key, &self.issuer)?;
        write_pair(certificate_file, &certificate.pem(), key_file, &key)
    }

    fn is_usable(&self, certificate_file: &Path, names: &[String], purpose: Purpose) -> Result<bool, Error> {
        if expires_soon(certificate_file, self.now)? {
            return Ok(false);
        }
        let (der, ca_der) = (first_certificate(certificate_file)?, first_certificate(&self.ca_file())?);
        let (certificate, ca) = (parse(certificate_file, &der)?, parse(&self.ca_file(), &ca_der)?);
        // Every authority has a name of its own, so an equal name means an equal authority.
        if certificate.issuer().as_raw() != ca.subject().as_raw() {
            return Ok(false);
        }
        let is_for_purpose =
            certificate.extended_key_usage().ok().flatten().is_some_and(|usage| match purpose {
                Purpose::Server => usage.value.server_auth,
                Purpose::Client => usage.value.client_auth,
            });
        let covered: Vec<String> = certificate
            .subject_alternative_name()
            .ok()
            .flatten()
            .map(|extension| extension.value.general_names.iter().filter_map(general_name).collect())
            .unwrap_or_default();
        Ok(is_for_purpose && names.iter().all(|name| covered.contains(name)))
    }
}

fn create_authority(certificate_file: &Path, key_file: &Path, now: Timestamp) -> Result<(), Error> {
    let key = KeyPair::generate()?;
    let common_name = format!("{AUTHORITY} {}", Uuid::new_v4().as_simple());
    let mut params = params(now, CA_DAYS, &common_name, Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let certificate = params.self_signed(&key)?;
    write_pair(certificate_file, &certificate.pem(), key_file, &key)
}

fn params(
    now: Timestamp,
    days: i64,
    common_name: &str,
    names: Vec<String>,
) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::OrganizationName, "Trustkeep");
    params.distinguished_name.push(DnType::CommonName, common_name);
    let at = |second: i64| {
        OffsetDateTime::from_unix_timestamp(second)
            .map_err(|_| Error::Settings("the system clock is out of range".to_owned()))
    };
    // A day back, for clients whose clock is behind.
    params.not_before = at(now.as_second() - DAY_SECONDS)?;
    params.not_after = at(now.as_second() + days * DAY_SECONDS)?;
    Ok(params)
}

/// Each file is written whole or not at all. The old certificate goes first and the new one comes last, so that a crash in
/// between leaves no certificate, which the next start makes anew, and never one beside a key that is not its own.
fn write_pair(
    certificate_file: &Path,
    certificate: &str,
    key_file: &Path,
    key: &KeyPair,
) -> Result<(), Error> {
    if let Err(source) = fs::remove_file(certificate_file)
        && source.kind() != std::io::ErrorKind::NotFound
    {
        return Err(Error::File { path: certificate_file.to_owned(), what: "cannot replace", source });
    }
    write_file(key_file, Zeroizing::new(key.serialize_pem()).as_bytes(), 0o600)?;
    write_file(certificate_file, certificate.as_bytes(), 0o644)
}

fn write_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.to_owned(), what: "cannot write", source };
    let temporary = path.with_extension(format!("{}.new", Uuid::new_v4().as_simple()));
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}

fn read_key(path: &Path) -> Result<KeyPair, Error> {
    let bytes = Zeroizing::new(files::read(path, "cannot read the private key file")?);
    let text = std::str::from_utf8(&bytes).map_err(|_| files::content(path, "not valid PEM".to_owned()))?;
    KeyPair::from_pem(text).map_err(|error| files::content(path, format!("not a private key: {error}")))
}

fn first_certificate(path: &Path) -> Result<rustls::pki_types::CertificateDer<'static>, Error> {
    let certificates = files::load_certificates(path)?;
    certificates.into_iter().next().ok_or_else(|| files::content(path, "has no certificate".to_owned()))
}

fn parse<'a>(path: &Path, der: &'a [u8]) -> Result<X509Certificate<'a>, Error> {
    X509Certificate::from_der(der)
        .map(|(_, certificate)| certificate)
        .map_err(|error| files::content(path, format!("not an X.509 certificate: {error}")))
}

fn expires_soon(path: &Path, now: Timestamp) -> Result<bool, Error> {
    let der = first_certificate(path)?;
    let not_after = parse(path, &der)?.validity().not_after.timestamp();
    Ok(not_after - now.as_second() < RENEW_BEFORE_DAYS * DAY_SECONDS)
}

fn general_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let ip: IpAddr = match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok()?.into(),
                _ => <[u8; 16]>::try_from(*bytes).ok()?.into(),
            };
            Some(ip.to_string())
        }
        _ => None,
    }
}

const AUTHORITY: &str = "Trustkeep development CA";
const DAY_SECONDS: i64 = 24 * 60 * 60;
const CA_DAYS: i64 = 3650;
const LEAF_DAYS: i64 = 365;
const RENEW_BEFORE_DAYS: i64 = 30;
