//! The sandbox's own certificate authority, new at every start.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The names every certificate covers, besides those of the acts.
const NAMES: &[&str] = &["localhost", "127.0.0.1", "::1", "sandbox", "evergrant-sandbox"];

/// A server's TLS settings and the certificate a client must trust to reach it.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) certificate: String,
    pub(crate) server: Arc<ServerConfig>,
}

/// The certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A certificate could not be signed.
    #[error("a certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// TLS refused the certificate.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
}

impl Authority {
    /// An authority, and a server certificate for the stage's names and `hosts`.
    pub(crate) fn new(now: Timestamp, hosts: &[&str]) -> Result<Self, AuthorityError> {
        let mut root = CertificateParams::default();
        root.distinguished_name = named("Evergrant sandbox CA");
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid(&mut root, now);
        let root_key = KeyPair::generate()?;
        let certificate = root.self_signed(&root_key)?.pem();

        let names = NAMES.iter().chain(hosts).map(|name| (*name).to_owned());
        let mut leaf = CertificateParams::new(names.collect::<Vec<_>>())?;
        leaf.distinguished_name = named("Evergrant sandbox");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        valid(&mut leaf, now);
        let leaf_key = KeyPair::generate()?;
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(root, root_key))?;

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { certificate, server: Arc::new(server) })
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// From yesterday, for clocks that are behind, for a year: some clients refuse longer ones.
fn valid(params: &mut CertificateParams, now: Timestamp) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let day = |date: jiff::civil::Date| {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        rcgen::date_time_ymd(date.year().into(), month, day)
    };
    params.not_before = day(today.saturating_sub(1.day()));
    params.not_after = day(today.saturating_add(365.days()));
}
