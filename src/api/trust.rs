//! The authorities that may vouch for the service: those built into the program, those of the system, and one file's.
//!
//! The program's own are fixed when it is built, so a station that nobody upgrades would lose the service when the
//! service changes its authority. The system's are kept up to date with the system, but a minimal system has none. An
//! authority that cannot be read is left out and reported: the station must go on scanning.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The most certificates of one file; the system's bundle has some 140.
const CERTIFICATES_MAX: usize = 10_000;

/// The authorities, and what could not be read.
#[derive(Debug)]
pub struct Authorities {
    /// Those that are trusted.
    pub roots: RootCertStore,
    /// The files or certificates that could not be read, in words; each is left out.
    pub unreadable: Vec<String>,
}

impl Authorities {
    /// Reads the authorities, those of `file` in addition to the others.
    pub fn read(file: Option<&Path>) -> Self {
        let mut roots = built_in();
        roots.extend(of_system().roots);
        let mut unreadable = Vec::new();
        if let Some(file) = file
            && let Err(why) = add(&mut roots, file)
        {
            unreadable.push(format!("cannot use {} (api.ca_file): {why}", file.display()));
        }
        Self { roots, unreadable }
    }

    /// Reads the same authorities by origin, each with its name for a sentence.
    pub fn kinds(file: Option<&Path>) -> Vec<(&'static str, RootCertStore)> {
        let mut kinds = vec![("the program's own authorities", built_in()), ("the system's", of_system())];
        if let Some(file) = file {
            let mut roots = RootCertStore::empty();
            if add(&mut roots, file).is_ok() {
                kinds.push(("those of api.ca_file", roots));
            }
        }
        kinds
    }
}

fn built_in() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn of_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    // Some systems have certificates that no library reads; the others still count.
    let (_added, _ignored) = roots.add_parsable_certificates(system.certs.into_iter().take(CERTIFICATES_MAX));
    roots
}

fn add(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    let mut count = 0;
    // Unlike the system's bundle, a person named this file: one certificate that cannot be read makes it unusable.
    for certificate in certificates.take(CERTIFICATES_MAX) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        count += 1;
    }
    if count == 0 { Err("it holds no certificate in PEM form".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_that_holds_no_certificate_is_reported_and_left_out() {
        let dir = TempDir::new().unwrap();
        let known = Authorities::read(None);
        assert!(known.roots.len() >= webpki_roots::TLS_SERVER_ROOTS.len() && known.unreadable.is_empty());
        let [missing, empty, torn] = ["missing", "empty", "torn"].map(|name| dir.path().join(name));
        fs::write(&empty, "nothing\n").unwrap();
        fs::write(&torn, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        for file in [missing, empty, torn] {
            let read = Authorities::read(Some(&file));
            assert_eq!(
                (read.roots.len(), read.unreadable.len()),
                (known.roots.len(), 1),
                "{}",
                file.display()
            );
            assert!(read.unreadable[0].contains("api.ca_file"), "{:?}", read.unreadable);
        }
    }
}
