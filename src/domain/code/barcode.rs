//! Barcode identity: the keys by which a scanned code is looked up, and those by which a good is found.
//!
//! Promises: a code is compared as a whole and as text, or as a GTIN with a right check digit; never as a
//! number, never by its beginning. It does not look anything up, and it does not choose between two goods
//! that share a key.

use crate::domain::aim::AimId;
use crate::domain::code::add_on::item_with_add_on;
use crate::domain::code::gs1;
use crate::domain::code::gs1::{Amount, Gs1Data};
use crate::domain::code::gtin::Gtin;
use crate::domain::code::measure::Measure;

/// A key by which goods are indexed and codes are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A trade item, however its number is spelled.
    Gtin(Gtin),
    /// Any other code, exactly as it is: `007` is not `7`.
    Text(String),
}

impl Key {
    /// Returns the key as one text: `g` and fourteen digits, or `t` and the text. It is stored, so its form never
    /// changes.
    pub fn encode(&self) -> String {
        match self {
            Self::Gtin(gtin) => format!("g{gtin}"),
            Self::Text(text) => format!("t{text}"),
        }
    }
}

/// Returns the keys by which a good is found, from the `barcode` of its row.
///
/// The barcode is read as a scan is: blanks around it and an AIM prefix typed into the field are no part of it. UPC-A,
/// EAN-13, EAN-8, UPC-E and GTIN-14 with a right check digit give their GTIN; eight digits that are right as EAN-8 and
/// as UPC-E give both. Anything else is the exact text. A blank barcode gives none: the good cannot be found by
/// scanning.
pub fn keys_of_good(barcode: &str) -> Vec<Key> {
    let (symbology, text) = cleaned(barcode);
    match text {
        _ if text.chars().all(is_beside_the_code) => Vec::new(),
        // A scan of such a symbol is looked up by its first tier, so the good is indexed by the same.
        _ if symbology.is_some_and(AimId::is_gs1) => {
            Barcode::read(barcode).tiers.into_iter().next().unwrap_or_default()
        }
        text => exact_keys(symbology, text),
    }
}

/// A scanned code, read as far as it can be without looking it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Barcode {
    /// The text of the frame as people see it: without its AIM prefix and without invisible characters around it.
    pub text: String,
    /// The kind of symbol that the scanner reports.
    pub symbology: Option<AimId>,
    /// The keys to look up, tier by tier, none of them empty. The first tier under which any good is
    /// found decides; if it finds two different goods, the code is ambiguous.
    pub tiers: Vec<Vec<Key>>,
    /// The item that the code is about, if the code says more than the item: a serial number, the issue of a magazine.
    pub item: Option<Gtin>,
    /// The amount of the item for which the label stands.
    pub amount: Amount,
    /// The GS1 elements of the code, if it has any.
    pub gs1: Option<Gs1Data>,
    /// The measure on the label, if it is an in-store one; the other fields then describe the good's own code.
    pub measure: Option<Measure>,
}

/// The contents of a code besides its text.
#[derive(Default)]
struct Contents {
    item: Option<Gtin>,
    amount: Amount,
    gs1: Option<Gs1Data>,
    is_declared: bool,
}

impl Barcode {
    /// Reads the text of a frame.
    ///
    /// A symbol that declares GS1 elements is looked up by their GTIN, then by its exact text. A text that only looks
    /// like elements, a GS1 Digital Link, and an EAN with an add-on are looked up by their exact text, then by the GTIN
    /// in them. Six and seven digits are looked up as a text, then as a shortened UPC-E. Elements that cannot be read
    /// whole still give the GTIN with which they begin, and nothing else.
    pub fn read(frame_text: &str) -> Self {
        let (symbology, text) = cleaned(frame_text);
        let Contents { item, amount, gs1, is_declared } = contents(symbology, text);
        // Fourteen digits of an item and its add-on may pass as a GTIN, so the text alone is exact there.
        let exact =
            if gs1.is_none() && item.is_some() { vec![text_key(text)] } else { exact_keys(symbology, text) };
        let short = if item.is_none() { short_upc_e(symbology, text) } else { Vec::new() };
        let last = item.iter().cloned().chain(short).map(Key::Gtin).collect();
        // A symbol that declares elements is about its item. In any other code the elements may be a coincidence, so
        // the exact text comes first.
        let tiers = match (is_declared, item.is_some()) {
            (true, true) => vec![last, exact],
            _ => vec![exact, last],
        };
        let tiers = tiers.into_iter().filter(|tier: &Vec<Key>| !tier.is_empty()).collect();
        Self { text: text.to_owned(), symbology, tiers, item, amount, gs1, measure: None }
    }

