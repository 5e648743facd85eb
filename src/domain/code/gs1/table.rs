//! The GS1 application identifiers, and the rule for the value of each.
//!
//! Source: GS1 Barcode Syntax Dictionary, <https://github.com/gs1/gs1-syntax-dictionary>, the edition named by
//! [`EDITION`]: 541 identifiers. It has, in a form for programs, what the GS1 General Specifications have in their
//! section 3.2. A value of several parts (a country and then text) is checked as a whole, by its characters and its
//! length.

use super::rule::{ValueRule, is_digits};

/// The edition of the dictionary from which this table was made: the release, and the commit behind it.
pub const EDITION: &str = "2026-01-27 (ff2eb4b)";

/// First and last identifier of a run, and the rule of all in it, in the order of the numbers. An identifier has two
/// digits below 100, three below 1000, four above.
const TABLE: [(u16, u16, ValueRule); 160] = [
    (0, 0, ValueRule::Checked(18)),
    (1, 3, ValueRule::Checked(14)),
    (10, 10, ValueRule::Text(1, 20)),
    (11, 13, ValueRule::Date),
    (15, 17, ValueRule::Date),
    (20, 20, ValueRule::Digits(2, 2)),
    (21, 22, ValueRule::Text(1, 20)),
    (30, 30, ValueRule::Digits(1, 8)),
    (37, 37, ValueRule::Digits(1, 8)),
    (90, 90, ValueRule::Text(1, 30)),
    (91, 99, ValueRule::Text(1, 90)),
    (235, 235, ValueRule::Text(1, 28)),
    (240, 241, ValueRule::Text(1, 30)),
    (242, 242, ValueRule::Digits(1, 6)),
    (243, 243, ValueRule::Text(1, 20)),
    (250, 251, ValueRule::Text(1, 30)),
    (253, 253, ValueRule::Text(13, 30)),
    (254, 254, ValueRule::Text(1, 20)),
    (255, 255, ValueRule::Digits(13, 25)),
    (400, 401, ValueRule::Text(1, 30)),
    (402, 402, ValueRule::Checked(17)),
    (403, 403, ValueRule::Text(1, 30)),
    (410, 417, ValueRule::Checked(13)),
    (420, 420, ValueRule::Text(1, 20)),
    (421, 421, ValueRule::Text(4, 12)),
    (422, 422, ValueRule::Digits(3, 3)),
    (423, 423, ValueRule::Digits(3, 15)),
    (424, 424, ValueRule::Digits(3, 3)),
    (425, 425, ValueRule::Digits(3, 15)),
    (426, 426, ValueRule::Digits(3, 3)),
    (427, 427, ValueRule::Text(1, 3)),
    (710, 717, ValueRule::Text(1, 20)),
    (3100, 3105, ValueRule::Digits(6, 6)),
    (3110, 3115, ValueRule::Digits(6, 6)),
    (3120, 3125, ValueRule::Digits(6, 6)),
    (3130, 3135, ValueRule::Digits(6, 6)),
    (3140, 3145, ValueRule::Digits(6, 6)),
    (3150, 3155, ValueRule::Digits(6, 6)),
    (3160, 3165, ValueRule::Digits(6, 6)),
    (3200, 3205, ValueRule::Digits(6, 6)),
    (3210, 3215, ValueRule::Digits(6, 6)),
    (3220, 3225, ValueRule::Digits(6, 6)),
    (3230, 3235, ValueRule::Digits(6, 6)),
    (3240, 3245, ValueRule::Digits(6, 6)),
    (3250, 3255, ValueRule::Digits(6, 6)),
    (3260, 3265, ValueRule::Digits(6, 6)),
    (3270, 3275, ValueRule::Digits(6, 6)),
    (3280, 3285, ValueRule::Digits(6, 6)),
    (3290, 3295, ValueRule::Digits(6, 6)),
    (3300, 3305, ValueRule::Digits(6, 6)),
    (3310, 3315, ValueRule::Digits(6, 6)),
    (3320, 3325, ValueRule::Digits(6, 6)),
    (3330, 3335, ValueRule::Digits(6, 6)),
    (3340, 3345, ValueRule::Digits(6, 6)),
    (3350, 3355, ValueRule::Digits(6, 6)),
    (3360, 3365, ValueRule::Digits(6, 6)),
    (3370, 3375, ValueRule::Digits(6, 6)),
    (3400, 3405, ValueRule::Digits(6, 6)),
    (3410, 3415, ValueRule::Digits(6, 6)),
    (3420, 3425, ValueRule::Digits(6, 6)),
    (3430, 3435, ValueRule::Digits(6, 6)),
    (3440, 3445, ValueRule::Digits(6, 6)),
    (3450, 3455, ValueRule::Digits(6, 6)),
    (3460, 3465, ValueRule::Digits(6, 6)),
    (3470, 3475, ValueRule::Digits(6, 6)),
    (3480, 3485, ValueRule::Digits(6, 6)),
    (3490, 3495, ValueRule::Digits(6, 6)),
    (3500, 3505, ValueRule::Digits(6, 6)),
    (3510, 3515, ValueRule::Digits(6, 6)),
    (3520, 3525, ValueRule::Digits(6, 6)),
    (3530, 3535, ValueRule::Digits(6, 6)),
    (3540, 3545, ValueRule::Digits(6, 6)),
    (3550, 3555, ValueRule::Digits(6, 6)),
    (3560, 3565, ValueRule::Digits(6, 6)),
    (3570, 3575, ValueRule::Digits(6, 6)),
    (3600, 3605, ValueRule::Digits(6, 6)),
    (3610, 3615, ValueRule::Digits(6, 6)),
    (3620, 3625, ValueRule::Digits(6, 6)),
    (3630, 3635, ValueRule::Digits(6, 6)),
    (3640, 3645, ValueRule::Digits(6, 6)),
    (3650, 3655, ValueRule::Digits(6, 6)),
    (3660, 3665, ValueRule::Digits(6, 6)),
    (3670, 3675, ValueRule::Digits(6, 6)),
    (3680, 3685, ValueRule::Digits(6, 6)),
    (3690, 3695, ValueRule::Digits(6, 6)),
    (3900, 3909, ValueRule::Digits(1, 15)),
    (3910, 3919, ValueRule::Digits(4, 18)),
    (3920, 3929, ValueRule::Digits(1, 15)),
    (3930, 3939, ValueRule::Digits(4, 18)),
    (3940, 3943, ValueRule::Digits(4, 4)),
    (3950, 3955, ValueRule::Digits(6, 6)),
    (4300, 4301, ValueRule::Text(1, 35)),
    (4302, 4306, ValueRule::Text(1, 70)),
    (4307, 4307, ValueRule::Text(2, 2)),
    (4308, 4308, ValueRule::Text(1, 30)),
    (4309, 4309, ValueRule::Digits(20, 20)),
    (4310, 4311, ValueRule::Text(1, 35)),
    (4312, 4316, ValueRule::Text(1, 70)),
    (4317, 4317, ValueRule::Text(2, 2)),
    (4318, 4318, ValueRule::Text(1, 20)),
    (4319, 4319, ValueRule::Text(1, 30)),
    (4320, 4320, ValueRule::Text(1, 35)),
    (4321, 4323, ValueRule::Digits(1, 1)),
    (4324, 4325, ValueRule::Digits(10, 10)),
    (4326, 4326, ValueRule::Digits(6, 6)),
    (4330, 4333, ValueRule::Text(6, 7)),
    (7001, 7001, ValueRule::Digits(13, 13)),
    (7002, 7002, ValueRule::Text(1, 30)),
    (7003, 7003, ValueRule::Digits(10, 10)),
    (7004, 7004, ValueRule::Digits(1, 4)),
    (7005, 7005, ValueRule::Text(1, 12)),
    (7006, 7006, ValueRule::Digits(6, 6)),
    (7007, 7007, ValueRule::Digits(6, 12)),
    (7008, 7008, ValueRule::Text(1, 3)),
    (7009, 7009, ValueRule::Text(1, 10)),
    (7010, 7010, ValueRule::Text(1, 2)),
    (7011, 7011, ValueRule::Digits(6, 10)),
    (7020, 7022, ValueRule::Text(1, 20)),
    (7023, 7023, ValueRule::Text(1, 30)),
    (7030, 7039, ValueRule::Text(4, 30)),
    (7040, 7040, ValueRule::Text(4, 4)),
    (7041, 7041, ValueRule::Text(1, 4)),
    (7230, 7239, ValueRule::Text(3, 30)),
    (7240, 7240, ValueRule::Text(1, 20)),
    (7241, 7241, ValueRule::Digits(2, 2)),
    (7242, 7242, ValueRule::Text(1, 25)),
    (7250, 7250, ValueRule::Digits(8, 8)),
    (7251, 7251, ValueRule::Digits(12, 12)),
    (7252, 7252, ValueRule::Digits(1, 1)),
    (7253, 7254, ValueRule::Text(1, 40)),
    (7255, 7255, ValueRule::Text(1, 10)),
    (7256, 7256, ValueRule::Text(1, 90)),
    (7257, 7257, ValueRule::Text(1, 70)),
    (7258, 7258, ValueRule::Text(3, 3)),
    (7259, 7259, ValueRule::Text(1, 40)),
    (8001, 8001, ValueRule::Digits(14, 14)),
    (8002, 8002, ValueRule::Text(1, 20)),
    (8003, 8003, ValueRule::Text(14, 30)),
    (8004, 8004, ValueRule::Text(1, 30)),
    (8005, 8005, ValueRule::Digits(6, 6)),
    (8006, 8006, ValueRule::Digits(18, 18)),
    (8007, 8007, ValueRule::Text(1, 34)),
    (8008, 8008, ValueRule::Digits(8, 12)),
    (8009, 8009, ValueRule::Text(1, 50)),
    (8010, 8010, ValueRule::Part(1, 30)),
    (8011, 8011, ValueRule::Digits(1, 12)),
    (8012, 8012, ValueRule::Text(1, 20)),
    (8013, 8014, ValueRule::Text(1, 25)),
    (8017, 8018, ValueRule::Checked(18)),
    (8019, 8019, ValueRule::Digits(1, 10)),
    (8020, 8020, ValueRule::Text(1, 25)),
    (8026, 8026, ValueRule::Digits(18, 18)),
    (8030, 8030, ValueRule::Text(1, 90)),
    (8040, 8041, ValueRule::Digits(15, 15)),
    (8042, 8042, ValueRule::Digits(32, 32)),
    (8043, 8043, ValueRule::Digits(18, 20)),
    (8110, 8110, ValueRule::Text(1, 70)),
    (8111, 8111, ValueRule::Digits(4, 4)),
    (8112, 8112, ValueRule::Text(1, 70)),
    (8200, 8200, ValueRule::Text(1, 70)),
];

