//! Simple Serial Interface: the packets of Zebra's, Symbol's and Motorola's serial scanners.
//!
//! A scanner that sends its codes in packets waits for the host to acknowledge each, and offers it again if the host
//! does not. The acknowledgement is given when the code has its verdict, which is after its commit: what the scanner
//! holds as delivered is on the disk. A code that was damaged on the way is asked for again, and one that comes twice
//! because an acknowledgement was lost or late is one scan.
//!
//! The sources of the bytes:
//! - a packet is length, opcode, source (0 scanner, 4 host), status (bit 0: sent again), data, and the two's complement
//!   of the sum in two bytes, the high one first: SE-923 Scan Engine Integration Guide 70-37052-01, figure 6-1 and
//!   table 6-2; status bit 1, "continued": DS2208 Product Reference Guide, "Encapsulation of RSM Commands over SSI";
//! - the opcodes: DS8108 Product Reference Guide, table 5-1; `DECODE_DATA`: SE-923, page 6-15, a byte for the code's
//!   kind and then the code with the scanner's own prefix and suffix;
//! - the causes of `CMD_NAK`: Dragon D151 Reference Manual (a scanner of another maker with the same interface), page
//!   63;
//! - two more tries, and what is an error: DS9908 Product Reference Guide, pages 247 and 249.
//!
//! Unknown, and so not supported: the form in which a code of more than one packet repeats the byte of its kind. Such
//! a code, more than 250 bytes, is refused. Lights (`LED_ON`) are not used, since the manuals above do not say which
//! is which.

use crate::domain::decode::framing::{
    FRAME_BYTES_MAX, Frame, Framing, Guard, Refusal, Span, is_terminator, whole,
};
use crate::domain::time::BootMillis;

const BEEP: u8 = 0xe6;
const CMD_ACK: u8 = 0xd0;
const CMD_NAK: u8 = 0xd1;
const DECODE_DATA: u8 = 0xf3;

const FROM_SCANNER: u8 = 0;
const FROM_HOST: u8 = 4;

/// Status: this packet was sent before.
const AGAIN: u8 = 1;
/// Status: another packet of the same message follows.
const CONTINUED: u8 = 1 << 1;

/// `CMD_NAK`: the sum was wrong, send it again.
const RESEND: u8 = 1;
/// The number of times that a packet is sent again after the first time.
const TRIES_MAX: u8 = 2;

/// The number of bytes before the data, which the length counts.
const HEADER_BYTES: usize = 4;
/// The number of bytes of the sum, which the length does not count.
const SUM_BYTES: usize = 2;

/// Returns a packet that makes the scanner sound this beep code.
pub fn beep(code: u8) -> Vec<u8> {
    packet(BEEP, 0, &[code])
}

/// A step of the host; the steps are done in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Processes a frame; [`Host::answer`] has to follow with its verdict.
    Frame(Frame),
    /// Sends a packet.
    Send(Vec<u8>),
}

