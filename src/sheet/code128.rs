//! Code 128 (ISO/IEC 15417), code set B: it has all of printable ASCII, and FNC1, which a scanner reports as a group
//! separator except in front.
//!
//! Code set C, which makes long rows of digits shorter, is not used: a control code has few digits.

/// The symbol characters by value, each as the widths of its bars and spaces in modules, bar first.
const CHARACTERS: [[u8; 6]; 106] = unpack(
    b"212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222\
      123122123221223211221132221231213212223112312131311222321122321221312212322112322211212123212321\
      232121111323131123131321112313132113132311211313231113231311112133112331132131113123113321133121\
      313121211331231131213113213311213131311123311321331121312113312311332111314111221411431111111224\
      111422121124121421141122141221112214112412122114122411142112142211241211221114413111241112134111\
      111242121142121241114212124112124211411212421112421211212141214121412121111143111341131141114113\
      114311411113411311113141114131311141411131211412211214211232",
);

/// The stop pattern at the end of every symbol, in modules, bar first.
const STOP: [u8; 7] = [2, 3, 3, 1, 1, 1, 2];

/// The value of the start character of code set B.
const START_B: usize = 104;

/// The value of FNC1, and the byte for which it stands.
const FNC1: (usize, u8) = (102, 0x1d);

/// The divisor of the check sum; the check character is the remainder.
const MODULUS: usize = 103;

/// The quiet zone to the left and to the right, in modules: the least that the standard allows (4.5.2).
pub(super) const QUIET_MODULES: i32 = 10;

/// Returns the widths of bars and spaces in modules, bar first, without quiet zones; `None` for a text with anything
/// but printable ASCII and group separators, or with a separator in one of its first two places.
pub(super) fn encode(text: &str) -> Option<Vec<u8>> {
    // In the first two places FNC1 names the kind of data that follows (ISO/IEC 15417, 4.3.4) and is not data itself.
    if text.bytes().take(2).any(|byte| byte == FNC1.1) {
        return None;
    }
    let values: Vec<usize> = text.bytes().map(value).collect::<Option<_>>()?;
    let check = check_value(&values);
    let characters = [START_B].into_iter().chain(values).chain([check]);
    let mut widths: Vec<u8> =
        // Every value is in the table, so none is left out.
        characters.filter_map(|value| CHARACTERS.get(value)).flatten().copied().collect();
    widths.extend(STOP);
    Some(widths)
}

/// Returns the value of a byte's symbol character; `None` if code set B has none for it.
fn value(byte: u8) -> Option<usize> {
    match byte {
        b' '..=b'~' => Some(usize::from(byte - b' ')),
        _ => (byte == FNC1.1).then_some(FNC1.0),
    }
}

/// Returns the value of the check character: the remainder of a sum in which the start character counts once, and each
/// character of the text as often as its place, from one on.
fn check_value(values: &[usize]) -> usize {
    let weighted = values.iter().zip(1..).map(|(value, place)| value * place);
    weighted.fold(START_B, |sum, product| (sum + product) % MODULUS)
}

/// Splits the digits of [`CHARACTERS`] into characters.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses what is out of bounds")]
const fn unpack(digits: &[u8; 636]) -> [[u8; 6]; 106] {
    let mut characters = [[0; 6]; 106];
    let mut at = 0;
    while at < digits.len() {
        characters[at / 6][at % 6] = digits[at] - b'0';
        at += 1;
    }
    characters
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_check_character_is_that_of_published_examples() {
        // "PJJ123C", the usual example, has 54 in code set A. Its start character is 103, that of set B is 104.
        let values: Vec<usize> = "PJJ123C".bytes().filter_map(value).collect();
        assert_eq!(check_value(&values), 55);
    }

    #[test]
    fn every_character_is_three_bars_and_three_spaces_of_eleven_modules_and_unlike_every_other() {
        for character in CHARACTERS {
            let bars: u8 = character.iter().step_by(2).sum();
            assert_eq!(character.iter().sum::<u8>(), 11, "{character:?}");
            assert_eq!(bars % 2, 0, "{character:?}");
            assert!(character.iter().all(|width| (1..=4).contains(width)), "{character:?}");
        }
        assert_eq!(HashSet::from(CHARACTERS).len(), 106);
    }

    #[test]
    fn what_is_not_printable_ascii_has_no_symbol() {
        for text in ["é", "\n", "\x7f", "UNDO\t", "\u{1d}OK", "O\u{1d}K"] {
            assert_eq!(encode(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_symbol_is_start_text_check_and_stop() {
        let start_b = [2, 1, 1, 2, 1, 4];
        let (ok, check) =
            ([[1, 3, 3, 1, 2, 1], [1, 1, 2, 3, 3, 1]].concat(), CHARACTERS[(104 + 47 + 2 * 43) % 103]);
        let expected = [&start_b[..], &ok, &check, &[2, 3, 3, 1, 1, 1, 2]].concat();
        assert_eq!(encode("OK"), Some(expected));
    }

    #[test]
    fn a_group_separator_is_an_fnc1() {
        let widths = encode("OK\u{1d}").unwrap();
        assert_eq!(widths[18..24], [4, 1, 1, 1, 3, 1]);
    }

    /// Reads the widths as a scanner would: every character by its widths, with the check character recomputed.
    fn read(widths: &[u8]) -> Option<String> {
        let body = widths.strip_suffix(&STOP)?;
        let find = |chunk: &[u8]| CHARACTERS.iter().position(|character| character == chunk);
        let values: Vec<usize> = body.chunks(6).map(find).collect::<Option<_>>()?;
        let (&check, rest) = values.split_last()?;
        let sum: usize = rest.iter().enumerate().map(|(at, value)| at.max(1) * value).sum();
        let text: Option<String> =
            rest.get(1..)?.iter().map(|&value| u8::try_from(value + 32).ok().map(char::from)).collect();
        text.filter(|_| sum % 103 == check && rest.first() == Some(&104))
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_from_its_bars(text in "[ -~]{1,40}") {
            let widths = encode(&text).unwrap();
            prop_assert_eq!(widths.iter().map(|width| i32::from(*width)).sum::<i32>(), 11 * (i32::try_from(text.len()).unwrap() + 2) + 13);
            prop_assert_eq!(read(&widths), Some(text));
        }

        #[test]
        fn one_wrong_character_is_not_read(text in "[ -~]{2,40}", place in any::<prop::sample::Index>(), other in 0..95_usize) {
            let mut widths = encode(&text).unwrap();
            let at = 6 * (1 + place.index(text.len()));
            let wrong = CHARACTERS[other];
            prop_assume!(widths[at..at + 6] != wrong);
            widths[at..at + 6].copy_from_slice(&wrong);
            prop_assert_eq!(read(&widths), None);
        }
    }
}
