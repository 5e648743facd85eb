//! Formatting rules: a few rules, in the order in which they are written, that remove what a scanner adds to its codes
//! and correct what it spells otherwise than the goods table.
//!
//! A rule works on the code behind the AIM identifier, as the rule before left it, and acts whole or not at all. Text
//! is matched letter by letter; there are no patterns.
//!
//! Invariant: no rule turns a label into a control code. Rules without conditions strip what the scanner adds to
//! everything it reads: a frame that is a control code after that is obeyed as one, and no other rule changes it. For
//! any other frame, a rule whose result would be a control code leaves the code as it was.

use std::fmt;

use crate::domain::aim::AimId;
use crate::domain::code::control::{Control, ControlReading};
use crate::domain::code::seal::Seal;
use crate::domain::code::symbology::Symbology;
use crate::domain::decode::framing::FRAME_BYTES_MAX;

/// The most rules of one scanner: nobody keeps more in mind at once.
pub const RULES_MAX: usize = 16;

/// The longest text in a rule, in characters.
pub const TEXT_CHARS_MAX: usize = 64;

/// A rule: its conditions and its actions. One without any action does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// The code begins with this.
    pub if_prefix: Option<String>,
    /// The code ends with this.
    pub if_suffix: Option<String>,
    /// The code has so many characters.
    pub if_length: Option<Length>,
    /// The scanner reports that the code is of this kind.
    pub if_symbology: Option<Symbology>,
    /// The text to take off the front, once, where it stands there.
    pub strip_prefix: Option<String>,
    /// The text to take off the end, once, where it stands there.
    pub strip_suffix: Option<String>,
    /// The number of characters to take off the front, after both of the above; at most as many as a frame has bytes.
    pub drop_first: Option<usize>,
    /// The number of characters to take off the end, after that.
    pub drop_last: Option<usize>,
    /// The most characters to keep of the rest, at the front.
    pub keep_first: Option<usize>,
    /// The most characters to keep of the rest, at the end.
    pub keep_last: Option<usize>,
    /// The replacement of one text by another, wherever it stands, after all of the above.
    pub replace: Option<Replacement>,
}

/// A range of lengths in characters, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// The least.
    pub min: usize,
    /// The most.
    pub max: usize,
}

/// A replacement of one text by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The text to look for; never empty.
    pub from: String,
    /// The text to write instead.
    pub to: String,
}

/// The effect of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The frame's new text, AIM identifier included.
    Changed(String),
    /// It is as it was.
    Kept(Kept),
}

/// The reason why a rule left a code as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is a control code, or begins as one, without what the scanner adds.
    Control,
    /// It does not begin with `if_prefix`.
    Prefix,
    /// It does not end with `if_suffix`.
    Suffix,
    /// It is not as long as `if_length` says.
    Length,
    /// It is not of the kind of `if_symbology`, or the scanner does not report its kind.
    Symbology,
    /// Nothing in it is to be stripped or replaced.
    NothingFound,
    /// Nothing would be left: an empty code is no scan, and the operator would not notice it.
    Empty,
    /// The result would be longer than a frame can be.
    TooLong,
    /// The result would be a control code.
    Command,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "control codes are never touched",
            Self::Prefix => "does not begin with if_prefix",
            Self::Suffix => "does not end with if_suffix",
            Self::Length => "is not as long as if_length says",
            Self::Symbology => "is not of if_symbology, or the scanner does not send AIM identifiers",
            Self::NothingFound => "nothing to strip or to replace is in it",
            Self::Empty => "left as it was: nothing of it would be left",
            Self::TooLong => "left as it was: it would be too long for a frame",
            Self::Command => "left as it was: a control code would come of it",
        })
    }
}

