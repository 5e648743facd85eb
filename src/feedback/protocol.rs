//! The bytes for each signal in the protocols of the scanners' makers.
//!
//! Most scanners can give fewer different signals than a buzzer with lights. Where six are not possible, those that
//! mean "not booked" are alike and never sound like "booked". `signals_hex` in the configuration replaces the bytes of
//! each signal.
//!
//! # Honeywell
//!
//! Host acknowledgement (Xenon/Granit User Guide, "Host Command Acknowledgment" and "Host ACK Responses", pages 75 to
//! 77 and 110 to 112): `ESC x ,` where x is 7 for the beep of a good read, 8 for an error tone, 4, 5, 6 for a beep at
//! low, medium and high pitch. Several commands may follow each other. With "Host ACK On" the scanner stays silent
//! after a read until the first command, for at most 10 s. `ESC 8, ESC 8,` is the guide's own example for a good that
//! is not on file. The commands address all cordless scanners of one base (application work group 0). The guide does
//! not say what a scanner does with a command that it does not wait for.
//!
//! # Datalogic, with a cable
//!
//! One byte a command ("Accepting Commands from an RS-232 Scanner Host": Magellan 9300i Product Reference Guide,
//! appendix E; "Host Commands": Magellan 800i, appendix F; "RS-232 Host Commands": PSC `PowerScan`, appendix A, QD
//! 2300, appendix G): 0x01 sounds the good read tone even where the good read beep is off; `F`, not on file, sounds a
//! long series of beeps, after which `E` enables the scanner again. The hand-held scanners of those guides do not know
//! `F` and stay silent. Such a scanner has three signals: one good read tone, two of them, or the series of beeps.
//!
//! # Datalogic, cordless
//!
//! Escape sequences ("LED and Beeper Control" under "Message Formatting": Gryphon I GD/GBT/GM4200 Product Reference
//! Guide, page 250; GD44XX/GBT4400/GM440X, page 292): `DC2` message `CR`. In the message, `ESC [ n q`, where n is 0 for
//! a short high tone, 1 short low, 2 long low, 3 the good read tone, 4 the bad transmission tone, 5 a wait of 100 ms, 6
//! and 7 the green light on and off. The address of one of several scanners is left out.
//!
//! # Zebra, Symbol, Motorola
//!
//! SSI packets ([`crate::domain::decode::ssi`]) with a beep code. The codes are those of the MK1000 Product Reference
//! Guide, table 5-8 (0 to 6), and of the `NOTIFY` call of `DataWedge`, which has 0 to 20 for scanners of the same
//! makers: 0 to 4 are one to five short high beeps; 5 to 9 short low; 10 to 14 long high; 15 to 19 long low; 20 is a
//! fast warble. Code 18, four long low beeps, is not used: the scanners themselves sound it for a transmission error.

use crate::config::Protocol;
use crate::domain::decode::ssi;
use crate::domain::signal::Signal;

/// Returns the bytes for a signal. Empty bytes leave the scanner silent.
pub fn bytes(protocol: Protocol, signal: Signal) -> Vec<u8> {
    match protocol {
        Protocol::None => Vec::new(),
        Protocol::Honeywell => honeywell(signal).bytes().flat_map(|command| [0x1b, command, b',']).collect(),
        Protocol::Datalogic => datalogic(signal).to_vec(),
        Protocol::DatalogicCordless => cordless(signal),
        Protocol::ZebraSsi => ssi::beep(beep_code(signal)),
    }
}

const fn honeywell(signal: Signal) -> &'static str {
    match signal {
        Signal::Booked => "7",
        Signal::Control => "66",
        Signal::Unknown => "88",
        Signal::Refused => "444",
        Signal::Posted => "456",
        Signal::Person => "6464",
    }
}

const fn datalogic(signal: Signal) -> &'static [u8] {
    match signal {
        Signal::Booked => b"\x01",
        Signal::Control => b"\x01\x01",
        Signal::Unknown | Signal::Refused => b"FE",
        // It answers no scan, and one or two good read tones already mean "booked" and "control".
        Signal::Posted => b"",
        Signal::Person => b"FEFE",
    }
}

fn cordless(signal: Signal) -> Vec<u8> {
    let sequences = match signal {
        // 6 and 7 light the scanner during a signal that means yes; 5 separates the tones.
        Signal::Booked => "637",
        Signal::Control => "60507",
        Signal::Unknown => "250",
        Signal::Refused => "25252",
        Signal::Posted => "602507",
        Signal::Person => "4545454",
    };
    let message = sequences.bytes().flat_map(|number| [0x1b, b'[', number, b'q']);
    [0x12].into_iter().chain(message).chain([b'\r']).collect()
}

const fn beep_code(signal: Signal) -> u8 {
    match signal {
        Signal::Booked => 0,
        Signal::Control => 1,
        Signal::Unknown => 15,
        Signal::Refused => 17,
        Signal::Posted => 10,
        Signal::Person => 20,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::SIGNAL_BYTES_MAX;

    /// Returns the bytes of the six signals in the order of [`Signal::ALL`], in hexadecimal.
    fn hex(protocol: Protocol) -> [String; 6] {
        Signal::ALL.map(|signal| {
            bytes(protocol, signal).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
        })
    }

    #[test]
    fn honeywell_is_answered_with_escape_commands_and_commas() {
        let expected = [
            "1B372C",
            "1B382C1B382C",
            "1B342C1B342C1B342C",
            "1B362C1B362C",
            "1B342C1B352C1B362C",
            "1B362C1B342C1B362C1B342C",
        ];
        assert_eq!(hex(Protocol::Honeywell), expected);
    }

    #[test]
    fn datalogic_is_answered_yes_or_no() {
        assert_eq!(hex(Protocol::Datalogic), ["01", "4645", "4645", "0101", "", "46454645"]);
    }

    #[test]
    fn a_cordless_datalogic_is_sent_one_message_of_escape_sequences() {
        assert_eq!(bytes(Protocol::DatalogicCordless, Signal::Booked), b"\x12\x1b[6q\x1b[3q\x1b[7q\r");
        assert_eq!(bytes(Protocol::DatalogicCordless, Signal::Unknown), b"\x12\x1b[2q\x1b[5q\x1b[0q\r");
        let distinct: BTreeSet<_> = hex(Protocol::DatalogicCordless).into();
        assert_eq!(distinct.len(), 6);
    }

    #[test]
    fn zebra_is_sent_a_packet_with_a_beep_code() {
        let expected = [
            "05E6040000FF11",
            "05E604000FFF02",
            "05E6040011FF00",
            "05E6040001FF10",
            "05E604000AFF07",
            "05E6040014FEFD",
        ];
        assert_eq!(hex(Protocol::ZebraSsi), expected);
    }

    #[test]
    fn nothing_sounds_as_booked_does_and_nothing_is_longer_than_a_signal_may_be() {
        for (_, protocol) in Protocol::WORDS {
            let [booked, others @ ..] = hex(protocol);
            assert!(
                others.iter().all(|other| protocol == Protocol::None || *other != booked),
                "{protocol:?}"
            );
            assert!(others.iter().all(|other| other.len() <= 2 * SIGNAL_BYTES_MAX), "{protocol:?}");
        }
    }
}
