//! The conversion of bytes into frames and of verdicts into bytes: plain, or in the packets of a protocol.

use std::time::Duration;

use crate::clock::Clock;
use crate::config::Protocol;
use crate::device::bell::Bell;
use crate::device::line::Line;
use crate::device::line::Stopped;
use crate::device::serial::tty::Tty;
use crate::domain::decode::framing::Cut;
use crate::domain::decode::framing::Framing;
use crate::domain::decode::ssi::Host;
use crate::domain::decode::ssi::Step;
use crate::domain::signal::Occasion;
use crate::domain::time::BootMillis;

/// The pause between two packets to a scanner: "space messages sufficiently apart" (Zebra DS9908 Product Reference
/// Guide, page 249) leaves open how far. A packet is 7 bytes, 8 ms at 9600 baud; a verdict may take 50 ms.
const BETWEEN_PACKETS: Duration = Duration::from_millis(15);

/// The protocol between a scanner's port and its line.
#[derive(Debug)]
pub(super) enum ProtocolDriver {
    /// No protocol: the bytes are the codes; signals are written as they are.
    Plain,
    /// Packets, which the host acknowledges.
    Packets(Box<Host>),
}

impl ProtocolDriver {
    pub(super) fn new(protocol: Protocol, framing: Framing) -> Self {
        match protocol {
            Protocol::ZebraSsi => Self::Packets(Box::new(Host::new(framing))),
            Protocol::None | Protocol::Honeywell | Protocol::Datalogic | Protocol::DatalogicCordless => {
                Self::Plain
            }
        }
    }
}

/// The two ends that a driver connects.
pub(super) struct Ends<'a> {
    pub(super) tty: &'a Tty,
    pub(super) line: &'a mut Line,
    pub(super) clock: &'a dyn Clock,
    pub(super) bell: &'a Bell,
}

impl ProtocolDriver {
    /// Notes that the port was opened, or has come back.
    pub(super) fn opened(&mut self, line: &mut Line, at: BootMillis) {
        match self {
            Self::Plain => line.opened(),
            Self::Packets(host) => host.opened(at),
        }
    }

    /// Processes bytes that were read.
    pub(super) fn take(&mut self, bytes: &[u8], ends: &mut Ends<'_>) -> Result<(), Stopped> {
        match self {
            Self::Plain => ends.line.take(bytes),
            Self::Packets(host) => {
                let mut steps = Vec::new();
                host.push(bytes, ends.clock.boot(), &mut steps);
                ends.carry_out(steps)
            }
        }
    }

    /// Notes that nothing was read until the time was over.
    pub(super) fn expire(&mut self, ends: &mut Ends<'_>) -> Result<(), Stopped> {
        match self {
            Self::Plain => ends.line.expire(),
            Self::Packets(host) => {
                let mut steps = Vec::new();
                host.expire(ends.clock.boot(), &mut steps);
                ends.carry_out(steps)
            }
        }
    }

    /// Returns the wait for the rest of what is pending; `None` (no limit) if nothing is.
    pub(super) fn patience(&self, line: &Line, clock: &dyn Clock) -> Option<Duration> {
        match self {
            Self::Plain => line.patience(),
            Self::Packets(host) => {
                let left_ms = host.deadline()?.ms_since(clock.boot());
                Some(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0).max(1)))
            }
        }
    }

    /// Sends the scanner a signal, and returns false if the scanner did not accept all of it.
    pub(super) fn signal(
        &mut self,
        occasion: Occasion,
        bytes: Vec<u8>,
        ends: &mut Ends<'_>,
    ) -> Result<bool, Stopped> {
        let host = match self {
            Self::Plain => return Ok(bytes.is_empty() || ends.tty.write(&bytes)),
            Self::Packets(host) => host,
        };
        let mut steps = Vec::new();
        match occasion {
            Occasion::Verdict => host.answer(bytes, &mut steps),
            Occasion::News => host.sound(bytes, &mut steps),
        }
        ends.carry_out(steps).map(|()| true)
    }

    /// Notes that the port is gone, or that the thread ends.
    pub(super) fn finish(&mut self, line: &mut Line) -> Result<(), Stopped> {
        if let Self::Packets(host) = self {
            let mut steps = Vec::new();
            host.finish(&mut steps);
            for step in steps {
                // Packets to send are dropped: nobody receives them any more.
                if let Step::Frame(frame) = step {
                    line.pass(frame)?;
                }
            }
        }
        line.finish(Cut::Gone)
    }
}

impl Ends<'_> {
    fn carry_out(&mut self, steps: Vec<Step>) -> Result<(), Stopped> {
        // The first packet answers the scanner at once; pauses stand between packets.
        let mut is_first = true;
        for step in steps {
            match step {
                Step::Frame(frame) => self.line.pass(frame)?,
                Step::Send(packet) => {
                    if !is_first {
                        self.rest();
                    }
                    is_first = false;
                    if !self.tty.write(&packet) {
                        tracing::debug!(scanner = %self.line.scanner(), "packet dropped: the scanner takes no bytes");
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits between two packets, however often the bell rings meanwhile.
    fn rest(&self) {
        let begun = self.clock.boot();
        let whole_ms = i64::try_from(BETWEEN_PACKETS.as_millis()).unwrap_or(0);
        loop {
            let left_ms = whole_ms.saturating_sub(self.clock.boot().ms_since(begun));
            let Ok(left_ms @ 1..) = u64::try_from(left_ms) else { break };
            self.bell.rest(Duration::from_millis(left_ms));
            if self.bell.is_stopping() {
                break;
            }
        }
        // Each rest above clears the ring: the thread still has to check why it rang.
        self.bell.ring();
    }
}