/// Applies the rules to the text of a frame, one after the other, and returns the effect of each.
pub fn steps(rules: &[Rule], seal: &Seal, text: &str) -> Vec<Effect> {
    // Control codes are recognised first, so that no rule with conditions changes one.
    uncovered(rules, seal, text).unwrap_or_else(|| {
        let mut text = text.to_owned();
        rules.iter().map(|rule| took_effect(rule.changed(&text), &mut text)).collect()
    })
}

/// Returns the text of a frame after all of the rules.
pub fn apply_all(rules: &[Rule], seal: &Seal, text: &str) -> String {
    let changed = steps(rules, seal, text).into_iter().rev().find_map(|effect| match effect {
        Effect::Changed(text) => Some(text),
        Effect::Kept(_) => None,
    });
    changed.unwrap_or_else(|| text.to_owned())
}

/// Returns the effects on a frame that is a control code, or begins as one, without what the scanner adds to
/// everything. Returns `None` for any other frame.
fn uncovered(rules: &[Rule], seal: &Seal, text: &str) -> Option<Vec<Effect>> {
    let mut text = text.to_owned();
    let effects = rules.iter().map(|rule| took_effect(rule.uncovered(seal, &text), &mut text)).collect();
    is_control(&text).then_some(effects)
}

fn took_effect(changed: Result<String, Kept>, text: &mut String) -> Effect {
    match changed {
        Ok(changed) => {
            changed.clone_into(text);
            Effect::Changed(changed)
        }
        Err(why) => Effect::Kept(why),
    }
}

impl Rule {
    /// Removes from a frame what the scanner adds to everything. Nothing is removed from a control code, and a text
    /// that begins as one still does so afterwards: a smudge never becomes a good's code.
    fn uncovered(&self, seal: &Seal, text: &str) -> Result<String, Kept> {
        let (id, code) = AimId::split(text);
        let uncovered = whole(id, self.stripped(code))?;
        let stays = is_control(&uncovered) || !is_control(text);
        // A frame that is a command already stays: a suffix to strip could be a part of its check.
        let is_command = matches!(seal.read(text), ControlReading::Control(_) | ControlReading::Kit(_));
        if self.is_of_scanner() && stays && !is_command && uncovered != text {
            Ok(uncovered)
        } else {
            Err(Kept::Control)
        }
    }

    /// Applies the rule to a frame that is no control code.
    fn changed(&self, text: &str) -> Result<String, Kept> {
        let (id, code) = AimId::split(text);
        self.meet(id, code)?;
        let stripped = self.cut(self.stripped(code));
        let changed = match &self.replace {
            Some(replacement) => whole(id, &replacement.carry_out(stripped)?)?,
            None => whole(id, stripped)?,
        };
        match () {
            () if is_control(&changed) => Err(Kept::Command),
            () if changed == text => Err(Kept::NothingFound),
            () => Ok(changed),
        }
    }

    /// Checks all conditions, and returns the first that is not met as the error.
    fn meet(&self, id: Option<AimId>, code: &str) -> Result<(), Kept> {
        let length = code.chars().count();
        let unmet = [
            (Kept::Prefix, self.if_prefix.as_ref().is_none_or(|prefix| code.starts_with(prefix))),
            (Kept::Suffix, self.if_suffix.as_ref().is_none_or(|suffix| code.ends_with(suffix))),
            (Kept::Length, self.if_length.is_none_or(|asked| (asked.min..=asked.max).contains(&length))),
            (Kept::Symbology, self.if_symbology.is_none_or(|kind| id.is_some_and(|id| kind.has(id)))),
        ];
        unmet.into_iter().find(|(_, is_met)| !is_met).map_or(Ok(()), |(why, _)| Err(why))
    }

    /// Returns true if the rule is about the scanner, and not about some of the codes: it has no conditions.
    fn is_of_scanner(&self) -> bool {
        self.if_prefix.is_none()
            && self.if_suffix.is_none()
            && self.if_length.is_none()
            && self.if_symbology.is_none()
    }

