//! The search for a calibration code in a reading, in every case to which a scanner may have changed its letters.

use crate::domain::calibrate::Attempt;
use crate::domain::calibrate::CalibrationCode;
use crate::domain::calibrate::LayoutForm;
use crate::domain::calibrate::Miss;
use crate::domain::calibrate::SeenCode;
use crate::domain::calibrate::alphabet::Alphabet;
use crate::domain::calibrate::reading::Candidate;
use crate::domain::calibrate::reading::Reading;
use crate::domain::calibrate::reading::text;
use crate::domain::code::calibration::SEPARATOR;
use crate::domain::decode::framing::Terminator;
use crate::domain::decode::keymap::Mark;
use crate::domain::decode::keymap::What;

/// The most characters that may stand in place of the separator: the longest text that is documented, `{GS}`, has four.
const SEPARATOR_MARKS_MAX: usize = 8;
/// The most characters that may be wrong or missing in a reading that still counts as nearly a code.
const WRONG_MAX: usize = 4;
/// The longest reading, in marks, that is searched for an incomplete code: a longer one is more than one scan.
const NEAR_MARKS_MAX: usize = 200;

/// The change that a scanner makes to letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They come as they are printed.
    Kept,
    /// Capitals and small letters are exchanged.
    Swapped,
    /// All are capitals.
    Upper,
    /// All are small.
    Lower,
}

impl Case {
    const ALL: [Self; 4] = [Self::Kept, Self::Swapped, Self::Upper, Self::Lower];

    const fn of(self, c: char) -> char {
        match self {
            Self::Kept => c,
            Self::Lower => c.to_ascii_lowercase(),
            Self::Swapped if c.is_ascii_uppercase() => c.to_ascii_lowercase(),
            Self::Swapped | Self::Upper => c.to_ascii_uppercase(),
        }
    }
}

/// The end of a scanner's codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Nothing.
    Nothing,
    /// One terminator that the configuration can name.
    Known(Terminator),
    /// Several terminators, or NUL: the station accepts them all.
    Other(String),
}

impl End {
    fn of(terminators: &str) -> Self {
        match terminators {
            "" => Self::Nothing,
            "\r" => Self::Known(Terminator::Cr),
            "\n" => Self::Known(Terminator::Lf),
            "\r\n" => Self::Known(Terminator::CrLf),
            "\t" => Self::Known(Terminator::Tab),
            other => Self::Other(other.to_owned()),
        }
    }

    fn behind_etx(terminators: &str) -> Self {
        if terminators.is_empty() { Self::Known(Terminator::Etx) } else { Self::of(terminators) }
    }
}

/// The form in which a group separator arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Separator {
    /// As the byte 1D.
    Byte,
    /// As Ctrl and a bracket.
    Control,
    /// As its number on the number pad while Alt is held.
    AltCode,
    /// As its number in hexadecimal.
    Hexadecimal,
    /// As other characters.
    Other(String),
    /// As a key that types nothing, by its number.
    Key(u16),
    /// Not at all.
    Dropped,
}

impl Separator {
    /// Returns true if the station reads it as a separator.
    pub const fn is_read(&self) -> bool {
        matches!(self, Self::Byte | Self::Control | Self::AltCode | Self::Hexadecimal)
    }
}

/// The form in which a code came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The change to its letters.
    pub case: Case,
    /// The text in front of it, without the AIM identifier.
    pub prefix: String,
    /// The AIM identifier, such as `]C0`.
    pub aim: Option<String>,
    /// The text behind it, without the terminator.
    pub suffix: String,
    /// Its end.
    pub end: End,
    /// The form in which the separator came, for the code that has one.
    pub separator: Option<Separator>,
    /// True if every character up to the separator was typed as a number on the number pad, which is the same in every
    /// layout.
    pub by_numbers: bool,
    /// The time of one character, in microseconds.
    pub character_us: i64,
    /// The longest pause, in microseconds.
    pub longest_us: i64,
}

/// The characters that some scanners send in front of a code, and behind it.
const STX: char = '\u{2}';
const ETX: char = '\u{3}';

/// A reading, seen in one layout.
#[derive(Clone, Copy)]
struct Here<'a> {
    candidate: &'a Candidate,
    reading: &'a Reading,
}

/// Returns the result of the reading that begins at `start`, by the layouts in which one does; `None` if they are fewer
/// than half.
pub(super) fn attempt(candidates: &[Candidate], start: i64) -> Option<Attempt> {
    let readings: Vec<Here<'_>> = candidates
        .iter()
        .filter_map(|candidate| Some(Here { candidate, reading: candidate.readings.get(&start)? }))
        .collect();
    // In a layout that is not the scanner's, a code is cut elsewhere; a part that begins within a code is no reading.
    if readings.len() < candidates.len().div_ceil(2) {
        return None;
    }
    if readings.iter().all(|here| here.reading.body.iter().any(|mark| mark.what == What::Lost)) {
        return Some(Attempt::Missed(Miss::Lost));
    }
    let seen = CalibrationCode::ALL.into_iter().find_map(|code| {
        let ways = ways(&readings, code);
        (!ways.is_empty()).then_some(SeenCode { code, ways })
    });
    Some(seen.map_or_else(|| Attempt::Missed(missed(&readings)), Attempt::Read))
}

