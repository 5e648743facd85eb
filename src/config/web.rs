//! `[web]`: the address of the station page, and the token of its visitors.

use std::fmt;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;

use toml::de::DeValue;

use crate::config::fault::Problem;
use crate::config::reader::Table;
use crate::config::values;

/// The prefix of the path of a Unix socket.
const UNIX: &str = "unix:";
/// The longest path of a Unix socket, in bytes: `sun_path` has 108 with the zero at its end (`unix(7)`).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// The station page, its figures and its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// The place at which it listens; `None` means that it is off.
    pub listen: Option<Listen>,
    /// The file with the token that every visitor must show. `None` lets everybody read who reaches the page, which
    /// then listens on a loopback address or a Unix socket.
    pub token_file: Option<PathBuf>,
}

/// The place at which the page listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port; port 0 means any free one.
    Tcp(SocketAddr),
    /// A Unix socket with this path, absolute and at most 107 bytes.
    Unix(PathBuf),
}

impl Listen {
    /// Returns true if only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

/// Displays the place as it is written in the file.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

pub(super) fn web(table: &mut Table<'_, '_>) -> Web {
    let default = Listen::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 8480)));
    let listen = table.or("listen", Some(default), listen);
    let token_file = table.optional("token_file", values::token_path);
    // By presence and not by value: a token file that is wrong has its fault already.
    if listen.as_ref().is_some_and(|listen| !listen.is_local()) && !table.has("token_file") {
        let what = "is open to the network without a token";
        let cure = "write web.token_file, or listen on \"127.0.0.1:8480\" or a Unix socket";
        table.blame("listen", Problem::Unfit { what, cure });
    }
    Web { listen, token_file }
}

/// Reads the place to listen at; an empty text becomes `None`.
fn listen(value: &DeValue<'_>) -> Result<Option<Listen>, Problem> {
    let unfit = Problem::Unfit {
        what: "is not an IP address and a port",
        cure: "write one such as \"127.0.0.1:8480\" or \"[::1]:8480\", or \"\" for off",
    };
    let written = values::text(value)?;
    if written.is_empty() {
        return Ok(None);
    }
    match written.strip_prefix(UNIX) {
        Some(path) => socket(path).map(Some),
        None => written.parse().map(|address| Some(Listen::Tcp(address))).map_err(|_unseen| unfit),
    }
}

fn socket(path: &str) -> Result<Listen, Problem> {
    let is_fit = path.starts_with('/') && !path.ends_with('/') && path.len() <= SOCKET_PATH_BYTES_MAX;
    let unfit = Problem::Unfit {
        what: "is not the path of a Unix socket",
        cure: "write one such as \"unix:/run/stockpoint/web.sock\", absolute and 107 bytes at most",
    };
    if is_fit { Ok(Listen::Unix(PathBuf::from(path))) } else { Err(unfit) }
}