    fn stripped<'a>(&self, code: &'a str) -> &'a str {
        let front = self.strip_prefix.as_ref().and_then(|prefix| code.strip_prefix(prefix.as_str()));
        let code = front.unwrap_or(code);
        let back = self.strip_suffix.as_ref().and_then(|suffix| code.strip_suffix(suffix.as_str()));
        back.unwrap_or(code)
    }
}

impl Rule {
    /// Returns the characters that are neither dropped nor beyond those kept.
    fn cut<'a>(&self, code: &'a str) -> &'a str {
        let length = code.chars().count();
        let first = self.drop_first.unwrap_or(0).min(length);
        // Each end is held at the other one, so that cuts that overlap leave nothing.
        let last = length.saturating_sub(self.drop_last.unwrap_or(0)).max(first);
        let last = self.keep_first.map_or(last, |kept| last.min(first.saturating_add(kept)));
        let first = self.keep_last.map_or(first, |kept| first.max(last.saturating_sub(kept)));
        let at = |character: usize| code.char_indices().nth(character).map_or(code.len(), |(at, _)| at);
        code.get(at(first)..at(last)).unwrap_or_default()
    }
}

impl Replacement {
    fn carry_out(&self, code: &str) -> Result<String, Kept> {
        let places = code.matches(&self.from).count();
        // Judged before it is written: sixteen rules could make gigabytes of one frame.
        let added = places.saturating_mul(self.to.len());
        let taken = places.saturating_mul(self.from.len());
        if code.len().saturating_add(added).saturating_sub(taken) > FRAME_BYTES_MAX {
            return Err(Kept::TooLong);
        }
        Ok(code.replace(&self.from, &self.to))
    }
}

/// Puts the identifier in front of the code again.
fn whole(id: Option<AimId>, code: &str) -> Result<String, Kept> {
    if code.is_empty() {
        return Err(Kept::Empty);
    }
    let text = id.map_or_else(|| code.to_owned(), |id| format!("{id}{code}"));
    if text.len() > FRAME_BYTES_MAX { Err(Kept::TooLong) } else { Ok(text) }
}

