//! Who vouches for the service, and the proxy that requests go through: against a real TLS server and a real proxy.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ServerConfig, ServerConnection, StreamOwned};
use secrecy::SecretString;
use serde_json::Value;
use stockpoint::api::{Budget, Client, Error};
use stockpoint::config::Config;
use stockpoint::domain::ids::LocationId;
use stockpoint::domain::text::error_chain;
use tokio::time::Instant;

use crate::support::program::Shed;

/// The certificates were made for 127.0.0.1 by an authority of the tests' own.
fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name)
}

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 71\r\n\r\n\
    {\"success\":true,\"data\":[{\"id\":91271,\"title\":\"Main storage\"}],\"meta\":[]}  ";

/// Reads a request and answers it; gives back its first line.
fn answer(stream: impl Read + Write) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
    }
    reader.get_mut().write_all(ANSWER.as_bytes()).ok()?;
    reader.get_mut().flush().ok()?;
    Some(first.trim_end().to_owned())
}

/// A server for so many connections, and the first line of each request.
fn serve(tls: Option<Arc<ServerConfig>>, connections: usize) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, requests) = mpsc::sync_channel(16);
    thread::Builder::new()
        .spawn(move || {
            for stream in listener.incoming().take(connections) {
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let first = match &tls {
                    Some(tls) => {
                        let mut stream =
                            StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), stream);
                        let first = answer(&mut stream);
                        stream.conn.send_close_notify();
                        // A client that does not trust us is gone by now.
                        drop(stream.flush());
                        first
                    }
                    None => answer(stream),
                };
                if let Some(first) = first {
                    heard.send(first).unwrap();
                }
            }
        })
        .unwrap();
    (port, requests)
}

fn client(api: &str) -> Client {
    let station = "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n";
    let config = Config::parse(&format!("{station}[api]\n{api}\n"), "test.toml").unwrap();
    let [partner, user] = ["partner", "user"].map(SecretString::from);
    Client::new(&config.api, LocationId(4564), &partner, &user).unwrap()
}

async fn storages(client: &Client) -> Result<usize, Error> {
    let mut budget = Budget::new(6000, 100, 1, Instant::now());
    client.storages(budget.wait().await).await.map(|rows| rows.len())
}

#[tokio::test]
async fn doctor_tells_whose_authority_vouches_for_the_service_and_until_when() {
    let (port, _requests) = serve(Some(tls("server.pem")), 8);
    let shed = Shed::new();
    let config = shed.config(&format!("https://127.0.0.1:{port}/api/v1"), Path::new("/dev/null/none"));
    let ca_file = format!("[api]\nca_file = {:?}", data("ca.pem"));
    shed.write("config.toml", config.replacen("[api]", &ca_file, 1));
    let report: Value = serde_json::from_str(&shed.run(&["doctor", "--json"]).await.out).unwrap();
    let found = "its certificate is vouched for by only those of api.ca_file, and expires on 2126-11-04";
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["what"] == found && finding["grade"] == "ok"), "{report}");
}

fn tls(certificate: &str) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_file_iter(data(certificate)).unwrap().map(Result::unwrap).collect();
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(data("server-key.pem")).unwrap())
        .unwrap();
    Arc::new(tls)
}

#[tokio::test]
async fn an_authority_of_a_file_vouches_for_the_service_and_nobody_else_does() {
    let (port, _requests) = serve(Some(tls("server.pem")), 3);
    let base = format!("base_url = \"https://127.0.0.1:{port}/api/v1\"");
    let trusted = client(&format!("{base}\nca_file = {:?}", data("ca.pem")));
    assert_eq!(storages(&trusted).await.unwrap(), 1);
    // One that cannot be read is left out: the station scans, and says that it reaches nobody.
    for ca_file in [String::new(), "ca_file = \"/nowhere/ca.pem\"".to_owned()] {
        let error = storages(&client(&format!("{base}\n{ca_file}"))).await.unwrap_err();
        assert!(matches!(error, Error::Connect(_)), "{error:?}");
        assert_eq!(error.certificate(), Some(&CertificateError::UnknownIssuer), "{error:?}");
        assert!(!error.is_clock_behind());
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_shows_that_the_clock_of_this_machine_is_behind() {
    let (port, _requests) = serve(Some(tls("future.pem")), 1);
    let base = format!("base_url = \"https://127.0.0.1:{port}/api/v1\"");
    let error = storages(&client(&format!("{base}\nca_file = {:?}", data("ca.pem")))).await.unwrap_err();
    assert!(error.is_clock_behind(), "{error:?}");
    assert_eq!(error.to_string(), "cannot reach the service");
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.to_string().starts_with("invalid peer certificate: "), "{cause}");
    assert!(cause.source().is_none(), "the cause is the innermost one");
    assert!(error.hint().unwrap().contains("clock of this machine"), "{:?}", error.hint());
}

#[tokio::test]
async fn a_refused_connection_is_told_without_the_layers_of_the_library() {
    let error = storages(&client("base_url = \"http://127.0.0.1:9/api/v1\"")).await.unwrap_err();
    let told = error_chain(&error);
    assert_eq!(told, "cannot reach the service: Connection refused (os error 111)");
    assert_eq!((error.certificate(), error.is_clock_behind(), error.hint()), (None, false, None));
}

#[tokio::test]
async fn requests_go_through_the_proxy_of_the_configuration() {
    let (port, requests) = serve(None, 1);
    let through =
        client(&format!("base_url = \"http://127.0.0.1:9/api/v1\"\nproxy = \"http://127.0.0.1:{port}\""));
    assert_eq!(storages(&through).await.unwrap(), 1);
    assert_eq!(requests.recv().unwrap(), "GET http://127.0.0.1:9/api/v1/storages/4564 HTTP/1.1");
}
