//! Checks the connection to the service: its name, TLS, the tokens, their rights, and the difference between the
//! clocks.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use super::{Finding, certificate};
use crate::api::{self, Authorities, Budget, Client, Outcome, seed};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::secrets::Secrets;
use crate::domain::clock_trust::{Disagreement, agree};
use crate::domain::text::error_chain;
use crate::work::rights::{missing_rights, missing_storages};

const SECTION: &str = "service";
const CLOCK: &str = "clock";

/// The most addresses of a name that are tried, and the longest wait for each.
const ADDRESSES_MAX: usize = 4;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn examine(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let mut findings: Vec<Finding> = authorities(config).collect();
    // Behind a proxy, the service itself need not be reachable, but the proxy must be.
    match connect(config.api.proxy.as_ref().unwrap_or(&config.api.base_url)) {
        Ok(reached) => {
            // Only a direct connection over TLS shows the service's own certificate.
            let is_direct = config.api.proxy.is_none() && config.api.base_url.starts_with("https:");
            let of_certificate = reached.as_ref().filter(|_| is_direct).and_then(|reached| {
                certificate::examine(&config.api, &reached.host, reached.address, clock.wall())
            });
            findings.extend(reached.map(|reached| reached.finding));
            findings.extend(of_certificate);
        }
        Err(finding) => {
            findings.push(system_clock(clock));
            findings.push(finding);
            return findings;
        }
    }
    let Ok(secrets) = Secrets::find(&config.api) else {
        // The section on the tokens reports it.
        findings.push(system_clock(clock));
        return findings;
    };
    match Client::new(&config.api, config.station.location_id, &secrets.partner, &secrets.user) {
        Err(error) => findings.push(Finding::fault(
            SECTION,
            error_chain(&error),
            "correct what it names in the configuration or in the token's file",
        )),
        Ok(client) => findings.extend(check_requests(config, &client, clock).await),
    }
    findings
}

/// A host that accepts connections.
struct Reached {
    finding: Finding,
    host: String,
    address: SocketAddr,
}

/// Checks that the name of the service has an address and that a host accepts connections there. Any later failure
/// concerns TLS or the service itself.
///
/// Reports nothing about an address that cannot be parsed; the client reports it.
fn connect(base_url: &str) -> Result<Option<Reached>, Finding> {
    let Ok(url) = Url::parse(base_url) else { return Ok(None) };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Ok(None) };
    // A URL has an IPv6 address in brackets (RFC 3986, section 3.2.2), a lookup has it without.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = match (bare, port).to_socket_addrs() {
        Ok(addresses) => addresses.take(ADDRESSES_MAX).collect(),
        Err(error) => return Err(lookup_fault(host, &error.to_string())),
    };
    // Only the last reason is reported: the addresses of one name mostly fail alike.
    let mut why = None;
    for address in &addresses {
        match TcpStream::connect_timeout(address, CONNECT_WITHIN) {
            Ok(_reached) => {
                let finding =
                    Finding::ok(SECTION, format!("{host} is {} and accepts connections", address.ip()));
                return Ok(Some(Reached { finding, host: bare.to_owned(), address: *address }));
            }
            Err(error) => why = Some((address, error)),
        }
    }
    match why {
        None => Err(lookup_fault(host, "it has no address")),
        Some((address, error)) => Err(Finding::fault(
            SECTION,
            format!("cannot connect to {address}: {error}"),
            "look for a firewall between this box and the service, and whether the network leads outside at all",
        )
        .transient()),
    }
}

fn lookup_fault(host: &str, why: &str) -> Finding {
    Finding::fault(
        SECTION,
        format!("cannot look up the name {host}: {why}"),
        "plug the network in; if other names cannot be looked up either, correct the name server of this box",
    )
    .transient()
}

/// Reports the file of authorities if one is named and cannot be used.
fn authorities(config: &Config) -> impl Iterator<Item = Finding> {
    let unreadable = config.api.ca_file.as_deref().map(|file| Authorities::read(Some(file)).unreadable);
    let fault = |what| {
        Finding::fault(
            SECTION,
            what,
            "put the authority's certificate there in PEM form, or remove api.ca_file",
        )
    };
    unreadable.into_iter().flatten().map(fault)
}