/// Returns every layout in which the code is whole. A layout in which its letters are as printed excludes those in
/// which they are not; layouts without Latin letters are considered only where no other fits.
fn ways(readings: &[Here<'_>], code: CalibrationCode) -> Vec<LayoutForm> {
    let way = |here: &Here<'_>, alphabet: &Alphabet| {
        let form = Case::ALL.into_iter().find_map(|case| find(here.reading, code, case, alphabet))?;
        Some(LayoutForm { layout: here.candidate.layout, form })
    };
    let latin = Alphabet::default();
    let mut found: Vec<LayoutForm> = readings.iter().filter_map(|here| way(here, &latin)).collect();
    if found.is_empty() {
        let other = |here: &Here<'_>| way(here, here.candidate.without_latin.as_ref()?);
        found = readings.iter().filter_map(other).collect();
    }
    if found.iter().any(|way| way.form.case == Case::Kept) {
        found.retain(|way| way.form.case == Case::Kept);
    }
    found
}

fn find(reading: &Reading, code: CalibrationCode, case: Case, alphabet: &Alphabet) -> Option<Form> {
    let cased = |part: &str| part.chars().map(|c| case.of(c)).collect::<Vec<char>>();
    let (head, tail) = code
        .text()
        .split_once(SEPARATOR)
        .map_or_else(|| (cased(code.text()), None), |(head, tail)| (cased(head), Some(cased(tail))));
    let body = reading.body.as_slice();
    (0..body.len()).find_map(|at| {
        let (before, rest) = body.split_at_checked(at)?;
        alphabet.begins(rest, &head).then_some(())?;
        let (front, rest) = rest.split_at_checked(head.len())?;
        let Some(tail) = &tail else {
            return Some(form(reading, case, &Parts { before, front, behind: rest }, None));
        };
        // The shortest gap that fits, so that nothing of the second half counts as a separator.
        let between = (0..=SEPARATOR_MARKS_MAX)
            .find(|between| rest.get(*between..).is_some_and(|rest| alphabet.begins(rest, tail)))?;
        let (between, rest) = rest.split_at_checked(between)?;
        let (_tail, behind) = rest.split_at_checked(tail.len())?;
        Some(form(reading, case, &Parts { before, front, behind }, Some(separator(between))))
    })
}

/// A reading, cut at the code in it.
struct Parts<'a> {
    /// The marks in front of the code.
    before: &'a [Mark],
    /// The code up to its separator.
    front: &'a [Mark],
    /// The marks behind the code.
    behind: &'a [Mark],
}

/// Returns the form of a code.
fn form(reading: &Reading, case: Case, parts: &Parts<'_>, separator: Option<Separator>) -> Form {
    let Parts { before, front, behind } = *parts;
    let (prefix, aim) = take_aim(text(without_stx(before)));
    let (behind, end) = match behind.split_last() {
        Some((last, rest)) if last.what == What::Char(ETX) => (rest, End::behind_etx(&reading.end)),
        _ => (behind, End::of(&reading.end)),
    };
    let (first, last) = (reading.body.first(), reading.body.last());
    let span = first.zip(last).map_or(0, |(first, last)| last.at_us.saturating_sub(first.at_us));
    // The time runs from the first character to the last, which is one step less than there are characters.
    let steps = i64::try_from(reading.body.len()).unwrap_or(i64::MAX).saturating_sub(1).max(1);
    Form {
        case,
        prefix,
        aim,
        suffix: text(behind),
        end,
        separator,
        by_numbers: front
            .iter()
            .all(|mark| mark.keys.contains(&LEFT_ALT) && mark.keys.iter().copied().any(is_pad)),
        character_us: span.div_euclid(steps),
        longest_us: reading.longest_us,
    }
}

/// Removes an STX from the front: it frames a code and is not part of it.
fn without_stx(before: &[Mark]) -> &[Mark] {
    match before.split_first() {
        Some((first, rest)) if first.what == What::Char(STX) => rest,
        _ => before,
    }
}

