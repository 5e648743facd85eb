//! The arguments of `init`.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::person::Questions;
use crate::cli::values::layout;
use crate::domain::decode::keymap::LayoutName;

/// The value of `--boot` and `--scan` without an argument: any folder or device.
pub(super) const ANY: &str = "any";

/// The source of the set-up, and each answer that can be given in advance.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("way").multiple(false))]
#[command(
    after_help = "Tokens and passwords are never arguments: they are read from a file, from the standard input (a file \
    called -), from the environment (STOCKPOINT_PARTNER_TOKEN, STOCKPOINT_USER_TOKEN), or typed unseen."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct InitArgs {
    /// Take everything from a set-up file, the tokens in its section `setup` too
    #[arg(long, conflicts_with_all = ["boot", "scan"], value_name = "FILE")]
    pub(super) from: Option<PathBuf>,
    /// Take everything from stockpoint.toml on the boot partition, once, and take the tokens off it
    #[arg(long, group = "way", value_name = "FOLDER", num_args = 0..=1, default_missing_value = ANY)]
    pub(super) boot: Option<PathBuf>,
    /// Wait for a set-up code on the scanners found, or on this device; "-" reads a pasted code
    #[arg(long, group = "way", value_name = "DEVICE", num_args = 0..=1, default_missing_value = ANY)]
    pub(super) scan: Option<PathBuf>,
    /// Set up another station: print a set-up code and hand the rest to whoever scans it, once
    #[arg(long, group = "way")]
    pub(super) print_qr: bool,

    /// Ask nothing: what is not given and has no default is an error
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Set a station up anew; its old configuration is kept as .bak
    #[arg(long)]
    pub(super) force: bool,
    /// Do not ask the service: ids are given by hand and not checked
    #[arg(long)]
    pub(super) offline: bool,
    /// Neither enable nor start the service
    #[arg(long)]
    pub(super) no_start: bool,

    #[command(flatten)]
    pub(super) answers: AnswerArgs,
    #[command(flatten)]
    pub(super) code: CodeArgs,
}

impl InitArgs {
    /// Returns the condition under which questions are asked.
    pub(super) fn questions(&self) -> Questions {
        if self.yes { Questions::Never } else { Questions::OnTerminal }
    }
}

/// The answers.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Answers")]
pub(super) struct AnswerArgs {
    /// The station's name, 1 to 24 of a-z, 0-9 and -
    #[arg(long)]
    pub(super) name: Option<String>,
    /// The location whose stock is booked
    #[arg(long, value_name = "ID")]
    pub(super) location_id: Option<String>,
    /// The storage that is booked
    #[arg(long, value_name = "ID")]
    pub(super) storage_id: Option<String>,
    /// The mode at first: receipt, write-off or lookup
    #[arg(long)]
    pub(super) mode: Option<String>,
    /// The staff member named on documents, which some accounts demand
    #[arg(long, value_name = "ID")]
    pub(super) master_id: Option<String>,
    /// The location's time zone, where the service does not tell it
    #[arg(long, value_name = "ZONE")]
    pub(super) time_zone: Option<String>,
    /// Make a secret for the control sheet: then no code but those of this site's sheet commands the station
    #[arg(long, conflicts_with_all = ["from", "boot", "scan", "print_qr"])]
    pub(super) seal_sheet: bool,
    /// The address of the API
    #[arg(long, value_name = "URL")]
    pub(super) base_url: Option<String>,
    /// A file with the partner token
    #[arg(long, value_name = "FILE")]
    pub(super) partner_token_file: Option<PathBuf>,
    /// A file with the user token
    #[arg(long, value_name = "FILE", conflicts_with = "login")]
    pub(super) user_token_file: Option<PathBuf>,
    /// Get the user token for this login (telephone number or e-mail) and its password
    #[arg(long)]
    pub(super) login: Option<String>,
    /// A file with the password
    #[arg(long, value_name = "FILE", requires = "login")]
    pub(super) password_file: Option<PathBuf>,
    /// A scanner, by its device; may be given again. Without it, everything that looks like one
    #[arg(long, value_name = "DEVICE")]
    pub(super) scanner: Vec<PathBuf>,
    /// The keyboard layout that scanners which type are set to; without it, us
    #[arg(long, value_parser = layout)]
    pub(super) layout: Option<LayoutName>,
}

impl AnswerArgs {
    /// Returns the layout of scanners for which no other is given.
    pub(super) fn layout(&self) -> LayoutName {
        self.layout.unwrap_or(LayoutName::US)
    }
}

/// The content of a set-up code, and the way of the rest to the station.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Set-up codes")]
pub(super) struct CodeArgs {
    /// Write the code as an SVG picture, too
    #[arg(long, value_name = "FILE", requires = "print_qr")]
    pub(super) output: Option<PathBuf>,
    /// The address of this machine, as the station reaches it
    #[arg(long, value_name = "IP[:PORT]", requires = "print_qr")]
    pub(super) address: Option<Address>,
    /// Minutes that the code is worth something
    #[arg(long, requires = "print_qr", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=60))]
    pub(super) minutes: u8,
    /// The wireless network that the station is to join
    #[arg(long, value_name = "NAME", requires_all = ["print_qr", "wifi_passphrase_file"])]
    pub(super) wifi: Option<String>,
    /// A file with its passphrase
    #[arg(long, value_name = "FILE", requires = "wifi")]
    pub(super) wifi_passphrase_file: Option<PathBuf>,
    /// Ask for the rest at an address outside private networks, too
    #[arg(long, requires = "scan")]
    pub(super) allow_public_address: bool,
    /// Hand the rest over in this sealed file, and not over the network
    #[arg(long, value_name = "FILE")]
    pub(super) sealed_file: Option<PathBuf>,
}

/// An address, with one port or any port.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address(pub(super) SocketAddr);

impl FromStr for Address {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Port 0 lets the system choose.
        let with_any_port = |ip: IpAddr| SocketAddr::new(ip, 0);
        text.parse().or_else(|_no_port| text.parse().map(with_any_port)).map(Self)
    }
}