fn is_control(text: &str) -> bool {
    Control::read(text) != ControlReading::NotControl
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::domain::code::control::sheet;
    use crate::domain::code::symbology::SYMBOLOGIES;

    fn applied(rules: &[Rule], text: &str) -> String {
        apply_all(rules, &Seal::default(), text)
    }

    fn strip(prefix: &str, suffix: &str) -> Rule {
        Rule {
            strip_prefix: Some(prefix.to_owned()),
            strip_suffix: Some(suffix.to_owned()),
            ..Rule::default()
        }
    }

    fn replace(from: &str, to: &str) -> Rule {
        let replacement = Replacement { from: from.to_owned(), to: to.to_owned() };
        Rule { replace: Some(replacement), ..Rule::default() }
    }

    fn undo() -> String {
        Control::Undo.code()
    }

    fn apply(rule: &Rule, text: &str) -> Effect {
        steps(std::slice::from_ref(rule), &Seal::default(), text).remove(0)
    }

    #[test]
    fn a_scanners_prefix_and_suffix_are_taken_off_once() {
        let rule = strip("B", "C");
        for (text, left) in [
            ("B4006381333931C", "4006381333931"),
            ("B4006381333931", "4006381333931"),
            ("4006381333931C", "4006381333931"),
            ("BB4C", "B4"),
            ("]E0B4006381333931C", "]E04006381333931"),
            ("B]E04006381333931C", "]E04006381333931"),
        ] {
            assert_eq!(apply(&rule, text), Effect::Changed(left.to_owned()), "{text}");
        }
        assert_eq!(apply(&rule, "4006381333931"), Effect::Kept(Kept::NothingFound));
        assert_eq!(apply(&rule, "b4006381333931c"), Effect::Kept(Kept::NothingFound));
    }

    #[test]
    fn characters_are_dropped_from_either_end_or_kept() {
        let rule = |drop_first, drop_last, keep_first, keep_last| Rule {
            drop_first,
            drop_last,
            keep_first,
            keep_last,
            ..Rule::default()
        };
        for (rule, code, left) in [
            (rule(None, Some(1), None, None), "B504K", "B504"),
            (rule(Some(2), None, None, None), "]A0éßB504", "]A0B504"),
            (rule(Some(1), Some(1), None, None), "xB504y", "B504"),
            (rule(None, None, Some(4), None), "B504K", "B504"),
            (rule(None, None, None, Some(4)), "0B504", "B504"),
            (rule(Some(1), None, Some(4), Some(2)), "xB504K", "04"),
        ] {
            assert_eq!(apply(&rule, code), Effect::Changed(left.to_owned()), "{code}");
        }
        assert_eq!(apply(&rule(Some(3), Some(3), None, None), "B504K"), Effect::Kept(Kept::Empty));
        assert_eq!(apply(&rule(None, None, Some(9), None), "B504"), Effect::Kept(Kept::NothingFound));
        // No label becomes a command, and no command another code.
        let one = rule(Some(1), None, None, None);
        assert_eq!(apply(&one, &format!("x{}", undo())), Effect::Kept(Kept::Command));
        assert_eq!(apply(&one, &undo()), Effect::Kept(Kept::Control));
    }

    #[test]
    fn each_rule_works_on_what_the_one_before_left() {
        let rules = [strip("B", "\u{1d}"), replace("-", ""), strip("0", "\u{1d}"), replace("|", "\u{1d}")];
        assert_eq!(applied(&rules, "B01-0|4-"), "10\u{1d}4");
        assert_eq!(applied(&[], "B01-04-"), "B01-04-");
    }

    #[test]
    fn every_condition_given_must_be_met() {
        let rule = Rule {
            if_prefix: Some("20".to_owned()),
            if_suffix: Some("9".to_owned()),
            if_length: Some(Length { min: 4, max: 5 }),
            if_symbology: Some(Symbology::Ean13),
            ..strip("2", "\u{1d}")
        };
        assert_eq!(apply(&rule, "]E020é9"), Effect::Changed("]E00é9".to_owned()));
        assert_eq!(apply(&rule, "]E030é9"), Effect::Kept(Kept::Prefix));
        assert_eq!(apply(&rule, "]E020é8"), Effect::Kept(Kept::Suffix));
        assert_eq!(apply(&rule, "]E0209"), Effect::Kept(Kept::Length));
        assert_eq!(apply(&rule, "]E0200009"), Effect::Kept(Kept::Length));
        assert_eq!(apply(&rule, "]C02009"), Effect::Kept(Kept::Symbology));
        assert_eq!(apply(&rule, "2009"), Effect::Kept(Kept::Symbology));
    }

    #[test]
    fn a_rule_that_would_leave_nothing_leaves_the_code_as_it_was() {
        assert_eq!(apply(&strip("B", "C"), "BC"), Effect::Kept(Kept::Empty));
        assert_eq!(apply(&strip("B", "C"), "]E0B"), Effect::Kept(Kept::Empty));
        assert_eq!(apply(&replace("a", ""), "aaa"), Effect::Kept(Kept::Empty));
    }

    #[test]
    fn a_control_code_is_never_touched() {
        for text in [undo(), format!("]C0{}", undo()), "$sp.smudge".to_owned()] {
            for rule in [strip("$", "3"), replace("SP", "XX"), strip("$SP.", "\u{1d}")] {
                assert_eq!(apply(&rule, &text), Effect::Kept(Kept::Control), "{text}");
            }
        }
    }

    #[test]
    fn what_a_scanner_adds_to_everything_hides_no_control_code() {
        for text in [format!("B{}C", undo()), format!("B{}", undo())] {
            assert_eq!(applied(&[strip("B", "C"), replace("U", "x")], &text), undo());
            let at_once = Rule { replace: replace("U", "x").replace, ..strip("B", "C") };
            assert_eq!(apply(&at_once, &text), Effect::Changed(undo()));
        }
        assert_eq!(
            apply(&strip("B", "C"), &format!("B]C0{}C", undo())),
            Effect::Changed(format!("]C0{}", undo()))
        );
    }

    #[test]
    fn a_control_code_is_heard_whatever_the_order_of_the_rules() {
        let (front, back, other) = (strip("B", "-"), strip("-", "C"), replace("O", "0"));
        for rules in [
            [&front, &back, &other],
            [&front, &other, &back],
            [&back, &front, &other],
            [&back, &other, &front],
            [&other, &front, &back],
            [&other, &back, &front],
        ] {
            let rules = rules.map(Clone::clone);
            for frame in [format!("B{}C", undo()), format!("B{}", undo()), format!("{}C", undo()), undo()] {
                assert_eq!(applied(&rules, &frame), undo(), "{frame}");
            }
            assert_eq!(applied(&rules, "BOxC"), "0x");
        }
    }

    #[test]
    fn a_smudged_control_code_becomes_no_good() {
        let smudged = "B$SP.UNDO.XC";
        assert_eq!(applied(&[strip("B", "C")], smudged), "$SP.UNDO.X");
        assert_eq!(applied(&[strip("B", "C"), strip("$", "X")], smudged), "$SP.UNDO.X");
        assert_eq!(applied(&[strip("B", "C"), replace("$", "")], smudged), "$SP.UNDO.X");
    }

    #[test]
    fn no_rule_makes_a_control_code_of_a_label() {
        let conditional = Rule { if_prefix: Some("B".to_owned()), ..strip("B", "C") };
        assert_eq!(apply(&conditional, &format!("B{}", undo())), Effect::Kept(Kept::Command));
        assert_eq!(apply(&replace("#", "$"), &undo().replace('$', "#")), Effect::Kept(Kept::Command));
        assert_eq!(apply(&replace("B", ""), &format!("B{}", undo())), Effect::Kept(Kept::Command));
        assert_eq!(apply(&replace("x", "$SP."), "xsmudge"), Effect::Kept(Kept::Command));
    }

    #[test]
    fn what_was_rewritten_or_chosen_uncovers_no_control_code_later_either() {
        let conditional = Rule { if_prefix: Some("X".to_owned()), ..strip("X", "C") };
        let (written, chosen) = (format!("B{}", undo().replace('$', "#")), format!("XB{}", undo()));
        for (first, text, left) in [
            (replace("#", "$"), written, format!("B{}", undo())),
            (conditional, chosen, format!("B{}", undo())),
        ] {
            let effects = steps(&[first, strip("B", "C")], &Seal::default(), &text);
            assert_eq!(effects, [Effect::Changed(left), Effect::Kept(Kept::Command)]);
        }
    }

    #[test]
    fn a_rule_never_makes_more_than_a_frame_holds() {
        let rules = vec![replace("7", &"7".repeat(TEXT_CHARS_MAX)); RULES_MAX];
        assert_eq!(applied(&rules, "7").len(), 64);
        assert_eq!(apply(&replace("7", "77"), &"7".repeat(256)), Effect::Changed("7".repeat(512)));
        assert_eq!(apply(&replace("7", "77"), &"7".repeat(257)), Effect::Kept(Kept::TooLong));
        assert_eq!(
            apply(&replace("7", "77"), &format!("]E0{}", "7".repeat(256))),
            Effect::Kept(Kept::TooLong)
        );
    }

    /// Returns texts that have something to do with each other: pieces of control codes, of identifiers and of codes.
    fn piece() -> impl Strategy<Value = String> {
        let pieces =
            ["$", "SP.", "$SP.", "UNDO", ".", "3", "]C1", "]E0", "B", "4006381333931", "\u{1d}", "é"];
        prop_oneof![select(pieces.to_vec()).prop_map(str::to_owned), "\\PC{1,3}"]
    }

    fn text() -> impl Strategy<Value = String> {
        let pieces = proptest::collection::vec(piece(), 1..6).prop_map(|pieces| pieces.concat());
        let control = select(sheet()).prop_map(|control| control.code());
        prop_oneof![3 => pieces, 1 => (piece(), control, piece()).prop_map(|(a, b, c)| format!("{a}{b}{c}"))]
    }

    prop_compose! {
        fn rule()(
            conditions in (proptest::option::of(piece()), proptest::option::of(piece())),
            length in proptest::option::of((0_usize..20, 0_usize..30)),
            kind in proptest::option::weighted(0.1, select(SYMBOLOGIES.to_vec())),
            strips in (proptest::option::of(piece()), proptest::option::of(piece())),
            replace in proptest::option::of((piece(), prop_oneof![Just(String::new()), piece()])),
            is_conditional in any::<bool>(),
        ) -> Rule {
            let rule = Rule {
                strip_prefix: strips.0,
                strip_suffix: strips.1,
                replace: replace.map(|(from, to)| Replacement { from, to }),
                ..Rule::default()
            };
            if !is_conditional {
                return rule;
            }
            Rule {
                if_prefix: conditions.0,
                if_suffix: conditions.1,
                if_length: length.map(|(min, more)| Length { min, max: min + more }),
                if_symbology: kind.map(|(_, kind)| kind),
                ..rule
            }
        }
    }

    proptest! {
        #[test]
        fn a_frame_stays_a_frame(rules in proptest::collection::vec(rule(), 0..=RULES_MAX), text in text()) {
            let left = applied(&rules, &text);
            prop_assert!((1..=FRAME_BYTES_MAX).contains(&left.len()));
            let unfit = left.chars().find(|c| c.is_control() && *c != '\u{1d}');
            prop_assert_eq!(unfit, None);
        }

        #[test]
        fn what_commands_stood_in_the_frame_whole(
            rules in proptest::collection::vec(rule(), 0..=RULES_MAX), text in text(),
        ) {
            let left = applied(&rules, &text);
            if let ControlReading::Control(control) = Control::read(&left) {
                prop_assert!(text.contains(&control.code()), "{text} became {left}");
            }
        }

        #[test]
        fn rules_with_conditions_and_replacements_alone_never_make_a_command(
            rules in proptest::collection::vec(rule(), 0..=RULES_MAX), text in text(),
        ) {
            let strips = |rule: &Rule| rule.strip_prefix.is_some() || rule.strip_suffix.is_some();
            let rules: Vec<Rule> =
                rules.into_iter().filter(|rule| !rule.is_of_scanner() || !strips(rule)).collect();
            prop_assert_eq!(is_control(&applied(&rules, &text)), is_control(&text));
        }

        #[test]
        fn a_label_that_spells_a_command_otherwise_never_commands(
            control in select(sheet()), at in any::<prop::sample::Index>(), others in proptest::collection::vec(rule(), 0..4),
            place in any::<prop::sample::Index>(),
        ) {
            let code = control.code();
            let letter = code.chars().nth(at.index(code.len())).unwrap();
            let label = format!("B{}C", code.replacen(letter, "#", 1));
            let mut rules = others;
            rules.insert(place.index(rules.len() + 1), replace("#", &letter.to_string()));
            rules.push(strip("B", "C"));
            let left = applied(&rules, &label);
            prop_assert!(!matches!(Control::read(&left), ControlReading::Control(_)), "{label} became {left}");
        }

        #[test]
        fn a_control_code_passes_every_rule_unchanged(
            rules in proptest::collection::vec(rule(), 0..=RULES_MAX), control in select(sheet()),
        ) {
            prop_assert_eq!(applied(&rules, &control.code()), control.code());
            let seal = Seal::keyed(&"the secret of this site".into());
            let code = seal.code(control);
            prop_assert_eq!(apply_all(&rules, &seal, &code), code);
        }
    }
}