async fn check_requests(config: &Config, client: &Client, clock: &dyn Clock) -> Vec<Finding> {
    // A budget of its own, at most one request a second: a running agent uses the same limit of the service.
    let mut budget = Budget::new(60, 1, seed(), Instant::now());
    let storages = client.storages(budget.wait().await).await;
    // Compared after the first request: its answer brings the service's time.
    let mut findings = vec![compare_clocks(client, clock)];
    let storages = match storages {
        Err(error) => {
            findings.push(request_fault(&error));
            return findings;
        }
        Ok(storages) => storages,
    };
    findings.push(Finding::ok(SECTION, format!("{} answers and accepts the tokens", config.api.base_url)));
    let permissions = match client.permissions(budget.wait().await).await {
        Ok(permissions) => permissions,
        Err(error) => {
            findings.push(Finding::warning(
                SECTION,
                format!("the rights of the user token are not known: {}", error_chain(&error)),
                "nothing, if documents are posted; else give the user the rights to stock in Altegio",
            ));
            return findings;
        }
    };
    let mut complaints = missing_storages(config, &storages);
    complaints.extend(missing_rights(config, &permissions));
    if complaints.is_empty() {
        findings.push(Finding::ok(SECTION, "storages and rights fit the configuration"));
    }
    findings.extend(complaints.into_iter().map(|what| {
        Finding::fault(SECTION, what, "correct the configuration, or give the user that right in Altegio")
    }));
    findings
}

fn request_fault(error: &api::Error) -> Finding {
    let what = error_chain(error);
    // A certificate that begins in the future means a clock that is behind, and not a wrong certificate.
    if error.is_clock_behind() {
        let cure = "set the clock of this box, or let it reach a time server: to it the certificate lies in the future";
        return Finding::fault(CLOCK, what, cure).transient();
    }
    let is_transient = matches!(error.outcome(), Outcome::NotDone | Outcome::Wait(_) | Outcome::Unknown);
    let cure = match error.outcome() {
        // A connection was just made, so the network itself works.
        Outcome::NotDone if error.certificate().is_some() => {
            "something in between answers for the service, such as a portal to log in at or a filter: go round it"
        }
        Outcome::NotDone => "plug the network in; look for a firewall between this box and the service",
        Outcome::NotAllowed { status: 401, .. } => "put the tokens that Altegio shows now into their files",
        Outcome::NotAllowed { .. } => "give the user access to this location's stock in Altegio",
        Outcome::Refused(_) => "correct station.location_id and api.base_url",
        Outcome::Wait(_) => {
            "wait a minute; if it persists, lower api.requests_per_minute_max of the stations here"
        }
        Outcome::Unknown if matches!(error, api::Error::Stranger { .. }) => {
            "open any page in a browser on this network: a login page or a proxy may be on the way; check api.base_url"
        }
        Outcome::Unknown => "wait: the service can be reached, but has a problem of its own",
    };
    Finding { is_transient, ..Finding::fault(SECTION, what, cure) }
}

/// Compares the station's clock with the service's.
fn compare_clocks(client: &Client, clock: &dyn Clock) -> Finding {
    let Some(server) = client.take_server_date() else { return system_clock(clock) };
    let ours = clock.wall();
    if agree(server.0, ours) {
        return Finding::ok(CLOCK, "the clock agrees with the service's");
    }
    let is_synchronized = clock.is_synchronized();
    let off_s = ours.ms_since(server.0) / 1000;
    let both = Disagreement { server: server.0, ours, is_synchronized };
    let what = format!("the clock differs from the service's by {off_s} s: nothing is posted; {both}");
    let cure = if is_synchronized {
        "compare both with a clock that you trust; if this machine's is right, set station.trust_clock = true"
    } else {
        "let this box reach a time server (`timedatectl set-ntp true`); the times of scans are then corrected"
    };
    Finding::fault(CLOCK, what, cure).transient()
}

/// Reports what the system knows of its clock, where the service cannot be asked.
fn system_clock(clock: &dyn Clock) -> Finding {
    if clock.is_synchronized() {
        return Finding::ok(CLOCK, "the system reports that the clock is right");
    }
    Finding::warning(
        CLOCK,
        "nothing proves that the clock is right",
        "nothing, if the service can be reached: its answers prove it; otherwise `timedatectl set-ntp true`",
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::doctor::Grade;

    #[test]
    fn a_name_an_address_and_somebody_there_are_three_things() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let found = connect(&base).unwrap().unwrap().finding;
        assert_eq!(
            (found.grade, found.what.as_str()),
            (Grade::Ok, "127.0.0.1 is 127.0.0.1 and accepts connections")
        );
        drop(listener);
        let found = connect(&base).err().unwrap();
        assert!(found.what.contains("cannot connect to 127.0.0.1:"), "{found:?}");
        let found = connect("https://station.invalid/api/v1").err().unwrap();
        assert!(found.what.contains("cannot look up the name station.invalid"), "{found:?}");
        assert!(matches!(connect("no address"), Ok(None)));
    }
}
