//! The keyed check of control codes: with it only the sheet of this site commands the station.
//!
//! A sealed code is the plain one with three characters behind it, `$SP.UNDO.3` and `7QK`: the first bytes of an
//! HMAC-SHA-256 (RFC 2104) over the plain code. Without the site's secret one guess in 46,656 is right, and each guess
//! has to be printed. The check is no secret to those who see the sheet: it keeps the sheet of another site, and a
//! label that a stranger made up, from commanding anything.
//!
//! The calibration codes command nothing, are the same everywhere and carry no check.

use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::domain::aim::AimId;
use crate::domain::code::control::{Control, ControlReading, kit_code};
use crate::domain::ids::CardId;

/// The number of characters of a check, each a digit or an upper-case letter.
pub const CHECK_CHARS: usize = 3;

/// The purpose of the key, which keeps these checks apart from any later use of a site's secret.
const PURPOSE: &[u8] = b"stockpoint control code 1 ";

/// The seal that makes control codes those of one site.
#[derive(Debug, Clone, Default)]
pub struct Seal(Kind);

#[derive(Debug, Clone, Default)]
enum Kind {
    /// The codes are those of every station.
    #[default]
    None,
    /// They carry a check under this key.
    Keyed(hmac::Key),
    /// They carry a check that nobody here can recompute.
    Lost,
}

impl Seal {
    /// Returns the seal of control codes that carry a check under this secret.
    pub fn keyed(secret: &SecretString) -> Self {
        Self(Kind::Keyed(hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes())))
    }

    /// Returns the seal of control codes whose secret cannot be read: only a calibration code is accepted.
    pub const fn lost() -> Self {
        Self(Kind::Lost)
    }

    /// Reads the text of a frame, AIM prefix and all, as [`Control::read`] does. A code without the right check is
    /// malformed.
    pub fn read(&self, frame_text: &str) -> ControlReading {
        let plain = Control::read(frame_text);
        let key = match &self.0 {
            Kind::None => return plain,
            _ if matches!(
                plain,
                ControlReading::NotControl | ControlReading::Control(Control::Calibrate(_))
            ) =>
            {
                return plain;
            }
            Kind::Keyed(key) => key,
            Kind::Lost => return ControlReading::Malformed,
        };
        let (_symbology, text) = AimId::split(frame_text);
        let split = text.len().checked_sub(CHECK_CHARS).and_then(|at| text.split_at_checked(at));
        let Some((code, shown)) = split else { return ControlReading::Malformed };
        // In constant time, so that the duration reveals nothing of the right check.
        let is_right = bool::from(shown.as_bytes().ct_eq(check(key, code).as_bytes()));
        match Control::read(code) {
            // A calibration code carries no check, so one with three characters behind it is none.
            ControlReading::Control(Control::Calibrate(_)) => ControlReading::Malformed,
            reading @ (ControlReading::Control(_) | ControlReading::Kit(_)) if is_right => reading,
            _ => ControlReading::Malformed,
        }
    }

    /// Returns the text to print as a barcode for a command.
    pub fn code(&self, control: Control) -> String {
        match control {
            Control::Calibrate(_) => control.code(),
            _ => self.sealed(control.code()),
        }
    }

    /// Returns the text to print as a kit's barcode.
    pub fn kit_code(&self, card: CardId) -> String {
        self.sealed(kit_code(card))
    }

    fn sealed(&self, code: String) -> String {
        match &self.0 {
            Kind::Keyed(key) => format!("{code}{}", check(key, &code)),
            Kind::None | Kind::Lost => code,
        }
    }
}

