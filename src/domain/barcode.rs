//! Barcode identity: which keys a scanned code is looked up by, and which a good is found by.
//!
//! Promises: a code is compared as a whole and as text, or as a GTIN with a right check digit; never as a
//! number, never by its beginning. It does not look anything up, and it does not choose between two goods
//! that share a key.

use crate::domain::aim::AimId;
use crate::domain::gs1;
use crate::domain::gs1::Gs1Data;
use crate::domain::gtin::Gtin;
use crate::domain::variable::Measure;

/// What goods are indexed by and codes are looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A trade item, whatever way its number is spelled.
    Gtin(Gtin),
    /// Any other code, exactly as it is: `007` is not `7`.
    Text(String),
}

impl Key {
    /// The key as one text: `g` and fourteen digits, or `t` and the text. It is stored: it never changes.
    pub fn encode(&self) -> String {
        match self {
            Self::Gtin(gtin) => format!("g{gtin}"),
            Self::Text(text) => format!("t{text}"),
        }
    }
}

/// The keys by which a good is found, from the `barcode` of its row.
///
/// UPC-A, EAN-13, EAN-8, UPC-E and GTIN-14 with a right check digit give their GTIN, white space around
/// the digits aside; eight digits that are right as EAN-8 and as UPC-E give both. Anything else is the
/// exact text. A blank barcode gives none: the good cannot be found by scanning.
pub fn keys_of_good(barcode: &str) -> Vec<Key> {
    if barcode.trim_ascii().is_empty() { Vec::new() } else { exact_keys(None, barcode) }
}

/// A scanned code, read as far as it can be without looking it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Barcode {
    /// The text of the frame without its AIM prefix: what people are shown, and the name of a parked code.
    pub text: String,
    /// What kind of symbol the scanner says it read.
    pub symbology: Option<AimId>,
    /// The keys to look up, tier by tier, neither of them empty. The first tier under which any good is
    /// found decides; if it finds two different goods, the code is ambiguous.
    pub tiers: Vec<Vec<Key>>,
    /// What the GS1 elements of the code say, if it has any.
    pub gs1: Option<Gs1Data>,
    /// What the label says besides, if it is an in-store one with a measure; the rest is then the good's own code.
    pub measure: Option<Measure>,
}

impl Barcode {
    /// Reads the text of a frame.
    ///
    /// A symbol that declares GS1 elements is looked up by their GTIN, then by its exact text. What only
    /// looks like elements, a GS1 Digital Link, and an EAN with an add-on are looked up by their exact
    /// text, then by the GTIN in them. An AIM prefix of a symbol without GS1 elements says that there are
    /// none, so none are looked for.
    pub fn read(frame_text: &str) -> Self {
        let (symbology, text) = AimId::split(frame_text);
        let link = gs1::read_link(text);
        let declares_elements = link.is_none() && symbology.is_some_and(AimId::is_gs1);
        let gs1 = link.or_else(|| elements(symbology, text));
        let add_on = item_with_add_on(symbology, text);
        let exact = if add_on.is_some() { vec![text_key(text)] } else { exact_keys(symbology, text) };
        let item = gs1.as_ref().and_then(|data| data.gtin.clone()).or(add_on);
        let tiers = match item.map(|gtin| vec![Key::Gtin(gtin)]) {
            None => vec![exact],
            Some(item) if declares_elements => vec![item, exact],
            Some(item) => vec![exact, item],
        };
        Self { text: text.to_owned(), symbology, tiers, gs1, measure: None }
    }

    /// The text of a frame that is read the same, but for a measure.
    pub fn frame_text(&self) -> String {
        self.symbology.map_or_else(|| self.text.clone(), |id| format!("{id}{}", self.text))
    }
}

/// The keys of a code taken as it stands; the kind of symbol narrows down what eight digits can be.
fn exact_keys(symbology: Option<AimId>, text: &str) -> Vec<Key> {
    let digits = text.trim_ascii();
    let as_upc_e = Gtin::read_upc_e(digits).filter(|_| !symbology.is_some_and(AimId::is_ean_8));
    let is_upc = digits.len() == 8 && symbology.is_some_and(AimId::is_ean_upc);
    let as_other = Gtin::read(digits).filter(|gtin| !is_upc && as_upc_e.as_ref() != Some(gtin));
    let keys: Vec<Key> = as_other.into_iter().chain(as_upc_e).map(Key::Gtin).collect();
    if keys.is_empty() { vec![text_key(text)] } else { keys }
}

