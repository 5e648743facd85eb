//! Frames that carry a secret: set-up codes, Wi-Fi codes, one-time-password codes.
//!
//! Promises: such a frame is replaced before anything stores, shows or logs it; the replacement is one of a few fixed
//! texts, so neither the secret nor its length is in it. A head is recognised by its beginning, in any case and on a
//! keyboard with other punctuation; a rest without its head by its form, or by the frame before it.

use crate::domain::decode::framing::Frame;
use crate::domain::decode::framing::Refusal;

/// The bytes of a set-up code, or of a part of one.
const SET_UP: &[u8] = b"(set-up code: not kept)";
/// The bytes of a Wi-Fi code, or of a part of one.
const WIFI: &[u8] = b"(Wi-Fi code: not kept)";
/// The bytes of a code that enrols a one-time password.
const PASSWORD: &[u8] = b"(password code: not kept)";
/// The bytes of a frame that followed one of these.
const REST: &[u8] = b"(rest of a secret code: not kept)";

/// Bytes in front of a code that a scanner may have been set to add, AIM identifier among them.
const FRONT_BYTES_MAX: usize = 16;
/// Base-32 digits of a set-up code's secret, 128 bits.
const SECRET_DIGITS: usize = 26;
/// Base-32 digits in a row that make a refused frame a part of a set-up code: the shortest passphrase, 8 bytes.
const PART_DIGITS_MIN: usize = 13;
/// Bytes behind `SETUP` without which it holds no secret, and may be the number of an article.
const BEHIND_BYTES_MIN: usize = 16;
/// The fields of a Wi-Fi code.
const WIFI_FIELDS: &[u8] = b"STPHREI";

/// The frame before another one of the same scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// It held no secret, or no frame came before.
    Plain,
    /// It held a secret, of which the next may be the rest.
    Secret,
}

/// Removes the secret from a frame: its bytes become a fixed text, and a frame that was sound is refused. A frame
/// without a secret passes as it is.
#[must_use]
pub fn redacted(frame: Frame, before: Before) -> Frame {
    let Some(text) = replacement(&frame, before) else { return frame };
    Frame { raw: text.to_vec(), verdict: Err(frame.verdict.err().unwrap_or(Refusal::Secret)) }
}

/// Returns true for a frame that [`redacted`] returned without its secret.
pub fn is_redacted(frame: &Frame) -> bool {
    frame.verdict.is_err() && [SET_UP, WIFI, PASSWORD, REST].contains(&frame.raw.as_slice())
}

fn replacement(frame: &Frame, before: Before) -> Option<&'static [u8]> {
    // Caps Lock and layouts change the case of heads.
    let bytes = frame.raw.to_ascii_uppercase();
    let heads = || fronts(&bytes);
    if heads().any(is_set_up_head) {
        return Some(SET_UP);
    }
    if heads().any(is_wifi_head) {
        return Some(WIFI);
    }
    if heads().any(|head| head.starts_with(b"OTPAUTH:") || head.starts_with(b"OTPAUTH-MIGRATION:")) {
        return Some(PASSWORD);
    }
    match frame.verdict {
        // A sound frame counts only with a whole secret, because product codes may hold long runs of such digits.
        Ok(_) => has_set_up_secret(&frame.raw).then_some(SET_UP),
        Err(Refusal::Tail | Refusal::Burst) if before == Before::Secret => Some(REST),
        Err(_) if has_digits(&frame.raw) => Some(SET_UP),
        Err(_) => has_wifi_part(&frame.raw).then_some(WIFI),
    }
}

/// Returns the rests of the bytes from each place at which a code may begin.
fn fronts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..=FRONT_BYTES_MAX).map_while(|at| bytes.get(at..))
}

