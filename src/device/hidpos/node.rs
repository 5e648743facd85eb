//! The node of a HID-POS scanner (`/dev/hidraw3`): one report a read, one report a write.
//!
//! The kernel gives every reader its own copy of each report. Another program that reads the same scanner takes
//! nothing away; a second station would book everything twice, so the node is locked against other stations.

use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::device::PortFault;
use crate::device::discover::hidraws;
use crate::device::discover::ports::Roots;
use crate::device::fault::fault_while_open;
use crate::domain::decode::hidpos::Layout;

/// An open HID device. Reading and writing never wait.
#[derive(Debug)]
pub(super) struct Hidraw {
    fd: OwnedFd,
    layout: Layout,
}

impl Hidraw {
    /// Opens the scanner at `path`, and reads the description of its reports from the kernel's files: the node itself
    /// would need an `ioctl` for which there is no safe function.
    pub(super) fn open(roots: &Roots, path: &Path) -> Result<Self, PortFault> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(fault)?;
        let name = hidraws::kernels_name(path).ok_or(PortFault::NotHidPos)?;
        // A file that only has such a name, or a node that was made anew meanwhile, has no description there.
        let device = rustix::fs::fstat(&fd).map_err(fault)?.st_rdev;
        let numbers = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
        if hidraws::numbers(roots, &name).as_ref() != Some(&numbers) {
            return Err(PortFault::NotHidPos);
        }
        let layout = hidraws::layout(roots, &name).and_then(Result::ok).ok_or(PortFault::NotHidPos)?;
        rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive).map_err(fault)?;
        Ok(Self { fd, layout })
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Reads one report into `report`, and returns the number of its bytes. Returns `None` if there is no report and
    /// the device is still there.
    pub(super) fn read(&self, report: &mut [u8]) -> Result<Option<usize>, PortFault> {
        match rustix::io::read(&self.fd, report) {
            // The kernel passes on no empty report (`hid_input_report`, linux/drivers/hid/hid-core.c).
            Ok(0) => Err(PortFault::Vanished),
            Ok(count) => Ok(Some(count)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(fault_while_open(errno)),
        }
    }

    /// Sends the scanner one report, its number first, and returns true if the scanner accepted it.
    pub(super) fn write(&self, report: &[u8]) -> bool {
        rustix::io::write(&self.fd, report) == Ok(report.len())
    }
}

impl AsFd for Hidraw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Returns the reason why a node could not be opened.
fn fault(errno: Errno) -> PortFault {
    match errno {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => PortFault::Absent,
        Errno::ACCESS | Errno::PERM => PortFault::Denied,
        // This is how `flock` reports that another program has the lock.
        Errno::AGAIN => PortFault::Taken,
        Errno::ISDIR | Errno::INVAL => PortFault::NotHidPos,
        other => fault_while_open(other),
    }
}