fn text_key(text: &str) -> Key {
    Key::Text(text.to_owned())
}

/// The GS1 elements of a code that is no Digital Link.
fn elements(symbology: Option<AimId>, text: &str) -> Option<Gs1Data> {
    match symbology {
        None => Gs1Data::read_undeclared(text),
        Some(id) if id.is_gs1() => {
            Some(Gs1Data::read_declared(text)).filter(|data| !data.elements.is_empty())
        }
        Some(_) => None,
    }
}

/// The item of an EAN-13 with an add-on of 2 or 5 digits behind it, such as the issue of a magazine; of a
/// UPC-A, where the scanner is set to send it in twelve digits.
fn item_with_add_on(symbology: Option<AimId>, text: &str) -> Option<Gtin> {
    let item_length = match text.len() {
        15 | 18 => 13,
        14 | 17 => 12,
        _ => return None,
    };
    let (item, add_on) = text.split_at_checked(item_length)?;
    let is_add_on = add_on.bytes().all(|byte| byte.is_ascii_digit());
    if is_add_on && symbology.is_some_and(AimId::is_ean_with_add_on) { Gtin::read(item) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The keys as stored, alternatives joined by `+`.
    fn tell(keys: &[Key]) -> String {
        keys.iter().map(Key::encode).collect::<Vec<_>>().join("+")
    }

    /// The tiers of a scanned code, one a word.
    fn tiers(frame_text: &str) -> String {
        Barcode::read(frame_text).tiers.iter().map(|tier| tell(tier)).collect::<Vec<_>>().join(" ")
    }

    fn good(barcode: &str) -> String {
        tell(&keys_of_good(barcode))
    }

    #[test]
    fn every_spelling_of_one_item_meets_in_one_key() {
        let key = "g00036000291452";
        for text in ["036000291452", "0036000291452", "00036000291452"] {
            assert_eq!(tiers(text), key, "{text}");
            assert_eq!(good(text), key, "{text}");
        }
        assert_eq!(tiers("04252614"), tiers("042100005264"));
        assert_eq!(tiers("4006381333931"), "g04006381333931");
        assert_eq!(tiers("96385074"), "g00000096385074");
    }

    #[test]
    fn leading_zeros_are_part_of_a_code() {
        assert_eq!(tiers("007"), "t007");
        assert_eq!(tiers("7"), "t7");
        assert_ne!(good("007"), good("7"));
    }

    #[test]
    fn a_wrong_check_digit_is_text() {
        assert_eq!(tiers("4006381333932"), "t4006381333932");
        assert_eq!(good("4006381333932"), "t4006381333932");
    }

    #[test]
    fn white_space_is_part_of_a_text_but_not_of_a_gtin() {
        assert_eq!(good(" 4006381333931 "), "g04006381333931");
        assert_eq!(tiers("4006381333931 "), "g04006381333931");
        assert_eq!(good(" AB 1"), "t AB 1");
        assert_eq!(good(""), "");
        assert_eq!(good(" \t"), "");
    }

    #[test]
    fn eight_digits_that_are_ean_8_and_upc_e_are_tried_as_both_unless_the_symbol_tells() {
        let both = "g00000001234558+g00012345000058";
        assert_eq!(tiers("01234558"), both);
        assert_eq!(good("01234558"), both);
        assert_eq!(tiers("]E401234558"), "g00000001234558");
        assert_eq!(tiers("]E001234558"), "g00012345000058");
        assert_eq!(tiers("]C001234558"), both);
    }

    #[test]
    fn the_kind_of_symbol_rules_out_the_other_reading() {
        assert_eq!(tiers("]E096385074"), "t96385074");
        assert_eq!(tiers("]E404252614"), "t04252614");
        assert_eq!(tiers("]E04006381333931"), "g04006381333931");
        assert_eq!(tiers("]E0036000291452"), "g00036000291452");
    }

    #[test]
    fn an_aim_prefix_is_taken_off_before_anything_else() {
        let barcode = Barcode::read("]A0AB-1");
        assert_eq!(barcode.text, "AB-1");
        assert_eq!(barcode.symbology.map(|id| id.to_string()).as_deref(), Some("]A0"));
        assert_eq!(tiers("]A0AB-1"), "tAB-1");
        assert_eq!(tiers("]I100036000291452"), "g00036000291452");
    }

    #[test]
    fn an_add_on_gives_the_item_after_the_exact_text() {
        assert_eq!(tiers("]E3977123456789812"), "t977123456789812 g09771234567898");
        assert_eq!(tiers("]E3977123456789812345"), "t977123456789812345 g09771234567898");
        assert_eq!(tiers("]E303600029145212"), "t03600029145212 g00036000291452");
        assert_eq!(tiers("]E3977123456789912"), "t977123456789912");
        assert_eq!(tiers("]E303600029145231"), "t03600029145231 g00036000291452", "no GTIN-14 by chance");
        assert_eq!(tiers("977123456789812"), "t977123456789812");
    }

    #[test]
    fn declared_elements_are_looked_up_by_their_gtin_first() {
        let text = "0104006381333931\u{1d}23X";
        for prefix in ["]C1", "]e0", "]d2", "]Q3", "]J1"] {
            assert_eq!(tiers(&format!("{prefix}{text}")), format!("g04006381333931 t{text}"), "{prefix}");
        }
        assert_eq!(tiers("]C1hello"), "thello");
        assert_eq!(tiers("]C104006381333931"), "g04006381333931");
        assert_eq!(Barcode::read("]C1hello").gs1, None);
    }

    #[test]
    fn undeclared_elements_are_looked_up_by_their_exact_text_first() {
        let text = "010400638133393110AB\u{1d}17261231";
        assert_eq!(tiers(text), format!("t{text} g04006381333931"));
        let gs1 = Barcode::read(text).gs1.unwrap();
        assert_eq!((gs1.lot.as_deref(), gs1.expiry.as_deref()), (Some("AB"), Some("261231")));
        assert_eq!(tiers("0104006381333932"), "t0104006381333932");
        assert_eq!(tiers("0104006381333931\u{1d}23X"), "t0104006381333931\u{1d}23X");
    }

    #[test]
    fn a_symbol_that_declares_plain_data_has_no_elements() {
        assert_eq!(tiers("]C00104006381333931"), "t0104006381333931");
    }

    #[test]
    fn a_digital_link_is_looked_up_by_its_exact_text_first() {
        let text = "https://id.gs1.org/01/09506000134352/10/ABC?17=261231";
        for prefix in ["", "]Q1", "]d1", "]Q3"] {
            let barcode = Barcode::read(&format!("{prefix}{text}"));
            assert_eq!(barcode.gs1.and_then(|data| data.lot).as_deref(), Some("ABC"));
            assert_eq!(tiers(&format!("{prefix}{text}")), format!("t{text} g09506000134352"), "{prefix}");
        }
        assert_eq!(tiers("https://id.gs1.org/01/09506000134353"), "thttps://id.gs1.org/01/09506000134353");
    }

    #[test]
    fn keys_are_stored_in_this_form() {
        assert_eq!(Key::Text("g1".to_owned()).encode(), "tg1");
        let gtin = Gtin::read("4006381333931").unwrap();
        assert_eq!(Key::Gtin(gtin).encode(), "g04006381333931");
    }

    proptest! {
        #[test]
        fn a_good_is_found_by_its_own_barcode(text in "[0-9]{1,14}|[!-~]{1,30}|\\PC{1,20}") {
            prop_assume!(AimId::split(&text).0.is_none() && !keys_of_good(&text).is_empty());
            prop_assert_eq!(&Barcode::read(&text).tiers[0], &keys_of_good(&text));
        }

        #[test]
        fn reading_never_panics_and_every_tier_has_keys(text in ".{0,80}|\\][A-Za-z][0-9][0-9\u{1d}]{0,60}") {
            let barcode = Barcode::read(&text);
            prop_assert!((1..=2).contains(&barcode.tiers.len()));
            prop_assert!(barcode.tiers.iter().all(|tier| (1..=2).contains(&tier.len())));
            prop_assert!(text.ends_with(&barcode.text));
            prop_assert_eq!(&Barcode::read(&barcode.frame_text()), &barcode);
        }

        #[test]
        fn two_texts_share_a_key_only_as_spellings_of_one_number(
            a in "[0-9]{1,9}|[ A-Za-z0-9]{1,6}", b in "[0-9]{1,9}|[ A-Za-z0-9]{1,6}",
        ) {
            let shared = keys_of_good(&a).into_iter().any(|key| keys_of_good(&b).contains(&key));
            let is_gtin = matches!(keys_of_good(&a).first(), Some(Key::Gtin(_)));
            prop_assert!(!shared || a == b || is_gtin);
        }
    }
}