/// The host's end of the line to one scanner.
#[derive(Debug)]
pub struct Host {
    framing: Framing,
    guard: Guard,
    /// The bytes of at most one packet, or of noise, up to [`FRAME_BYTES_MAX`].
    bytes: Vec<u8>,
    begun_at: BootMillis,
    last_byte_at: BootMillis,
    /// The kind of bytes in `bytes`.
    reading: Reading,
    /// The number of frames that wait for their verdict.
    unanswered: u32,
    /// The code that was accepted last, if it may come again because its acknowledgement got lost.
    accepted: Option<Vec<u8>>,
    /// True if some packets of a long message were acknowledged and dropped.
    is_continued: bool,
    /// The command sent last, and the number of times that it may be sent again.
    command: (Vec<u8>, u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Packet,
    /// Bytes that are no packet, up to the next gap.
    Noise,
}

impl Host {
    /// Returns the host of a scanner of which nothing was read yet. A packet, or noise, ends at the latest a gap after
    /// its last byte. The content of a packet is one code, whatever the terminator.
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            guard: Guard::new(framing.guarding, framing.gap),
            bytes: Vec::new(),
            begun_at: BootMillis(0),
            last_byte_at: BootMillis(0),
            reading: Reading::Packet,
            unanswered: 0,
            accepted: None,
            is_continued: false,
            command: (Vec::new(), 0),
        }
    }

    /// Notes that the port was opened, or has come back.
    pub fn opened(&mut self, at: BootMillis) {
        self.guard.opened(at);
    }

    /// Takes bytes that arrived at `now`.
    pub fn push(&mut self, bytes: &[u8], now: BootMillis, out: &mut Vec<Step>) {
        for &byte in bytes {
            if self.bytes.is_empty() {
                self.begun_at = now;
            }
            // A packet has at most 257 bytes, so only noise is cut off here.
            if self.bytes.len() < FRAME_BYTES_MAX {
                self.bytes.push(byte);
            }
            self.last_byte_at = now;
            if self.reading == Reading::Packet {
                self.look(out);
            }
        }
    }

    /// Returns the time at which the pending bytes are given up, if there are any.
    pub fn deadline(&self) -> Option<BootMillis> {
        if self.bytes.is_empty() { None } else { Some(self.last_byte_at.plus_ms(self.framing.gap_ms())) }
    }

    /// Gives the pending bytes up if their time is over: the scanner is asked for its packet again, and noise is
    /// refused.
    pub fn expire(&mut self, now: BootMillis, out: &mut Vec<Step>) {
        if self.deadline().is_none_or(|deadline| now.ms_since(deadline) < 0) {
            return;
        }
        match self.reading {
            Reading::Packet => self.damaged(out),
            Reading::Noise => {
                let ended = self.last_byte_at.plus_ms(self.framing.gap_ms());
                self.refuse(Refusal::Unfinished, ended, out);
            }
        }
    }

    /// Refuses the pending bytes because the scanner is gone, and forgets what it was waiting for.
    pub fn finish(&mut self, out: &mut Vec<Step>) {
        self.refuse(Refusal::Lost, self.last_byte_at, out);
        let fresh = Self::new(self.framing);
        // The guard remembers the cut: what comes after the return may be the rest of this code.
        let guard = std::mem::replace(&mut self.guard, Guard::new(self.framing.guarding, self.framing.gap));
        *self = Self { guard, ..fresh };
    }

    /// Informs the scanner that its code was dealt with, and makes it sound `beep`, a packet or nothing.
    pub fn answer(&mut self, beep: Vec<u8>, out: &mut Vec<Step>) {
        if self.unanswered > 0 {
            self.unanswered -= 1;
            out.push(Step::Send(packet(CMD_ACK, 0, &[])));
        }
        self.sound(beep, out);
    }

    /// Makes the scanner sound `beep`, a packet or nothing.
    pub fn sound(&mut self, beep: Vec<u8>, out: &mut Vec<Step>) {
        if !beep.is_empty() {
            self.command = (beep.clone(), TRIES_MAX);
            out.push(Step::Send(beep));
        }
    }

    /// Checks whether the bytes are a packet by now, or cannot become one.
    fn look(&mut self, out: &mut Vec<Step>) {
        let length = usize::from(self.bytes.first().copied().unwrap_or(0));
        // The source is the third byte; until it comes, the bytes may be a packet.
        let source = self.bytes.get(2).copied().unwrap_or(FROM_SCANNER);
        if length < HEADER_BYTES || source != FROM_SCANNER {
            self.reading = Reading::Noise;
        } else if self.bytes.len() == length + SUM_BYTES {
            if sum(&self.bytes) == 0 {
                let packet = std::mem::take(&mut self.bytes);
                self.take(&packet, out);
            } else {
                self.damaged(out);
            }
        }
    }

    /// Takes a whole packet.
    fn take(&mut self, packet: &[u8], out: &mut Vec<Step>) {
        let data = packet.get(HEADER_BYTES..packet.len().saturating_sub(SUM_BYTES)).unwrap_or_default();
        let (opcode, status) = (packet.get(1).copied(), packet.get(3).copied().unwrap_or(0));
        match opcode {
            Some(DECODE_DATA) => self.take_code(data, status, out),
            Some(CMD_ACK) => self.command = (Vec::new(), 0),
            Some(CMD_NAK) => {
                if data.first() == Some(&RESEND) {
                    self.send_again(out);
                }
            }
            // News that is not asked for, an EVENT for instance: the scanner waits for its acknowledgement all the
            // same.
            _ => out.push(Step::Send(self::packet(CMD_ACK, 0, &[]))),
        }
    }

    fn take_code(&mut self, data: &[u8], status: u8, out: &mut Vec<Step>) {
        if status & AGAIN != 0 && self.accepted.as_deref() == Some(data) {
            // Unanswered, it is acknowledged with its verdict; answered, the acknowledgement did not arrive.
            if self.unanswered == 0 {
                out.push(Step::Send(packet(CMD_ACK, 0, &[])));
            }
            return;
        }
        self.accepted = Some(data.to_vec());
        // The first byte is the kind of the code.
        let code = without_suffix(data.get(1..).unwrap_or_default());
        if status & CONTINUED != 0 {
            self.is_continued = true;
            out.push(Step::Send(packet(CMD_ACK, 0, &[])));
        } else if code.is_empty() && !self.is_continued {
            out.push(Step::Send(packet(CMD_ACK, 0, &[])));
        } else {
            let verdict = if self.is_continued { Err(Refusal::TooLong) } else { whole(code).verdict };
            self.is_continued = false;
            self.tell(Frame { raw: code.to_vec(), verdict }, self.last_byte_at, out);
        }
    }

    /// Asks for a packet again. While a verdict is due, it can only be the packet that is being processed already.
    fn damaged(&mut self, out: &mut Vec<Step>) {
        self.bytes.clear();
        if self.unanswered == 0 {
            // The scanner marks the packet as sent again. With the same label scanned twice it would otherwise count
            // as the accepted code and be lost.
            self.accepted = None;
        }
        out.push(Step::Send(packet(CMD_NAK, 0, &[RESEND])));
    }

    fn send_again(&mut self, out: &mut Vec<Step>) {
        let (command, tries) = &mut self.command;
        if *tries > 0 {
            *tries -= 1;
            out.push(Step::Send(marked_again(command)));
        }
    }

    fn refuse(&mut self, why: Refusal, ended: BootMillis, out: &mut Vec<Step>) {
        self.reading = Reading::Packet;
        let raw = std::mem::take(&mut self.bytes);
        if !raw.is_empty() {
            // Answered like any other; an acknowledgement that no scanner waits for does no harm.
            self.tell(Frame { raw, verdict: Err(why) }, ended, out);
        }
    }

    fn tell(&mut self, frame: Frame, ended: BootMillis, out: &mut Vec<Step>) {
        self.unanswered += 1;
        let span = Span { begun: self.begun_at, ended };
        out.push(Step::Frame(self.guard.admit(frame, span)));
    }
}