/// Returns the check of a plain code.
fn check(key: &hmac::Key, code: &str) -> String {
    let mut signed = hmac::Context::with_key(key);
    signed.update(PURPOSE);
    signed.update(code.as_bytes());
    // The remainder of 64 bits by 36^3 favours no check by more than one in 10^14.
    let number =
        signed.sign().as_ref().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let digit =
        |place: u32| char::from_digit(u32::try_from(number / 36_u64.pow(place) % 36).unwrap_or(0), 36);
    let check = (0..3).filter_map(digit).map(|digit| digit.to_ascii_uppercase());
    check.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::calibrate::CalibrationCode;
    use crate::domain::code::control::sheet;

    fn seal(secret: &str) -> Seal {
        Seal::keyed(&SecretString::from(secret))
    }

    fn ours() -> Seal {
        seal("the secret of this site")
    }

    fn is_obeyed(seal: &Seal, text: &str) -> bool {
        matches!(seal.read(text), ControlReading::Control(_) | ControlReading::Kit(_))
    }

    #[test]
    fn a_check_is_three_letters_and_digits_behind_the_plain_code_and_stays_the_same() {
        // A sheet that hangs on a wall outlives the program that printed it. Computed by OpenSSL 3.0:
        // printf 'stockpoint control code 1 $SP.UNDO.3' | openssl dgst -sha256 -hmac 'the secret of this site'
        assert_eq!(ours().code(Control::Undo), "$SP.UNDO.3R50");
    }

    #[test]
    fn every_sealed_code_is_read_back_and_no_plain_one() {
        let seal = ours();
        for control in sheet() {
            let code = seal.code(control);
            assert_eq!(seal.read(&code), ControlReading::Control(control), "{code}");
            assert_eq!(seal.read(&format!("]C0{code}")), ControlReading::Control(control), "{code}");
            assert_eq!(seal.read(&control.code()), ControlReading::Malformed, "{code}");
            assert_eq!(Control::read(&code), ControlReading::Malformed, "{code}");
        }
        assert_eq!(seal.read(&seal.kit_code(CardId(410))), ControlReading::Kit(CardId(410)));
        assert_eq!(seal.read(&kit_code(CardId(410))), ControlReading::Malformed);
    }

    #[test]
    fn calibration_codes_are_the_same_on_every_sheet() {
        for seal in [Seal::default(), ours(), Seal::lost()] {
            for control in CalibrationCode::ALL.map(Control::Calibrate) {
                assert_eq!(seal.code(control), control.code());
                assert_eq!(seal.read(&control.code()), ControlReading::Control(control));
            }
        }
    }

    #[test]
    fn the_codes_of_another_site_command_nothing() {
        let (ours, theirs) = (ours(), seal("the secret of another site"));
        for control in sheet() {
            assert!(!is_obeyed(&ours, &theirs.code(control)), "{control:?}");
        }
    }

    #[test]
    fn without_its_secret_a_station_obeys_nothing_and_still_reads_products() {
        let lost = Seal::lost();
        for text in [Control::Undo.code(), ours().code(Control::Undo), kit_code(CardId(1))] {
            assert_eq!(lost.read(&text), ControlReading::Malformed, "{text}");
        }
        assert_eq!(lost.read("4006381333931"), ControlReading::NotControl);
    }

    #[test]
    fn a_quantity_does_not_run_into_its_check() {
        let seal = ours();
        let all = (1..=999).flat_map(|quantity| [Control::Quantity(quantity), Control::Last(quantity)]);
        for control in all {
            assert_eq!(seal.read(&seal.code(control)), ControlReading::Control(control));
        }
    }

    #[test]
    fn no_single_wrong_character_leaves_a_command() {
        let seal = ours();
        for code in sheet().into_iter().map(|control| seal.code(control)) {
            for (at, right) in code.char_indices() {
                for wrong in (' '..='~').filter(|&wrong| wrong != right) {
                    let mut spoiled = code.clone();
                    spoiled.replace_range(at..=at, &wrong.to_string());
                    assert!(!is_obeyed(&seal, &spoiled), "{spoiled}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_obeys_only_what_the_site_prints(
            text in ".{0,30}|\\$SP\\..{0,20}|\\$[sS][pP]\\.(QTY|KIT|ST)-[0-9]{1,20}\\.[0-9A-Z]{1,4}",
        ) {
            match ours().read(&text) {
                ControlReading::Control(control) => prop_assert!(text.ends_with(&ours().code(control))),
                ControlReading::Kit(card) => prop_assert!(text.ends_with(&ours().kit_code(card))),
                ControlReading::NotControl => prop_assert_eq!(Control::read(&text), ControlReading::NotControl),
                ControlReading::Malformed => {}
            }
        }
    }
}