    /// Returns the identity of the code as one text: two codes with the same text are one code, whatever else stands on
    /// their labels.
    ///
    /// It is that of the item where the code is about one, else that of its exact keys. It is stored, so its form never
    /// changes.
    pub fn identity(&self) -> String {
        match &self.item {
            Some(item) => Key::Gtin(item.clone()).encode(),
            None => self.tiers.first().map(|tier| encode_tier(tier)).unwrap_or_default(),
        }
    }

    /// Returns the shortest text that a person can type and that is read as this code is: the item's number, the text
    /// alone, or the text with its AIM prefix where that makes it another code.
    pub fn name(&self) -> String {
        if let Some(item) = &self.item {
            // Thirteen digits are what people know; the fourteenth in front is a 0 on all but cartons.
            let digits = item.as_str();
            return digits.strip_prefix('0').unwrap_or(digits).to_owned();
        }
        let is_plain = Self::read(&self.text).identity() == self.identity();
        if is_plain { self.text.clone() } else { self.frame_text() }
    }

    /// Returns the text of a frame that is read as the same code, except for a measure.
    pub fn frame_text(&self) -> String {
        self.symbology.map_or_else(|| self.text.clone(), |id| format!("{id}{}", self.text))
    }
}

/// Returns the keys of a tier as one text.
pub fn encode_tier(keys: &[Key]) -> String {
    keys.iter().map(Key::encode).collect::<Vec<_>>().join("+")
}

/// Splits the text of a frame, or a good's barcode, into symbology and text, without what is no part of the code:
/// blanks, invisible marks, separators in front and behind, and the name of a character set (`\000026`) in front.
fn cleaned(frame_text: &str) -> (Option<AimId>, &str) {
    let bare = |text| {
        let bare = str::trim_matches(text, is_beside_the_code);
        // A code is never empty, so a text of such characters alone stays as it is.
        if bare.is_empty() { text } else { bare }
    };
    let (mut symbology, mut text) = AimId::split(bare(frame_text));
    // Each may stand behind the other, and more than once: what is left has none of them in front.
    loop {
        let rest = bare(without_character_set(bare(text)));
        let (found, rest) = if symbology.is_none() { AimId::split(rest) } else { (symbology, rest) };
        if rest.len() == text.len() {
            return (symbology, text);
        }
        (symbology, text) = (found, rest);
    }
}

/// Returns true for characters that are no part of the code beside which they stand: blanks; U+FEFF and other
/// characters without width, which some labels and spreadsheets put around a code; and the separator, which means
/// nothing where no element stands on its other side.
fn is_beside_the_code(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1d}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}')
}

/// Removes the name of a character set from the front: a backslash and the six digits of an extended channel, of which
/// 000000 to 000035 are the sets of characters (AIM Extended Channel Interpretations, part 3).
fn without_character_set(text: &str) -> &str {
    let split = text.strip_prefix("\\0000").and_then(|rest| rest.split_at_checked(2));
    let named = split.filter(|(set, rest)| {
        let is_set = set.bytes().all(|byte| byte.is_ascii_digit()) && *set <= "35";
        is_set && !rest.is_empty()
    });
    named.map_or(text, |(_set, rest)| rest)
}