/// Splits an AIM identifier off the text in front of a code, in whatever case it came: some scanners put a prefix that
/// the operator set before it, some behind it.
fn take_aim(before: String) -> (String, Option<String>) {
    let is_aim = |three: &str| {
        let mut chars = three.chars();
        chars.next() == Some(']')
            && chars.next().is_some_and(|c| c.is_ascii_alphabetic())
            && chars.next().is_some_and(|c| c.is_ascii_digit())
            && chars.next().is_none()
    };
    // Bytes may be counted, because an identifier is ASCII; a cut within a character gives none.
    let at_end = before.len().checked_sub(3).and_then(|at| before.split_at_checked(at));
    if let Some((rest, aim)) = at_end.filter(|(_, aim)| is_aim(aim)) {
        return (rest.to_owned(), Some(aim.to_owned()));
    }
    match before.split_at_checked(3).filter(|(aim, _)| is_aim(aim)) {
        Some((aim, rest)) => (rest.to_owned(), Some(aim.to_owned())),
        None => (before, None),
    }
}

/// Keys by their codes (`linux/include/uapi/linux/input-event-codes.h`).
const LEFT_ALT: u16 = 56;
const CTRLS: [u16; 2] = [29, 97];
const SHIFTS: [u16; 2] = [42, 54];
const RIGHT_ALT: u16 = 100;
const LETTER_U: u16 = 22;

/// Returns true for the digits of the number pad.
fn is_pad(code: u16) -> bool {
    matches!(code, 71..=73 | 75..=77 | 79..=82)
}

fn separator(between: &[Mark]) -> Separator {
    let is_modifier =
        |code: &u16| CTRLS.contains(code) || SHIFTS.contains(code) || [LEFT_ALT, RIGHT_ALT].contains(code);
    match between {
        [] => Separator::Dropped,
        [Mark { what: What::Char(SEPARATOR), keys, .. }] => {
            let has_ctrl = keys.iter().any(|code| CTRLS.contains(code));
            match keys.as_slice() {
                [] => Separator::Byte,
                keys if has_ctrl && keys.contains(&LETTER_U) => Separator::Hexadecimal,
                _ if has_ctrl => Separator::Control,
                _ => Separator::AltCode,
            }
        }
        marks => {
            let unclear = marks.iter().find(|mark| mark.what == What::Unclear);
            let key = unclear.and_then(|mark| mark.keys.iter().rev().find(|code| !is_modifier(code)));
            key.map_or_else(|| Separator::Other(text(marks)), |code| Separator::Key(*code))
        }
    }
}

/// Returns the reason why there is no code in these readings, by the layout that comes nearest to one.
fn missed(readings: &[Here<'_>]) -> Miss {
    let near =
        readings.iter().map(|here| here.reading).filter(|reading| reading.body.len() <= NEAR_MARKS_MAX);
    let best = near.flat_map(nearest).min_by_key(|(wrong, ..)| *wrong);
    let read = readings.first().map(|here| here.reading.text()).unwrap_or_default();
    match best.filter(|(wrong, ..)| *wrong <= WRONG_MAX) {
        Some((_, code, reading)) => {
            let is_short = reading.body.len() < code.text().chars().count();
            Miss::Nearly { code, read: reading.text(), is_short }
        }
        None if readings.iter().all(|here| here.candidate.layout.is_none()) && is_damaged(&read) => {
            Miss::Damaged { read }
        }
        None => Miss::Other { read },
    }
}

/// Returns, for each code, how many characters are wrong.
fn nearest(reading: &Reading) -> impl Iterator<Item = (usize, CalibrationCode, &Reading)> {
    let read: Vec<char> = reading.text().chars().collect();
    CalibrationCode::ALL.into_iter().map(move |code| {
        let wrong = |case: Case| {
            let wanted: Vec<char> = code.text().chars().map(|c| case.of(c)).collect();
            wrong_characters(&wanted, &read)
        };
        (Case::ALL.into_iter().map(wrong).min().unwrap_or(usize::MAX), code, reading)
    })
}

/// Returns true for bytes that are no characters, or for control characters other than the separator.
fn is_damaged(read: &str) -> bool {
    read.contains(|c: char| c == char::REPLACEMENT_CHARACTER || c.is_control() && c != SEPARATOR)
}

/// Counts the characters of `wanted` that are wrong, missing or too many in the part of `read` that is most like it.
fn wrong_characters(wanted: &[char], read: &[char]) -> usize {
    // The usual table of edit distances, one row for a character of `wanted`; text before and behind costs nothing.
    let mut row: Vec<usize> = vec![0; read.len().saturating_add(1)];
    for c in wanted {
        let mut above = row.first().copied().unwrap_or(0);
        let mut left = above.saturating_add(1);
        let mut next = vec![left];
        for (read, up) in read.iter().zip(row.iter().skip(1)) {
            let change = if read == c { above } else { above.saturating_add(1) };
            left = change.min(up.saturating_add(1)).min(left.saturating_add(1));
            above = *up;
            next.push(left);
        }
        row = next;
    }
    row.into_iter().min().unwrap_or(0)
}
