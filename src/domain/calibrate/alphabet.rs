//! The characters that arrive in place of others, from a scanner that is set to a layout without Latin letters.

use crate::domain::decode::keymap::Layout;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::decode::keymap::Level;
use crate::domain::decode::keymap::Mark;
use crate::domain::decode::keymap::Stroke;
use crate::domain::decode::keymap::What;

/// The characters that may arrive in place of others.
#[derive(Debug, Default)]
pub(super) struct Alphabet {
    /// The pairs of a layout without Latin letters: what each key types on a US keyboard, and in that layout.
    pairs: Vec<(char, char)>,
}

impl Alphabet {
    /// Returns the alphabet of a scanner set to a layout that has no Latin letters: it can only press the keys that
    /// have them on a US keyboard. `None` for any other layout.
    pub(super) fn without_latin(name: LayoutName) -> Option<Self> {
        let (layout, us) = (Layout::of(name), Layout::of(LayoutName::US));
        let levels = [false, true].map(|shift| Level { shift, ..Level::default() });
        let keys: Vec<(u16, Level)> = us.codes().flat_map(|code| levels.map(|level| (code, level))).collect();
        let typed = |layout: &Layout, (code, level): (u16, Level)| match layout.stroke(code, level) {
            Stroke::Char(c) => Some(c),
            Stroke::Dead(_) | Stroke::Nothing => None,
        };
        // Every calibration code has an S: a layout that types one has Latin letters.
        if keys.iter().any(|key| typed(&layout, *key) == Some('S')) {
            return None;
        }
        let pair = |key: &(u16, Level)| Some((typed(&us, *key)?, typed(&layout, *key)?));
        Some(Self { pairs: keys.iter().filter_map(pair).collect() })
    }

    fn is(&self, wanted: char, mark: &Mark) -> bool {
        let What::Char(read) = mark.what else { return false };
        read == wanted || self.pairs.contains(&(wanted, read))
    }

    pub(super) fn begins(&self, marks: &[Mark], wanted: &[char]) -> bool {
        marks.len() >= wanted.len() && marks.iter().zip(wanted).all(|(mark, c)| self.is(*c, mark))
    }
}