/// Returns the keys of a code taken as it stands; the kind of symbol narrows down what eight digits can be.
fn exact_keys(symbology: Option<AimId>, text: &str) -> Vec<Key> {
    // Of the symbols that carry digits, only the EAN and UPC family suppresses zeros.
    let may_be_upc_e = symbology.is_none_or(AimId::is_ean_upc);
    let as_upc_e = Gtin::read_upc_e(text).filter(|_| may_be_upc_e);
    // Eight digits behind `]E0` are a UPC-E: an EAN-8 has `]E4`.
    let is_upc = text.len() == 8 && symbology.is_some_and(AimId::is_ean_upc);
    let as_other = Gtin::read(text).filter(|gtin| !is_upc && as_upc_e.as_ref() != Some(gtin));
    let keys: Vec<Key> = as_other.into_iter().chain(as_upc_e).map(Key::Gtin).collect();
    if keys.is_empty() { vec![text_key(text)] } else { keys }
}

fn text_key(text: &str) -> Key {
    Key::Text(text.to_owned())
}

/// Reads a UPC-E without its number system or its check digit. Nothing proves such a code, so it is looked up last.
fn short_upc_e(symbology: Option<AimId>, text: &str) -> Vec<Gtin> {
    if symbology.is_none_or(AimId::is_ean_upc) { Gtin::read_short_upc_e(text) } else { Vec::new() }
}

