//! Global Trade Item Numbers: five spellings, one key of fourteen digits.
//!
//! Promises: a [`Gtin`] has a right check digit, and all spellings of one number (UPC-A, UPC-E, EAN-13,
//! EAN-8, GTIN-14) give the same one. It is text throughout: leading zeros survive.

use std::fmt;

/// A number of fourteen digits with a right check digit; shorter ones are filled up with zeros on the
/// left (GS1 General Specifications, section 3.3, AI 01).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gtin(String);

impl Gtin {
    /// Reads an EAN-8, UPC-A, EAN-13 or GTIN-14: 8, 12, 13 or 14 digits with a right check digit.
    pub fn read(digits: &str) -> Option<Self> {
        let known_length = matches!(digits.len(), 8 | 12 | 13 | 14);
        if known_length && has_check_digit(digits) { Some(Self(format!("{digits:0>14}"))) } else { None }
    }

    /// Reads a UPC-E in its eight digits: number system 0 or 1, six digits, the check digit of the UPC-A
    /// it stands for.
    ///
    /// Only what the suppression of zeros can yield is read, so no two spellings share a number (GS1
    /// General Specifications, section 5.2, UPC-E: a last digit 3 needs a third digit of 3 to 9, 4 a
    /// fourth of 1 to 9, and 5 to 9 a fifth of 1 to 9).
    pub fn read_upc_e(digits: &str) -> Option<Self> {
        let bytes: [u8; 8] = digits.as_bytes().try_into().ok()?;
        let [system @ '0'..='1', n1, n2, n3, n4, n5, last, check] = bytes.map(char::from) else {
            return None;
        };
        let number = match last {
            '0'..='2' => format!("{n1}{n2}{last}0000{n3}{n4}{n5}"),
            '3' if n3 >= '3' => format!("{n1}{n2}{n3}00000{n4}{n5}"),
            '4' if n4 != '0' => format!("{n1}{n2}{n3}{n4}00000{n5}"),
            '5'..='9' if n5 != '0' => format!("{n1}{n2}{n3}{n4}{n5}0000{last}"),
            _ => return None,
        };
        Self::read(&format!("{system}{number}{check}"))
    }

    /// Reads a UPC-E in six or seven digits, as scanners send it that leave out its number system, its check digit or
    /// both: six are those in the middle, of number system 0; seven have the number system 0 or 1 in front, or the
    /// check digit behind. Seven can be both, so there may be two.
    pub fn read_short_upc_e(digits: &str) -> Vec<Self> {
        let is_short = matches!(digits.len(), 6 | 7) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let with_system = if digits.len() == 6 { format!("0{digits}") } else { digits.to_owned() };
        // The check digit has the weight 1, so at most one of the ten digits is right.
        let without_check = ('0'..='9').find_map(|check| Self::read_upc_e(&format!("{with_system}{check}")));
        let with_check = Self::read_upc_e(&format!("0{digits}"));
        let mut read: Vec<Self> = without_check.into_iter().chain(with_check).collect();
        read.dedup();
        if is_short { read } else { Vec::new() }
    }

