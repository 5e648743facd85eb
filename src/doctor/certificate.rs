//! Checks the service's certificate: the authority that vouches for it, and its end.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::Finding;
use crate::api::Authorities;
use crate::config::Api;
use crate::domain::time::UnixMillis;

const SECTION: &str = "service";

/// The longest wait for each step of the TLS handshake, 5 s.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);

/// The time before the end of a certificate from which the doctor warns, 3 days. Its owner should have renewed it by
/// then.
const ENDS_SOON_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// Makes a TLS handshake with the service and reports who vouches for its certificate.
///
/// Returns `None` if no authority does: the requests report that in their own words.
pub(super) fn examine(api: &Api, host: &str, address: SocketAddr, now: UnixMillis) -> Option<Finding> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let kinds = Authorities::kinds(api.ca_file.as_deref());
    let name = ServerName::try_from(host.to_owned()).ok()?;
    // One handshake with all authorities together; which of them vouches is found out afterwards without the network.
    let all = kinds.iter().flat_map(|(_, roots)| roots.roots.iter().cloned()).collect();
    let chain = handshake(all, &provider, &name, address)?;
    let vouching: Vec<&str> = kinds
        .into_iter()
        .filter_map(|(kind, roots)| is_trusted(roots, &provider, &chain, &name).then_some(kind))
        .collect();
    let who = match vouching.as_slice() {
        [] => return None,
        [only] => format!("only {only}"),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    let vouched = format!("its certificate is vouched for by {who}");
    let Some(ends) = chain.first().and_then(|certificate| end_of(certificate)) else {
        return Some(Finding::ok(SECTION, vouched));
    };
    let day = Timestamp::from_millisecond(ends.0).ok()?.to_zoned(TimeZone::UTC).date();
    if ends.ms_since(now) < ENDS_SOON_MS {
        let cure = "nothing, if it is renewed before then; nothing can be delivered once it has expired";
        return Some(Finding::warning(SECTION, format!("{vouched}, and expires on {day}"), cure));
    }
    Some(Finding::ok(SECTION, format!("{vouched}, and expires on {day}")))
}

/// Returns the certificates that the service shows, its own first.
fn handshake(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
    name: &ServerName<'static>,
    address: SocketAddr,
) -> Option<Vec<CertificateDer<'static>>> {
    let trusted = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(trusted), name.clone()).ok()?;
    let mut stream = TcpStream::connect_timeout(&address, HANDSHAKE_WITHIN).ok()?;
    // Each read and write has this limit, so that a service that accepts and stays silent cannot hold the doctor.
    stream.set_read_timeout(Some(HANDSHAKE_WITHIN)).ok()?;
    stream.set_write_timeout(Some(HANDSHAKE_WITHIN)).ok()?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).ok()?;
    }
    Some(connection.peer_certificates()?.iter().map(|certificate| certificate.clone().into_owned()).collect())
}

fn is_trusted(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
    chain: &[CertificateDer<'static>],
    name: &ServerName<'_>,
) -> bool {
    let Some((own, others)) = chain.split_first() else { return false };
    // Certificates are checked against each kind of authority alone, to name those that vouch.
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    verifier
        .is_ok_and(|verifier| verifier.verify_server_cert(own, others, name, &[], UnixTime::now()).is_ok())
}

/// Returns the end of a certificate (RFC 5280, section 4.1.2.5).
///
/// The TLS library checks the end but does not return it, and a library that parses whole certificates would be a tenth
/// of this program. This function only reads a certificate that was checked.
fn end_of(certificate: &[u8]) -> Option<UnixMillis> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (outer, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(outer, SEQUENCE)?;
    // The version is optional; without it the certificate is of version 1 (RFC 5280, section 4.1).
    if let Some((_version, rest)) = element(fields, VERSION) {
        fields = rest;
    }
    // The serial number, the signature's algorithm and the issuer come before the validity.
    for tag in [0x02, SEQUENCE, SEQUENCE] {
        (_, fields) = element(fields, tag)?;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_, _begins, ends) = any_element(validity)?;
    let (tag, text, _) = any_element(ends)?;
    let text = std::str::from_utf8(text).ok()?;
    // `UTCTime` has two digits of the year: from 50 on it is the last century. `GeneralizedTime` has four (RFC 5280,
    // sections 4.1.2.5.1 and 4.1.2.5.2).
    let year = match (tag, text.get(..2)?) {
        (0x17, year) if year < "50" => "20",
        (0x17, _) => "19",
        (0x18, _) => "",
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", format!("{year}{text}")).ok()?;
    Some(UnixMillis(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()))
}

/// Returns the content of an element with this tag, and the bytes after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any_element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Returns a DER element (ITU-T X.690): its tag, its content, and the bytes after it.
fn any_element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        // The long form: the low bits count the bytes of the length. Three bytes are more than any certificate has.
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_that_which_openssl_shows() {
        // openssl x509 -in tests/data/tls/server.pem -noout -enddate
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/server.pem");
        let certificate = CertificateDer::from_pem_file(file).unwrap();
        let ends: Timestamp = "2126-11-04T07:38:24Z".parse().unwrap();
        assert_eq!(end_of(&certificate), Some(UnixMillis(ends.as_millisecond())));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _end = end_of(&bytes);
        }

        #[test]
        fn no_torn_certificate_makes_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/server.pem");
            let mut bytes = CertificateDer::from_pem_file(file).unwrap().to_vec();
            let at = at.index(bytes.len());
            let _end = end_of(&bytes[..at]);
            bytes[at] = byte;
            let _end = end_of(&bytes);
        }
    }
}
