//! The only reader of the clocks.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::domain::time::{BootMillis, UnixMillis};
use crate::random::random;

/// The kernel's random id of this boot (`proc_sys_kernel(5)`).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file that systemd-timesyncd creates once the clock agrees with a time server (`systemd-timesyncd.service(8)`).
///
/// The kernel's own flag (`adjtimex(2)`, `STA_UNSYNC`) would cover every such program. But the call that reads it also
/// sets the clock: a unit that may make it is more exposed than the station's may be, and no library makes it without
/// `unsafe`. With a program other than timesyncd the service's answers vouch for the clock, which they must in any case
/// before anything is posted with a wrong date.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// A source of the time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the wall clock, right or wrong.
    fn wall(&self) -> UnixMillis;
    /// Returns the time since boot, including suspended time.
    fn boot(&self) -> BootMillis;
    /// Returns the id of this boot.
    fn boot_id(&self) -> &str;
    /// Returns true if the system vouches for the wall clock.
    fn is_synchronized(&self) -> bool;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    boot_id: String,
}

impl SystemClock {
    /// Reads the boot id once. If the kernel has none, every start counts as a boot of its own, which is safe: no time
    /// of another start is computed from it.
    pub fn new() -> Self {
        let kernel_id = fs::read_to_string(BOOT_ID).map(|id| id.trim().to_owned()).unwrap_or_default();
        let boot_id = if kernel_id.is_empty() { format!("{:032x}", random()) } else { kernel_id };
        Self { boot_id }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn wall(&self) -> UnixMillis {
        // A clock that shows a time before 1970 reads as 1970: nobody trusts either.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn boot(&self) -> BootMillis {
        let now = clock_gettime(ClockId::Boottime);
        BootMillis(now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000))
    }

    fn boot_id(&self) -> &str {
        &self.boot_id
    }

    fn is_synchronized(&self) -> bool {
        fs::exists(SYNCHRONIZED).unwrap_or(false)
    }
}