    /// Returns the fourteen digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns true if `digits` is digits alone and the last one is right: weighted 1, 3, 1, 3 … from the right, the sum is
/// a multiple of ten (GS1 General Specifications, section 7.9, check digit calculations).
pub fn has_check_digit(digits: &str) -> bool {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits && weighted(digits).is_multiple_of(10)
}

/// Returns the digits of `body` with their check digit behind them.
pub fn with_check_digit(body: &str) -> String {
    let beyond = weighted(&format!("{body}0")) % 10;
    format!("{body}{}", if beyond == 0 { 0 } else { 10 - beyond })
}

fn weighted(digits: &str) -> u32 {
    let weights = [1_u32, 3].into_iter().cycle();
    digits.chars().rev().filter_map(|c| c.to_digit(10)).zip(weights).map(|(d, w)| d * w).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(digits: &str) -> Option<String> {
        Gtin::read(digits).map(|gtin| gtin.to_string())
    }

    fn read_upc_e(digits: &str) -> Option<String> {
        Gtin::read_upc_e(digits).map(|gtin| gtin.to_string())
    }

    /// Returns `body` with the check digit that makes it right.
    fn checked(body: &str) -> String {
        let candidates = ('0'..='9').map(|digit| format!("{body}{digit}"));
        candidates.into_iter().find(|number| has_check_digit(number)).unwrap()
    }

    #[test]
    fn well_known_numbers_are_read() {
        assert_eq!(read("4006381333931").as_deref(), Some("04006381333931"));
        assert_eq!(read("036000291452").as_deref(), Some("00036000291452"));
        assert_eq!(read("0036000291452").as_deref(), Some("00036000291452"));
        assert_eq!(read("96385074").as_deref(), Some("00000096385074"));
        assert_eq!(read("09506000134352").as_deref(), Some("09506000134352"));
        assert_eq!(read("24012345678905").as_deref(), Some("24012345678905"));
    }

    #[test]
    fn a_wrong_check_digit_a_wrong_length_and_other_characters_are_not_read() {
        for text in ["4006381333932", "036000291453", "6381333931", "", "40063813339٣1", "+006381333931"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn upc_e_is_the_upc_a_it_stands_for() {
        assert_eq!(read_upc_e("04252614"), read("042100005264"));
        assert_eq!(read_upc_e("01234565"), read("012345000065"));
        assert_eq!(read_upc_e("01234505").as_deref(), Some("00012000003455"));
        assert_eq!(read_upc_e("04252615"), None);
        assert_eq!(read_upc_e("24252614"), None);
        assert_eq!(read_upc_e("0425261"), None);
    }

    #[test]
    fn upc_e_that_no_suppression_of_zeros_yields_is_not_read() {
        let spellings = [
            ("01200000034", "0120340", "0120343"),
            ("01230000005", "0123053", "0123054"),
            ("01234000005", "0123454", "0123405"),
        ];
        for (upc_a, right, wrong) in spellings {
            let upc_a = checked(upc_a);
            let check = upc_a.chars().last().unwrap();
            assert_eq!(read_upc_e(&format!("{right}{check}")), read(&upc_a));
            assert_eq!(read_upc_e(&format!("{wrong}{check}")), None);
        }
    }

    #[test]
    fn a_check_digit_is_put_behind_a_number() {
        assert_eq!(with_check_digit("400638133393"), "4006381333931");
        assert_eq!(with_check_digit("03600029145"), "036000291452");
        assert_eq!(with_check_digit("211234500000"), "2112345000008");
        assert_eq!(with_check_digit("000000000000"), "0000000000000");
    }

    proptest! {
        #[test]
        fn every_spelling_of_a_number_is_one_key(body in "[0-9]{11}") {
            let upc_a = checked(&body);
            let gtin = Gtin::read(&upc_a);
            prop_assert!(gtin.is_some());
            let ean_13 = format!("0{upc_a}");
            let gtin_14 = format!("00{upc_a}");
            prop_assert_eq!(&Gtin::read(&ean_13), &gtin);
            prop_assert_eq!(&Gtin::read(&gtin_14), &gtin);
        }

        #[test]
        fn a_single_wrong_digit_is_never_read(body in "[0-9]{7}|[0-9]{11,13}", at in 0_usize..14, by in 1_u32..10) {
            let right = checked(&body);
            let mut digits: Vec<u32> = right.chars().map(|c| c.to_digit(10).unwrap()).collect();
            let at = at % digits.len();
            digits[at] = (digits[at] + by) % 10;
            let wrong: String = digits.iter().map(u32::to_string).collect();
            prop_assert_eq!(Gtin::read(&wrong), None);
        }

        #[test]
        fn no_two_upc_e_spellings_share_a_number(system in 0_u8..2, number in "[0-9]{6}", at in 1_usize..7, by in 1_u8..10) {
            let read_any = |number: &str| {
                (0..10).find_map(|check| Gtin::read_upc_e(&format!("{system}{number}{check}")))
            };
            let mut other = number.clone().into_bytes();
            other[at - 1] = (other[at - 1] - b'0' + by) % 10 + b'0';
            let other = String::from_utf8(other).unwrap();
            if let Some(gtin) = read_any(&number) {
                prop_assert_ne!(read_any(&other), Some(gtin));
            }
        }

        #[test]
        fn reading_never_panics(text in ".{0,20}") {
            prop_assert!(Gtin::read(&text).is_none_or(|gtin| gtin.as_str().len() == 14));
            prop_assert!(Gtin::read_upc_e(&text).is_none_or(|gtin| gtin.as_str().len() == 14));
        }
    }
}
