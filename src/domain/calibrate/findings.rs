//! The findings on which several readings agree.

use crate::domain::calibrate::Attempt;
use crate::domain::calibrate::CalibrationCode;
use crate::domain::calibrate::search::Case;
use crate::domain::calibrate::search::End;
use crate::domain::calibrate::search::Form;
use crate::domain::calibrate::search::Separator;
use crate::domain::decode::framing::Terminator;
use crate::domain::decode::keymap::LayoutName;

/// The `gap_ms` of a scanner that has none in its entry.
pub const GAP_MS_USUAL: u64 = 200;
/// The least and the greatest `gap_ms` that an entry may have.
const GAP_MS_MIN: u64 = 20;
const GAP_MS_MAX: u64 = 5000;
/// The factor and the extra time of a safe gap: so many times the longest pause that was seen, and more for a machine
/// that is busy.
const GAP_TIMES: u64 = 3;
const GAP_MORE_MS: u64 = 20;

/// The set-up of a scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// The layouts in which every reading is whole; empty for a serial scanner. They agree in every character of the
    /// codes; the first is as good as any.
    pub layouts: Vec<LayoutName>,
    /// The change that the scanner makes to letters.
    pub case: Case,
    /// The text that is added in front, without the AIM identifier.
    pub prefix: String,
    /// The AIM identifier, if it is sent.
    pub aim: Option<String>,
    /// The text that is added behind, without the terminator.
    pub suffix: String,
    /// The end of its codes.
    pub end: End,
    /// The form in which a group separator arrives; `None` if the code that has one was not read.
    pub separator: Option<Separator>,
    /// True if every character is typed as a number, so that the layout does not matter.
    pub by_numbers: bool,
    /// Microseconds a character, of the slowest reading.
    pub character_us: i64,
    /// The longest pause within a code, in microseconds.
    pub longest_us: i64,
}

/// A property that differed from one reading to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} was not the same in every reading")]
pub struct Unsteady(pub &'static str);

impl Findings {
    /// Combines the attempts into findings; `None` if no code was read.
    ///
    /// # Errors
    /// [`Unsteady`] with the first thing that differs.
    pub fn of(attempts: &[Attempt]) -> Result<Option<Self>, Unsteady> {
        let seen: Vec<_> = attempts
            .iter()
            .filter_map(|attempt| match attempt {
                Attempt::Read(seen) => Some(seen),
                Attempt::Missed(_) => None,
            })
            .collect();
        let Some((first, others)) = seen.split_first() else { return Ok(None) };
        let in_all = |layout: &Option<LayoutName>| {
            others.iter().all(|seen| seen.ways.iter().any(|way| way.layout == *layout))
        };
        let layouts: Vec<Option<LayoutName>> =
            first.ways.iter().map(|way| way.layout).filter(in_all).collect();
        let layout = layouts.first().ok_or(Unsteady("the layout"))?;
        let way = seen.iter().filter_map(|seen| seen.ways.iter().find(|way| way.layout == *layout));
        let forms: Vec<&Form> = way.map(|way| &way.form).collect();
        Self::agreed(&forms, layouts.iter().copied().flatten().collect()).map(Some)
    }

    fn agreed(forms: &[&Form], layouts: Vec<LayoutName>) -> Result<Self, Unsteady> {
        let case = same(forms, "the case of letters", |form| Some(form.case))?;
        let prefix = same(forms, "what stands in front", |form| Some(form.prefix.clone()))?;
        let suffix = same(forms, "what stands behind", |form| Some(form.suffix.clone()))?;
        let end = same(forms, "the end", |form| Some(form.end.clone()))?;
        // The identifier differs with the kind of symbol, so the readings only have to agree on its presence.
        let _has_aim = same(forms, "the AIM identifier", |form| Some(form.aim.is_some()))?;
        let separator = same(forms, "the group separator", |form| form.separator.clone())?;
        Ok(Self {
            layouts,
            case: case.ok_or(Unsteady("the case of letters"))?,
            prefix: prefix.unwrap_or_default(),
            aim: forms.iter().find_map(|form| form.aim.clone()),
            suffix: suffix.unwrap_or_default(),
            end: end.unwrap_or(End::Nothing),
            separator,
            by_numbers: forms.iter().all(|form| form.by_numbers),
            character_us: forms.iter().map(|form| form.character_us).max().unwrap_or(0),
            longest_us: forms.iter().map(|form| form.longest_us).max().unwrap_or(0),
        })
    }

    /// Returns the layout to write into the entry.
    pub fn layout(&self) -> Option<LayoutName> {
        self.layouts.first().copied()
    }

    /// Returns the smallest `gap_ms` that is safe, in steps of ten, or `None` if the scanner pauses longer than any
    /// allowed one covers.
    pub fn gap_ms_safe(&self) -> Option<u64> {
        let longest_ms = u64::try_from(self.longest_us).unwrap_or(0).div_ceil(1000);
        let wanted =
            longest_ms.saturating_mul(GAP_TIMES).saturating_add(GAP_MORE_MS).div_ceil(10).saturating_mul(10);
        (wanted <= GAP_MS_MAX).then(|| wanted.max(GAP_MS_MIN))
    }

    /// Returns the `terminator` that the entry needs, or `None` if `configured`, its present one, will do or if codes
    /// end with nothing.
    ///
    /// `any` will do for every end but ETX alone. A line break inside a label does not appear in these readings, and a
    /// person who named a terminator had a reason: it is corrected, not removed.
    pub fn terminator(&self, configured: Terminator) -> Option<Terminator> {
        let sent = match &self.end {
            End::Known(terminator) => *terminator,
            End::Other(_) => Terminator::Any,
            End::Nothing => return None,
        };
        let will_do = sent == configured || configured == Terminator::Any && sent != Terminator::Etx;
        (!will_do).then_some(sent)
    }

    /// Returns the `gap_ms` to write into the entry: the usual one where that is safe.
    pub fn gap_ms(&self) -> u64 {
        self.gap_ms_safe().unwrap_or(GAP_MS_MAX).max(GAP_MS_USUAL)
    }
}

/// Returns the codes that were read.
pub fn read_codes(attempts: &[Attempt]) -> Vec<CalibrationCode> {
    let is_read = |code: &CalibrationCode| {
        attempts.iter().any(|attempt| matches!(attempt, Attempt::Read(seen) if seen.code == *code))
    };
    CalibrationCode::ALL.into_iter().filter(is_read).collect()
}

/// Returns the part in which all forms that have it agree.
fn same<T: PartialEq>(
    forms: &[&Form],
    name: &'static str,
    part: impl Fn(&Form) -> Option<T>,
) -> Result<Option<T>, Unsteady> {
    let mut told = forms.iter().filter_map(|form| part(form));
    let first = told.next();
    if told.all(|other| Some(&other) == first.as_ref()) { Ok(first) } else { Err(Unsteady(name)) }
}
