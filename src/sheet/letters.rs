//! The width of a text in Helvetica, so that no text runs over its neighbour.
//!
//! Every reader of PDF has Helvetica, so nothing is embedded; fonts that replace it elsewhere keep its widths.

use crate::sheet::units::Um;

/// The widths of the characters from the space to the tilde, in thousandths of the size, from the font's published
/// metrics.
const HELVETICA: [i32; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// The same widths for the bold font.
const HELVETICA_BOLD: [i32; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278,
    556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584,
    556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556,
    333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
];

/// The assumed width of any other character: no letter of a European script is wider.
const OTHER: i32 = 1000;

/// The smallest size of a paragraph's letters: that of the small print on a label.
const SMALLEST: Um = 1800;

/// The thickness of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Returns the width of a line at a size.
pub(super) fn width(words: &str, weight: Weight, size: Um) -> Um {
    // Rounded up: a micrometre too many does no harm.
    (thousandths(words, weight) * size).div_euclid(1000) + 1
}

/// Returns the largest size, up to `size`, at which a line fits `room`.
pub(super) fn fit(words: &str, weight: Weight, size: Um, room: Um) -> Um {
    // One micrometre less, because `width` rounds up. A text without width fits at any size.
    let most = (room - 1).saturating_mul(1000).checked_div(thousandths(words, weight));
    most.map_or(size, |most| most.min(size))
}

/// Breaks a text into lines that fit `room`; only a single word may be wider.
pub(super) fn wrap(words: &str, weight: Weight, size: Um, room: Um) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), weight, size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The room for a paragraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) width: Um,
    pub(super) height: Um,
}

/// Returns the lines of a text and their size: as large as the room allows, at most `largest`.
/// Text that does not fit in the smallest letters is cut off.
pub(super) fn paragraph(words: &str, largest: Um, room: Room) -> (Um, Vec<String>) {
    let count = |size| usize::try_from(room.height.div_euclid(line_height(size))).unwrap_or_default();
    // From the full size down to half of it, in tenths: finer steps would not be seen.
    let sizes = (5..=10).rev().map(|tenths| (largest * tenths / 10).max(SMALLEST));
    let mut broken = sizes.map(|size| (size, wrap(words, Weight::Regular, size, room.width)));
    let fitting = broken.find(|(size, lines)| lines.len() <= count(*size));
    fitting.unwrap_or_else(|| {
        let mut lines = wrap(words, Weight::Regular, SMALLEST, room.width);
        lines.truncate(count(SMALLEST));
        (SMALLEST, lines)
    })
}

/// Returns the distance from one baseline of a paragraph to the next.
pub(super) const fn line_height(size: Um) -> Um {
    size * 5 / 4
}

fn thousandths(words: &str, weight: Weight) -> i32 {
    let table = match weight {
        Weight::Regular => &HELVETICA,
        Weight::Bold => &HELVETICA_BOLD,
    };
    let place =
        |c: char| u32::from(c).checked_sub(u32::from(' ')).and_then(|place| usize::try_from(place).ok());
    words.chars().map(|c| place(c).and_then(|place| table.get(place)).copied().unwrap_or(OTHER)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_is_the_sum_of_its_letters() {
        // O is 778 wide and K 667; in the bold cut 778 and 722.
        assert_eq!(width("OK", Weight::Regular, 1000), 1446);
        assert_eq!(width("OK", Weight::Bold, 10_000), 15_001);
        assert_eq!(width("\u{416}", Weight::Regular, 1000), 1001);
    }

    #[test]
    fn a_line_shrinks_until_it_fits_and_no_further() {
        let size = fit("WRITE-OFF", Weight::Bold, 9000, 30_000);
        assert!(width("WRITE-OFF", Weight::Bold, size) <= 30_000);
        assert!(width("WRITE-OFF", Weight::Bold, size + 1) > 30_000 - 10);
        assert_eq!(fit("OK", Weight::Bold, 9000, 30_000), 9000);
        assert_eq!(fit("", Weight::Bold, 9000, 0), 9000);
    }

    #[test]
    fn a_paragraph_is_as_large_as_its_room_allows_and_never_higher() {
        let words = "Drop the quantity, else the document";
        let paragraph = |width, height| paragraph(words, 4000, Room { width, height });
        assert_eq!(paragraph(100_000, 10_000).0, 4000);
        let (size, lines) = paragraph(30_000, 10_000);
        assert_eq!((size, lines.len()), (3600, 2));
        assert_eq!(paragraph(10_000, 3000).1, ["Drop the"]);
        assert_eq!(paragraph(10_000, 0).1, [] as [&str; 0]);
    }

    #[test]
    fn a_text_breaks_between_words_only() {
        assert_eq!(wrap("goods come in", Weight::Regular, 1000, 5000), ["goods", "come in"]);
        assert_eq!(wrap("goods", Weight::Regular, 1000, 1), ["goods"]);
        assert_eq!(wrap("", Weight::Regular, 1000, 1), [] as [&str; 0]);
    }
}