/// Returns true for `$SP.SETUP`, or what a keyboard made of it with enough behind it to hold a part of the secret.
fn is_set_up_head(head: &[u8]) -> bool {
    if head.starts_with(b"$SP.SETUP") {
        return true;
    }
    let Some(rest) = head.strip_prefix(b"SP") else { return false };
    // Behind the word stands the version, a digit, which a keyboard may have turned into another sign. In the number
    // of an article the word goes on with a letter, ends, or is followed by a hyphen, an underscore or a space.
    let has_version = |rest: &[u8]| {
        rest.first().is_some_and(|byte| !byte.is_ascii_alphabetic() && !matches!(byte, b'-' | b'_' | b' '))
    };
    let behind = |rest: &[u8]| {
        let rest = rest.strip_prefix(b"SETUP");
        rest.is_some_and(|rest| rest.len() >= BEHIND_BYTES_MIN && has_version(rest))
    };
    // The dot may be missing, or another sign of one or two bytes.
    fronts(rest).take(3).any(behind)
}

/// Returns true for `WIFI:`, or its first field between two of what a keyboard made of the colon.
fn is_wifi_head(head: &[u8]) -> bool {
    let Some(rest) = head.strip_prefix(b"WIFI") else { return false };
    if rest.first() == Some(&b':') {
        return true;
    }
    // The sign in place of the colon, of one or two bytes; the field; the same sign again.
    let is_field = |width: usize| {
        let (mark, behind) = rest.split_at_checked(width)?;
        let (field, behind) = behind.split_first()?;
        let is_mark = mark.iter().all(|byte| !byte.is_ascii_alphanumeric());
        // A hyphen joins the parts of article numbers.
        Some(is_mark && mark != b"-" && WIFI_FIELDS.contains(field) && behind.starts_with(mark))
    };
    [1, 2].into_iter().any(|width| is_field(width) == Some(true))
}

/// Returns true if a whole secret stands between slashes with two fields more behind it: a code whose head was lost
/// unnoticed.
fn has_set_up_secret(raw: &[u8]) -> bool {
    let fields: Vec<&[u8]> = raw.split(|byte| *byte == b'/').collect();
    let is_secret = |field: &[u8]| field.len() == SECRET_DIGITS && field.iter().copied().all(is_digit);
    fields.iter().rev().skip(2).any(|field| is_secret(field))
}

/// Returns true for a run of base-32 digits in a field of a torn frame. An article number has no such run beside a
/// slash.
fn has_digits(raw: &[u8]) -> bool {
    let mut fields = raw.split(|byte| *byte == b'/');
    raw.contains(&b'/') && fields.any(|field| longest_run(field) >= PART_DIGITS_MIN)
}

fn longest_run(field: &[u8]) -> usize {
    field.split(|byte| !is_digit(*byte)).map(<[u8]>::len).max().unwrap_or_default()
}

/// Returns true for a digit of base 32 (RFC 4648, section 6).
fn is_digit(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'2'..=b'7')
}

