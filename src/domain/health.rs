//! The health of the running agent's parts: its scanners, its way to the service, its clock.

use crate::domain::ids::ScannerName;
use crate::domain::session::advice::Advice;
use crate::domain::time::UnixMillis;

/// The state of the connection to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiState {
    /// The last request was answered as it should be.
    Ok,
    /// There is no connection.
    Offline,
    /// The token is not accepted; delivery pauses.
    Auth,
    /// The service asks for fewer requests.
    Limited,
    /// The service answers, but not as it should.
    Error,
}

impl ApiState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Offline, Self::Auth, Self::Limited, Self::Error];

    /// Returns the word of the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Offline => "offline",
            Self::Auth => "auth",
            Self::Limited => "limited",
            Self::Error => "error",
        }
    }
}

/// The state of a scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScannerState {
    /// Connected, and opened or scanned with not long ago.
    Healthy,
    /// Connected, and neither opened nor scanned with for long.
    Quiet,
    /// Connected, after several losses in a short time.
    Unstable,
    /// Not connected.
    Gone,
}

impl ScannerState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Quiet, Self::Unstable, Self::Gone];

    /// Returns the word of the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Quiet => "quiet",
            Self::Unstable => "unstable",
            Self::Gone => "gone",
        }
    }
}

/// The connection to the service, and its last error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiHealth {
    /// Its state.
    pub state: ApiState,
    /// The last error, until a request succeeds.
    pub last_error: Option<String>,
}

/// One scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannerHealth {
    /// Its configured name.
    pub name: ScannerName,
    /// Its configured kind.
    pub kind: &'static str,
    /// Its state.
    pub state: ScannerState,
    /// The wall clock at its last frame since the start.
    pub last_scan_at: Option<UnixMillis>,
    /// The number of times it came back after it was lost, since the start.
    pub reconnects: u64,
    /// The number of its scans that were refused, since the start.
    pub refused: u64,
    /// The reason why it is gone, if that is known.
    pub fault: Option<String>,
    /// The advice on its set-up that follows from its codes.
    pub advice: Option<Advice>,
    /// The quantity that waits for its next scan.
    pub quantity: Option<u16>,
}

impl ScannerHealth {
    /// Returns the health of a scanner that has not reported yet.
    pub const fn unheard(name: ScannerName, kind: &'static str) -> Self {
        Self {
            name,
            kind,
            state: ScannerState::Gone,
            last_scan_at: None,
            reconnects: 0,
            refused: 0,
            fault: None,
            advice: None,
            quantity: None,
        }
    }
}

/// The counts of a scanner since the start.
#[derive(Debug, Clone)]
pub struct ScannerMeter {
    /// Its configured name.
    pub name: ScannerName,
    /// The number of times it came back after it was lost.
    pub reconnects: u64,
    /// The seconds since its last frame.
    pub last_scan_age_s: Option<i64>,
}

/// The state of the running agent's parts, which is not in the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The way to the service.
    pub api: ApiHealth,
    /// Every configured scanner, in the order of the configuration.
    pub scanners: Vec<ScannerHealth>,
    /// True if the wall clock is known to be right.
    pub clock_trusted: bool,
}