/// Splits off the application identifier at the front of `field`: the identifier, its rule, and what follows it.
pub(super) fn split(field: &str) -> Option<(&str, ValueRule, &str)> {
    // No identifier begins with another one, so at most one length fits.
    (2..=4).find_map(|digits| {
        let (ai, rest) = field.split_at_checked(digits)?;
        Some((ai, of(ai)?, rest))
    })
}

/// Returns the rule of an application identifier of 2 to 4 digits, if the table has it.
pub(super) fn of(ai: &str) -> Option<ValueRule> {
    let number: u16 = Some(ai).filter(|ai| is_digits(ai))?.parse().ok()?;
    let digits = match number {
        0..=99 => 2,
        100..=999 => 3,
        _ => 4,
    };
    let after = TABLE.partition_point(|(first, _, _)| *first <= number);
    let (_, last, rule) = TABLE.get(after.checked_sub(1)?)?;
    (ai.len() == digits && number <= *last).then_some(*rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::gs1::rule::predefined_length;

    #[test]
    fn an_application_identifier_is_known_by_its_own_number_of_digits() {
        for ai in ["00", "01", "10", "240", "400", "3103", "3695", "8005", "8020", "99"] {
            assert!(of(ai).is_some(), "{ai}");
        }
        for ai in
            ["", "1", "001", "0010", "0240", "23", "310", "3106", "3180", "3380", "+1", "٣1", "04", "7300"]
        {
            assert_eq!(of(ai), None, "{ai}");
        }
    }

    #[test]
    fn the_table_has_every_identifier_of_its_edition_in_order() {
        let count: u16 = TABLE.iter().map(|(first, last, _)| last - first + 1).sum();
        assert_eq!(count, 541);
        assert!(TABLE.iter().all(|(first, last, _)| first <= last));
        assert!(TABLE.is_sorted_by(|(_, last, _), (next, _, _)| last < next));
        for (ai, rule) in [
            ("03", ValueRule::Checked(14)),
            ("717", ValueRule::Text(1, 20)),
            ("7041", ValueRule::Text(1, 4)),
            ("7250", ValueRule::Digits(8, 8)),
            ("8014", ValueRule::Text(1, 25)),
            ("8043", ValueRule::Digits(18, 20)),
            ("8010", ValueRule::Part(1, 30)),
            ("99", ValueRule::Text(1, 90)),
        ] {
            assert_eq!(of(ai), Some(rule), "{ai}");
        }
        assert_eq!((of("100"), of("418"), of("9999")), (None, None, None));
    }

    #[test]
    fn no_application_identifier_begins_another() {
        let known: Vec<String> = (0..10_000_u16)
            .flat_map(|n| [format!("{n:02}"), format!("{n:03}"), format!("{n:04}")])
            .filter(|ai| ai.len() <= 4 && of(ai).is_some())
            .collect();
        for ai in &known {
            assert!(!known.iter().any(|other| other != ai && other.starts_with(ai.as_str())), "{ai}");
        }
    }

    #[test]
    fn a_predefined_length_agrees_with_the_rule() {
        for n in 0..10_000_u16 {
            let ai = if n < 100 { format!("{n:02}") } else { n.to_string() };
            let Some(rule) = of(&ai) else { continue };
            let value_length = predefined_length(&ai).map(|total| total - ai.len());
            match (value_length, rule) {
                (Some(length), ValueRule::Checked(checked)) => {
                    assert_eq!(length, usize::from(checked), "{ai}");
                }
                (Some(length), ValueRule::Digits(min, max)) => {
                    assert_eq!((length, length), (usize::from(min), usize::from(max)), "{ai}");
                }
                (Some(length), ValueRule::Date) => assert_eq!(length, 6, "{ai}"),
                (Some(_), ValueRule::Text(..) | ValueRule::Part(..)) => {
                    panic!("{ai} is text of a fixed length")
                }
                (None, rule) => assert_ne!(rule, ValueRule::Date, "{ai}"),
            }
        }
    }
}