/// Returns true for the passphrase's field, or the end of a code that may have one.
fn has_wifi_part(raw: &[u8]) -> bool {
    raw.starts_with(b"P:") || raw.windows(3).any(|part| part == b";P:") || raw.ends_with(b";;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "$SP.SETUP1/DOCK-1/4564/192.168.1.10+8481/A4DQOBYHA4DQOBYHA4DQOBYHA4/2CQ5BOWQXPILBUFUEAZA/MNXXE4TFMN2CA2DPOJZWKIBPEBRGC5DUMVZHS/XV5MR";
    const NETWORK: &str = "WIFI:S:dock;T:WPA;P:correct horse;;";

    fn sound(text: &str) -> Frame {
        Frame { raw: text.as_bytes().to_vec(), verdict: Ok(text.to_owned()) }
    }

    fn torn(text: &str, why: Refusal) -> Frame {
        Frame { raw: text.as_bytes().to_vec(), verdict: Err(why) }
    }

    fn kept(frame: Frame) -> String {
        String::from_utf8(redacted(frame, Before::Plain).raw).unwrap()
    }

    #[test]
    fn a_code_that_carries_a_secret_becomes_one_text_whatever_its_length() {
        for text in [
            CODE,
            &CODE.to_lowercase(),
            &format!("]Q1{CODE}"),
            "$SP.SETUP2/x",
            "ÄSP.SETUP1&DOCK&4564&&A4DQ",
            "4SP:SETUP1-DOCK-4564--A4DQ",
        ] {
            assert_eq!(kept(sound(text)), "(set-up code: not kept)", "{text}");
        }
        for text in [
            NETWORK,
            &format!("]Q1{NETWORK}"),
            "wifi:t:nopass;s:x;;",
            "WIFIÖS:",
            "WIFIÖSÖdockäPÖx",
            "WIFI;T;WPA",
        ] {
            let is_wifi = kept(sound(text)) == "(Wi-Fi code: not kept)";
            assert_eq!(is_wifi, text != "WIFIÖS:", "{text}");
        }
        assert_eq!(kept(sound("otpauth://totp/x?secret=JBSWY3DP")), "(password code: not kept)");
        let frame = redacted(sound(CODE), Before::Plain);
        assert_eq!(frame.verdict, Err(Refusal::Secret));
        assert!(is_redacted(&frame) && is_redacted(&redacted(frame.clone(), Before::Secret)));
        assert_eq!(redacted(frame.clone(), Before::Plain), frame);
    }

    #[test]
    fn other_codes_pass_as_they_are() {
        for text in [
            "4006381333931",
            "$SP.OK.C",
            "$SP.SET",
            "WIFI-S-100",
            "DISP-SETUP-KIT-100",
            "DISP-SETUP-KIT-10000000000000000",
            "SP SETUPS FOR DISPLAYS, LARGE",
            "WIFI ROUTER",
            "WIFI6",
            "ST/1/ABCDEFGHIJKLMNOPQRSTUVWXYZ/2",
            "https://id.gs1.org/01/04006381333931/10/ABC",
            "A;;",
            "P:1",
            "]C1010400638133393110AB",
            "",
        ] {
            assert_eq!(redacted(sound(text), Before::Secret), sound(text), "{text}");
        }
        let refused = torn("https://example.com/p/4006381333931", Refusal::Unfinished);
        assert_eq!(redacted(refused.clone(), Before::Secret), refused);
    }

    #[test]
    fn every_part_of_a_torn_code_with_enough_of_a_secret_is_replaced() {
        for at in 1..CODE.len() {
            let (head, tail) = CODE.split_at(at);
            let head_is_kept = !is_redacted(&redacted(torn(head, Refusal::Unfinished), Before::Plain));
            assert!(!head_is_kept || at < "$SP.SETUP".len(), "{head}");
            // The tail alone, as after a port was opened in the middle of it.
            let tail = redacted(torn(tail, Refusal::Tail), Before::Plain);
            let rest = String::from_utf8(tail.raw.clone()).unwrap();
            let longest = rest.split('/').map(str::len).max().unwrap();
            assert!(is_redacted(&tail) || longest <= PART_DIGITS_MIN, "{rest}");
        }
        for at in "WIFI:".len()..NETWORK.len() - 1 {
            let (head, tail) = NETWORK.split_at(at);
            assert!(is_redacted(&redacted(torn(head, Refusal::Lost), Before::Plain)), "{head}");
            assert!(is_redacted(&redacted(torn(tail, Refusal::Tail), Before::Plain)), "{tail}");
        }
    }

    #[test]
    fn what_follows_a_secret_is_taken_for_its_rest_only_if_it_was_refused_as_one() {
        for why in [Refusal::Tail, Refusal::Burst] {
            assert_eq!(redacted(torn("rse", why), Before::Secret).raw, REST);
            assert_eq!(redacted(torn("rse", why), Before::Secret).verdict, Err(why));
            assert_eq!(redacted(torn("rse", why), Before::Plain).raw, b"rse");
        }
        assert_eq!(redacted(torn("rse", Refusal::Overrun), Before::Secret).raw, b"rse");
        assert_eq!(redacted(sound("4006381333931"), Before::Secret), sound("4006381333931"));
    }

    #[test]
    fn a_code_whose_head_was_lost_unnoticed_is_known_by_its_secret() {
        let (_, rest) = CODE.split_once("1/").unwrap();
        assert_eq!(kept(sound(rest)), "(set-up code: not kept)");
    }
}