/// Returns the contents of a code besides its text: as a Digital Link, as GS1 elements, or as an item with an add-on.
fn contents(symbology: Option<AimId>, text: &str) -> Contents {
    if let Some(gs1) = gs1::read_link(text) {
        return Contents { item: gs1.gtin.clone(), amount: gs1.amount, gs1: Some(gs1), is_declared: false };
    }
    if let Some(item) = item_with_add_on(symbology, text) {
        return Contents { item: Some(item), ..Contents::default() };
    }
    // An EAN or UPC has no room for elements, whatever its digits look like.
    if symbology.is_some_and(AimId::is_ean_family) {
        return Contents::default();
    }
    let is_declared = symbology.is_some_and(AimId::is_gs1);
    let elements = gs1::element_string(text);
    let gs1 = if is_declared {
        Some(Gs1Data::read_declared(&elements)).filter(|data| !data.elements.is_empty())
    } else {
        Gs1Data::read_undeclared(&elements)
    };
    match gs1 {
        Some(gs1) if gs1.gtin.is_some() => {
            Contents { item: gs1.gtin.clone(), amount: gs1.amount, gs1: Some(gs1), is_declared }
        }
        gs1 => {
            let (item, amount) = gs1::first_item(&elements).unzip();
            Contents { item, amount: amount.unwrap_or_default(), gs1, is_declared: false }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the keys as stored, alternatives joined by `+`.
    fn tell(keys: &[Key]) -> String {
        keys.iter().map(Key::encode).collect::<Vec<_>>().join("+")
    }

    /// Returns the tiers of a scanned code, one a word.
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
    fn blanks_around_a_code_are_no_part_of_it() {
        assert_eq!(good(" 4006381333931 "), "g04006381333931");
        assert_eq!(tiers("4006381333931 "), "g04006381333931");
        assert_eq!(good(" AB 1 "), "tAB 1");
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
    }

    #[test]
    fn an_add_on_without_an_identifier_is_read_where_it_can_be_nothing_else() {
        for (text, item) in [
            ("977123456789812", "g09771234567898"),
            ("977123456789812345", "g09771234567898"),
            ("76194134919000211", "g00761941349190"),
            ("761941349190 00211", "g00761941349190"),
            ("9521234000013 12", "g09521234000013"),
            ("]E09771234567898]E112", "g09771234567898"),
            ("9771234567898]E212345", "g09771234567898"),
        ] {
            let exact = text.trim_start_matches("]E0");
            assert_eq!(tiers(text), format!("t{exact} {item}"), "{text}");
        }
        for text in [
            "952123400001312",
            "03600029145212",
            "9771234567898 123",
            "9771234567899 12",
            "96385074 12",
            "12",
        ] {
            assert_eq!(tiers(text), format!("t{text}"), "{text}");
        }
        assert_eq!(tiers("]C0977123456789812"), "t977123456789812");
    }

    #[test]
    fn upc_e_is_read_of_upc_symbols_and_codes_without_identifier_alone() {
        assert_eq!(tiers("]C001234558"), "g00000001234558");
        assert_eq!(tiers("]A004252614"), "t04252614");
        assert_eq!(tiers("]I104252614"), "t04252614");
        assert_eq!(tiers("425261"), "t425261 g00042100005264");
        assert_eq!(tiers("]E0425261"), "t425261 g00042100005264");
        let both = "g00042100005264+g00004252000061";
        assert_eq!(
            tiers("0425261"),
            format!("t0425261 {both}"),
            "6 digits with a number system, or a check digit"
        );
        assert_eq!(tiers("4252614"), "t4252614 g00042100005264");
        assert_eq!(tiers("]A0425261"), "t425261");
        assert_eq!(tiers("]E4425261"), "t425261");
        assert_eq!(good("425261"), "t425261");
    }

    #[test]
    fn what_cannot_be_seen_around_a_code_is_no_part_of_it() {
        let gtin = "g04006381333931";
        for text in [
            "\u{feff}4006381333931",
            "\u{200b}]E04006381333931\u{a0}",
            "]Q1\u{feff}4006381333931",
            "\\0000264006381333931",
            "]Q2\\0000264006381333931",
            "\\000026\\0000034006381333931",
            "\\000026\u{1d}]Q2\\0000034006381333931",
            "\u{1d}4006381333931\u{1d}",
        ] {
            assert_eq!(tiers(text), gtin, "{text:?}");
        }
        assert_eq!(tiers("]d2\u{1d}grcy:p:13"), "tgrcy:p:13");
        assert_eq!(tiers("A\u{1d}B"), "tA\u{1d}B");
        assert_eq!(tiers("\\0000991234"), "t\\0000991234");
        assert_eq!(tiers("\\000026"), "t\\000026");
        assert_eq!(tiers(" "), "t ");
    }

    #[test]
    fn a_goods_barcode_is_read_as_a_scan_is() {
        assert_eq!(good("ABC-1 "), tiers("ABC-1"));
        assert_eq!(good("]E09521234000020"), "g09521234000020");
        assert_eq!(good("\u{feff}007\u{a0}"), "t007");
        assert_eq!(good("]E001234558"), "g00012345000058");
        assert_eq!(good("]C1010400638133393121A"), "g04006381333931");
        assert_eq!(good("010400638133393121A"), "t010400638133393121A");
    }

    fn identity(text: &str) -> String {
        Barcode::read(text).identity()
    }

    #[test]
    fn a_code_is_known_by_how_it_was_read() {
        assert_ne!(identity("]E001234558"), identity("]E401234558"));
        assert_ne!(identity("]E001234558"), identity("01234558"));
        assert_eq!(identity("01234558"), "g00000001234558+g00012345000058");
        assert_eq!(identity("]C0LATER"), identity("LATER"));
        let one = "]d2010400638133393121A\u{1d}10LOT";
        for same in ["]C1010400638133393121B", "010400638133393121C", "4006381333931"] {
            assert_eq!(identity(same), identity(one), "{same}");
        }
        assert_eq!(identity("425261"), "t425261");
    }

    #[test]
    fn a_name_is_read_as_the_code_is() {
        for (text, name) in [
            ("]E001234558", "]E001234558"),
            ("]E401234558", "]E401234558"),
            ("01234558", "01234558"),
            ("]C0LATER", "LATER"),
            ("]d2010400638133393121A", "4006381333931"),
            ("]C1011400638133393821A", "14006381333938"),
        ] {
            assert_eq!(Barcode::read(text).name(), name, "{text}");
            assert_eq!(identity(name), identity(text), "{text}");
        }
    }

    fn amount(text: &str) -> Amount {
        Barcode::read(text).amount
    }

    #[test]
    fn elements_that_cannot_be_read_whole_give_their_first_item_and_nothing_else() {
        for (text, amount) in [
            ("01108573260055401722081110A2021121092220084115197", Amount::One),
            // 30 and a digit stand in it, which may be a count.
            ("0104150011164140211GTFG32DLF1723033110158993A", Amount::Unclear),
            ("01040063813339311726999910A", Amount::One),
            ("010400638133393110A$B", Amount::One),
            ("(01)04006381333931(17)269999", Amount::One),
        ] {
            let barcode = Barcode::read(text);
            let item = barcode.item.unwrap();
            assert_eq!(tiers(text), format!("t{text} g{item}"), "{text}");
            assert_eq!((barcode.gs1, barcode.amount), (None, amount), "{text}");
        }
        for text in ["0104006381333932 10A", "010400638133393279X", "01040063813339327", "1104006381333931"] {
            assert_eq!(Barcode::read(text).item, None, "{text}");
        }
    }

    #[test]
    fn elements_are_read_in_every_spelling_that_scanners_have() {
        for text in [
            "]d1\u{1d}0104006381333931215bHnjVqGdU\u{1d}91EE10",
            "]Q4010400638133393110A\u{1d}21B",
            "]d50104006381333931",
            "]J40104006381333931",
            "(01)04006381333931(17)261231(10)AB",
            "]C1(01)04006381333931(17)261231(10)AB",
            "(01) 04006381333931 (10) A(B)",
            "010400638133393121ABC]C117261231",
            "0104006381333931725019850630",
            "]C00104006381333931",
        ] {
            let barcode = Barcode::read(text);
            assert_eq!(barcode.identity(), "g04006381333931", "{text:?}");
            assert!(barcode.gs1.is_some(), "{text:?}");
        }
        let gs1 = Barcode::read("(01)04006381333931(17)261231(10)A(B)(21)S").gs1.unwrap();
        assert_eq!((gs1.lot.as_deref(), gs1.serial.as_deref()), (Some("A(B)"), Some("S")));
        assert_eq!(Barcode::read("(01)04006381333932(10)A").item, None);
    }

    #[test]
    fn an_amount_that_cannot_be_used_is_known_as_such() {
        for (text, told) in [
            ("]C10104006381333931", Amount::One),
            ("]C101040063813339313012", Amount::Count(12)),
            ("]C101040063813339313748", Amount::One),
            ("]C100006141411234567890\u{1d}02040063813339313748", Amount::Contents(48)),
            ("]C10204006381333931", Amount::Unusable),
            ("]C10204006381333931370", Amount::Unusable),
            ("]C10204006381333931374\u{1d}306", Amount::Unusable),
            ("]C101040063813339313103001950", Amount::Unusable),
            ("]C101040063813339313303001950", Amount::One),
            ("]C1019952123400001610AB", Amount::Unusable),
            ("]C101995212340000163012", Amount::Contents(12)),
            ("]C10104006381333931300", Amount::Unclear),
            ("]C1010400638133393110AB3012", Amount::Unclear),
            ("]C101040063813339313012\u{1d}2156", Amount::Count(12)),
            ("]C1010400638133393130122156", Amount::Unclear),
            ("]C102040063813339313712\u{1d}2156", Amount::Contents(12)),
            ("]C1020400638133393137122156", Amount::Unusable),
            ("https://id.gs1.org/01/09506000134352/10/AB3012", Amount::One),
        ] {
            assert_eq!(amount(text), told, "{text:?}");
        }
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
    fn a_symbol_that_promises_no_elements_is_looked_up_by_its_exact_text_first() {
        assert_eq!(tiers("]C00104006381333931"), "t0104006381333931 g04006381333931");
        assert_eq!(tiers("]Q1010400638133393110A"), "t010400638133393110A g04006381333931");
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
            prop_assert!(text.contains(&barcode.text));
            prop_assert_eq!(Barcode::read(&barcode.name()).identity(), barcode.identity());
        }

        #[test]
        fn two_texts_share_a_key_only_as_spellings_of_one_number(
            a in "[0-9]{1,9}|[ A-Za-z0-9]{1,6}", b in "[0-9]{1,9}|[ A-Za-z0-9]{1,6}",
        ) {
            let shared = keys_of_good(&a).into_iter().any(|key| keys_of_good(&b).contains(&key));
            let is_gtin = matches!(keys_of_good(&a).first(), Some(Key::Gtin(_)));
            // Blanks around a code are no part of it.
            prop_assert!(!shared || a.trim() == b.trim() || is_gtin);
        }
    }
}