/// Returns a code without the terminators that would end it outside a packet.
fn without_suffix(code: &[u8]) -> &[u8] {
    let length = code.iter().rposition(|byte| !is_terminator(*byte)).map_or(0, |last| last + 1);
    code.get(..length).unwrap_or_default()
}

/// Returns a packet of the host.
fn packet(opcode: u8, status: u8, data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(HEADER_BYTES + data.len()).expect("the host's packets are short");
    let mut bytes = vec![length, opcode, FROM_HOST, status];
    bytes.extend(data);
    sealed(bytes)
}

/// Returns the same packet of the host with the mark that it was sent before.
fn marked_again(packet: &[u8]) -> Vec<u8> {
    let mut bytes = packet.get(..packet.len().saturating_sub(SUM_BYTES)).unwrap_or_default().to_vec();
    if let Some(status) = bytes.get_mut(3) {
        *status |= AGAIN;
    }
    sealed(bytes)
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let total = bytes.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    bytes.extend(total.wrapping_neg().to_be_bytes());
    bytes
}

/// Returns zero for a whole packet: its bytes and the two of the sum cancel out.
fn sum(packet: &[u8]) -> u16 {
    let (bytes, sum) = packet.split_at(packet.len().saturating_sub(SUM_BYTES));
    let total = bytes.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    sum.iter()
        .fold(0_u16, |sum, byte| sum.wrapping_mul(256).wrapping_add(u16::from(*byte)))
        .wrapping_add(total)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::decode::framing::Guarding;

    /// Packets of a test follow each other at once.
    const FRAMING: Framing = Framing {
        guarding: Guarding::On { burst: Duration::ZERO },
        ..Framing::usual(Duration::from_millis(200))
    };
    const ACK: &str = "04D00400FF28";
    const NAK_RESEND: &str = "05D1040001FF25";

    /// A player of bytes against a host with a gap of 200 ms, whose steps are shown one a word.
    struct Play {
        host: Host,
        steps: Vec<Step>,
        now: i64,
    }

    impl Play {
        fn new() -> Self {
            Self { host: Host::new(FRAMING), steps: Vec::new(), now: 0 }
        }

        fn push(mut self, bytes: &[u8]) -> Self {
            self.host.push(bytes, BootMillis(self.now), &mut self.steps);
            self
        }

        fn wait(mut self, ms: i64) -> Self {
            self.now += ms;
            self.host.expire(BootMillis(self.now), &mut self.steps);
            self
        }

        fn answer(mut self, code: u8) -> Self {
            self.host.answer(beep(code), &mut self.steps);
            self
        }

        fn told(&self) -> String {
            let hex =
                |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat();
            let words: Vec<String> = self
                .steps
                .iter()
                .map(|step| match step {
                    Step::Frame(Frame { verdict: Ok(text), .. }) => text.clone(),
                    Step::Frame(Frame { verdict: Err(why), raw }) => {
                        format!("!{}:{}", why.as_str(), raw.len())
                    }
                    Step::Send(bytes) => hex(bytes),
                })
                .collect();
            words.join(" ")
        }
    }

    /// Returns a packet of a scanner.
    fn sent(opcode: u8, status: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(4 + data.len()).unwrap(), opcode, 0, status];
        bytes.extend(data);
        sealed(bytes)
    }

    /// Returns the packet of an EAN-13, kind 0x0B.
    fn code(status: u8, text: &str) -> Vec<u8> {
        sent(DECODE_DATA, status, &[b"\x0b", text.as_bytes()].concat())
    }

    fn damaged(mut packet: Vec<u8>) -> Vec<u8> {
        packet[6] ^= 1;
        packet
    }

    #[test]
    fn the_packets_are_those_of_the_guide() {
        // The guide's example of LED_ON, and that of a scanner of the same interface.
        assert_eq!(packet(0xe7, 0, &[1]), [0x05, 0xe7, 0x04, 0x00, 0x01, 0xff, 0x0f]);
        assert_eq!(packet(CMD_NAK, 0, &[2]), [0x05, 0xd1, 0x04, 0x00, 0x02, 0xff, 0x24]);
        assert_eq!(beep(0), [0x05, 0xe6, 0x04, 0x00, 0x00, 0xff, 0x11]);
        assert_eq!(marked_again(&beep(0)), [0x05, 0xe6, 0x04, 0x01, 0x00, 0xff, 0x10]);
    }

    #[test]
    fn a_code_is_acknowledged_with_its_verdict_and_not_before() {
        let play = Play::new().push(&code(0, "4006381333931"));
        assert_eq!(play.told(), "4006381333931");
        let play = play.answer(0);
        assert_eq!(play.told(), format!("4006381333931 {ACK} 05E6040000FF11"));
    }

    #[test]
    fn news_beeps_and_acknowledges_nothing() {
        let mut play = Play::new().push(&code(0, "4006381333931"));
        play.host.sound(beep(2), &mut play.steps);
        assert_eq!(play.told(), "4006381333931 05E6040002FF0F");
        assert_eq!(play.answer(0).told(), format!("4006381333931 05E6040002FF0F {ACK} 05E6040000FF11"));
    }

    #[test]
    fn the_suffix_of_the_scanner_is_no_part_of_the_code() {
        assert_eq!(Play::new().push(&code(0, "96385074\r\n")).told(), "96385074");
        assert_eq!(Play::new().push(&code(0, "\r")).told(), ACK);
    }

    #[test]
    fn a_terminator_within_a_code_does_not_make_two_of_it() {
        assert_eq!(Play::new().push(&code(0, "400\r638\r")).told(), "400\r638");
    }

    #[test]
    fn a_code_sent_again_before_its_verdict_is_one_scan() {
        let play = Play::new().push(&code(0, "96385074")).push(&code(AGAIN, "96385074"));
        let play = play.push(&damaged(code(AGAIN, "96385074"))).push(&code(AGAIN, "96385074"));
        assert_eq!(play.answer(0).told(), format!("96385074 {NAK_RESEND} {ACK} 05E6040000FF11"));
    }

    #[test]
    fn a_code_sent_again_after_its_verdict_is_acknowledged_again_and_no_scan() {
        let play = Play::new().push(&code(0, "96385074")).answer(0).push(&code(AGAIN, "96385074"));
        assert_eq!(play.told(), format!("96385074 {ACK} 05E6040000FF11 {ACK}"));
    }

    #[test]
    fn the_same_code_scanned_twice_is_two_scans() {
        let play = Play::new().push(&code(0, "96385074")).answer(0).push(&code(0, "96385074"));
        assert_eq!(play.told(), format!("96385074 {ACK} 05E6040000FF11 96385074"));
    }

    #[test]
    fn a_damaged_code_is_asked_for_again_and_then_taken_though_it_is_the_last_one_again() {
        let play = Play::new().push(&code(0, "96385074")).answer(0);
        let play = play.push(&damaged(code(0, "96385074"))).push(&code(AGAIN, "96385074"));
        assert_eq!(play.told(), format!("96385074 {ACK} 05E6040000FF11 {NAK_RESEND} 96385074"));
    }

    #[test]
    fn half_a_packet_is_asked_for_again_after_the_gap_and_is_no_part_of_the_next() {
        let half = code(0, "4006381333931");
        let play = Play::new().push(&half[..9]).wait(199);
        assert_eq!(play.told(), "");
        let play = play.wait(1).push(&code(AGAIN, "4006381333931"));
        assert_eq!(play.told(), format!("{NAK_RESEND} 4006381333931"));
    }

    #[test]
    fn bytes_without_a_packet_are_refused_as_one() {
        let play = Play::new().push(b"4006381333931\r").wait(200).push(&code(0, "96385074"));
        let play = play.wait(1000).push(&code(0, "96385075"));
        assert_eq!(play.told(), "!unfinished:14 !tail:8 96385075");
    }

    #[test]
    fn a_code_longer_than_a_packet_is_refused_once() {
        let play = Play::new().push(&code(CONTINUED, &"7".repeat(250))).push(&code(0, "77"));
        assert_eq!(play.told(), format!("{ACK} !too-long:2"));
        assert_eq!(Play::new().push(&code(0, &"7".repeat(250))).told(), "7".repeat(250));
    }

    #[test]
    fn a_beep_that_arrived_damaged_is_sent_twice_more_and_no_oftener() {
        let resend = sent(CMD_NAK, 0, &[RESEND]);
        let again = "05E6040100FF10";
        let play = Play::new().push(&code(0, "96385074")).answer(0).push(&resend).push(&resend).push(&resend);
        assert_eq!(play.told(), format!("96385074 {ACK} 05E6040000FF11 {again} {again}"));
        let denied = sent(CMD_NAK, 0, &[6]);
        assert_eq!(Play::new().answer(0).push(&denied).told(), "05E6040000FF11");
        let taken = sent(CMD_ACK, 0, &[]);
        assert_eq!(Play::new().answer(0).push(&taken).push(&resend).told(), "05E6040000FF11");
    }

    #[test]
    fn news_of_the_scanner_is_acknowledged() {
        assert_eq!(Play::new().push(&sent(0xf6, 0, &[3])).told(), ACK);
    }

    #[test]
    fn a_scanner_that_vanishes_leaves_its_half_packet_refused_and_owes_nothing() {
        let mut play = Play::new().push(&code(0, "96385074")).push(&code(0, "4006")[..6]);
        play.host.finish(&mut play.steps);
        assert_eq!(play.told(), "96385074 !lost:6");
        assert_eq!(play.answer(0).told(), "96385074 !lost:6 05E6040000FF11");
    }

    proptest! {
        #[test]
        fn any_partition_gives_the_same_steps(text in "[0-9A-Za-z]{1,60}", size in 1_usize..20) {
            let bytes = [code(0, &text), sent(0xf6, 0, &[1]), code(0, "96385074")].concat();
            let cut = bytes.chunks(size).fold(Play::new(), Play::push);
            prop_assert_eq!(cut.told(), format!("{text} {ACK} 96385074"));
        }

        #[test]
        fn noise_never_makes_a_code_nor_grows(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let play = Play::new().push(&bytes).wait(200);
            prop_assert!(play.host.bytes.is_empty());
            prop_assert!(play.steps.iter().all(|step| !matches!(step, Step::Frame(frame) if frame.raw.len() > FRAME_BYTES_MAX)));
        }

        #[test]
        fn one_wrong_byte_makes_no_other_code(at in 0_usize..20, flip in 1_u8..=255) {
            let mut bytes = code(0, "4006381333931");
            bytes[at] ^= flip;
            let play = Play::new().push(&bytes).wait(200);
            let read = play.steps.iter().any(|step| matches!(step, Step::Frame(Frame { verdict: Ok(_), .. })));
            prop_assert!(!read, "{}", play.told());
        }
    }
}
