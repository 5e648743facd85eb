//! The set-up of a station: from answers, from a file on the boot partition, or from a scanned code, to a configuration
//! and two tokens on the disk.
//!
//! Promises: nothing is written before everything was checked; each file appears whole, with its mode, or not at all,
//! and the configuration last, so that a station is either set up or not. An existing set-up is replaced only on
//! request, and then the old configuration is kept beside the new one. No token is in an argument, in a message or
//! in the log.
//!
//! It asks no questions and prints nothing: the command does that.
//!
//! # Possible attacks
//!
//! **The boot partition** can be read by anybody who holds the card, before the first start. Then the file is
//! overwritten, flushed and replaced by one without tokens; a card's controller may keep the old block where only its
//! own tools find it. If a card with tokens on it leaves the house, revoke the tokens.
//!
//! **The set-up code** holds a secret of 128 bits, which opens the tokens, and never the tokens themselves.
//!
//! - A person who *listens* on the network sees sealed bytes and a proof that cannot be turned into the secret. A
//!   person who sends that proof again in time gets the same sealed bytes: they learn nothing, but the station comes
//!   too late and the code has to be printed again.
//! - A person who *reads the code* (a photo of the screen) while the offer stands, and is in the same network, can be
//!   quicker than the station and has the tokens. The machine reports to which address they went; the station reports
//!   that its code is taken or used up. Then the tokens have to be revoked. The risk is limited by ten minutes, by one
//!   address that gets the set-up until it has acknowledged it, and by five wrong proofs.
//! - A person who *forges* an answer does not know the secret: the station accepts nothing that does not open.
//! - A person who *keeps the machine busy* that printed the code keeps the station from being served: then a cable or a
//!   sealed file helps.
//! - A person who *prints a code of their own* and scans it at a station without configuration, or *writes a card of
//!   their own*, decides what the station books and for which service. Such a code or card names no file, no program
//!   and no device except those of scanners: the accepted keys are listed in `config::handed`, and files go where the
//!   installer puts them. The machine that is asked for the rest is in a private network. A station with a
//!   configuration accepts no code.
//! - *A sealed file* has no time limit: together with the code it is the tokens, for ever. Destroy one of the two.
//! - The *passphrase of a wireless network* is in the code, as in every such code.

mod boot;
mod bundle;
mod code;
mod detector;
pub mod entry;
mod install;
mod network;
mod pairing;
pub mod scanners;
mod seal;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use crate::config::Faults;

pub use crate::setup::boot::BOOT_FOLDERS;
pub use crate::setup::boot::Consumed;
pub use crate::setup::boot::FILE_NAME;
pub use crate::setup::boot::consume;
pub use crate::setup::bundle::Answers;
pub use crate::setup::bundle::Bundle;
pub use crate::setup::code::SetupCode;
pub use crate::setup::code::Wifi;
pub use crate::setup::detector::DetectedCode;
pub use crate::setup::detector::SetupCodeDetector;
pub use crate::setup::install::Installed;
pub use crate::setup::install::Replace;
pub use crate::setup::install::install;
pub use crate::setup::install::is_set_up;
pub use crate::setup::install::may_install;
pub use crate::setup::install::private_file;
pub use crate::setup::network::join;
pub use crate::setup::pairing::Offered;
pub use crate::setup::pairing::Reach;
pub use crate::setup::pairing::WRONG_PROOFS_MAX;
pub use crate::setup::pairing::fetch;
pub use crate::setup::pairing::offer;
pub use crate::setup::seal::OneTimeSecret;

/// The largest set-up file, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The reason why a station was not set up. Nothing was written unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The set-up file is wrong. Its faults name their places and cures.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// A file or folder cannot be used. Files written before it stay; the configuration is not among them.
    #[error("cannot use {}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// There is a configuration already.
    #[error("the station is set up already: its configuration is {}", .0.display())]
    SetUpAlready(PathBuf),
    /// The system provides no random numbers.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The sealed bytes are damaged, or are for another code.
    #[error("the sealed set-up is damaged, or belongs to another code")]
    NotSealed,
    /// The machine that printed the code refuses it.
    #[error("the machine that printed the code refuses it")]
    CodeRefused,
    /// The machine that printed the code can be reached, and offers nothing.
    #[error("the code is used up, or its time is over")]
    CodeSpent,
    /// Another machine has fetched the set-up with this code.
    #[error("another machine has fetched the set-up from {0} with this code")]
    CodeTaken(SocketAddr),
    /// The machine that printed the code speaks another version of the protocol.
    #[error("the program at {0} is of another version")]
    OtherVersion(SocketAddr),
    /// The machine that printed the code cannot be reached.
    #[error("cannot reach {address}, where the code was printed")]
    Unreached {
        /// Its address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The code names a machine outside this machine's own networks.
    #[error("{0}, where the code was printed, is not in a private network")]
    PublicAddress(SocketAddr),
    /// The opened set-up is for another station than the code names.
    #[error("the code opened a set-up of another station or location")]
    OtherStation,
    /// Network Manager, which would join the network, is not there.
    #[error("cannot join the wireless network {0}: NetworkManager is not there")]
    NoNetworkManager(String),
}

/// The hint for a code that is no longer valid.
const NEW_CODE: &str = "print a new code; if no station of yours used this one, revoke the tokens";

impl Error {
    /// Returns the action of a person that helps, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::SetUpAlready(_) => Some("--force writes a new configuration and keeps the old one as .bak"),
            Self::NotSealed => Some("print a new code"),
            Self::CodeRefused | Self::CodeSpent => Some(NEW_CODE),
            Self::CodeTaken(_) => Some("if that machine is not yours, revoke the tokens"),
            Self::OtherVersion(_) => Some("install the same version on both machines"),
            Self::Unreached { .. } => Some("connect this station to the same network"),
            Self::PublicAddress(_) => {
                Some("print the code in the network of the station, or pass --allow-public-address")
            }
            Self::NoNetworkManager(_) => Some("join the network by other means, then scan the code again"),
            Self::Faults(_) | Self::Io { .. } | Self::NoRandomness | Self::OtherStation => None,
        }
    }
}

impl Error {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Reads a file of at most [`FILE_BYTES_MAX`] bytes.
fn read_bounded(path: &Path) -> Result<Vec<u8>, Error> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path)?;
        // A file on a card may be anything: its size is limited before it is read into memory.
        io::Read::read_to_end(&mut io::Read::take(file, FILE_BYTES_MAX), &mut bytes)?;
        Ok(bytes)
    };
    read().map_err(Error::io(path))
}
