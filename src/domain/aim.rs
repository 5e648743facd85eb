//! AIM symbology identifiers: the three characters `]cm` which a scanner puts before the data when it is set to report
//! the kind of symbol that it read (ISO/IEC 15424).

use std::fmt;

/// A symbology identifier: code character and modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AimId {
    code: char,
    modifier: char,
}

impl AimId {
    /// Splits the identifier off the front of `text`, if data follows it.
    ///
    /// The code character is a letter, the modifier a digit or an upper-case letter. Three characters alone are not an
    /// identifier, because no symbol is empty.
    pub fn split(text: &str) -> (Option<Self>, &str) {
        Self::split_off(text).map_or((None, text), |(id, data)| (Some(id), data))
    }

    fn split_off(text: &str) -> Option<(Self, &str)> {
        let mut chars = text.strip_prefix(']')?.chars();
        let code = chars.next().filter(char::is_ascii_alphabetic)?;
        let modifier = chars.next().filter(|c| c.is_ascii_digit() || c.is_ascii_uppercase())?;
        let data = chars.as_str();
        if data.is_empty() { None } else { Some((Self { code, modifier }, data)) }
    }

    /// Returns the code character: the family of the symbol.
    pub const fn code(self) -> char {
        self.code
    }

    /// Returns true if the symbol declares its data to be GS1 element strings: GS1-128, GS1 `DataBar` and Composite,
    /// GS1 `DataMatrix`, GS1 QR Code, GS1 `DotCode` (GS1 General Specifications, section 5.1, table of symbology
    /// identifiers used in the GS1 system); the last three also with extended channels on, where the modifier is
    /// another (ISO/IEC 15424, FNC1 in first position and the ECI protocol).
    pub const fn is_gs1(self) -> bool {
        match self.code {
            // Code 128 with FNC1 as its first character.
            'C' => matches!(self.modifier, '1'),
            // `DotCode`, without extended channels and with them.
            'J' => matches!(self.modifier, '1' | '4'),
            // GS1 `DataBar` and GS1 Composite.
            'e' => matches!(self.modifier, '0'),
            // `DataMatrix` with FNC1 in first position, without extended channels and with them.
            'd' => matches!(self.modifier, '2' | '5'),
            // QR Code with FNC1 in first position, without extended channels and with them.
            'Q' => matches!(self.modifier, '3' | '4'),
            _ => false,
        }
    }

    /// Returns true for a symbol of the EAN and UPC family, add-ons included.
    pub const fn is_ean_family(self) -> bool {
        matches!(self.code, 'E')
    }

    /// Returns true for `]E1` and `]E2`: the add-on of 2 or 5 digits of an EAN or UPC, sent by itself.
    pub const fn is_add_on(self) -> bool {
        matches!((self.code, self.modifier), ('E', '1' | '2'))
    }

    /// Returns true for `]E0`: UPC-A, UPC-E or EAN-13.
    pub const fn is_ean_upc(self) -> bool {
        matches!((self.code, self.modifier), ('E', '0'))
    }

    /// Returns true for `]E3`: UPC-A or EAN-13 followed by an add-on of 2 or 5 digits.
    pub const fn is_ean_with_add_on(self) -> bool {
        matches!((self.code, self.modifier), ('E', '3'))
    }

    /// Returns true for `]E4`: EAN-8.
    pub const fn is_ean_8(self) -> bool {
        matches!((self.code, self.modifier), ('E', '4'))
    }
}

impl fmt::Display for AimId {
    /// Writes the three characters as the scanner sent them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "]{}{}", self.code, self.modifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (Option<String>, &str) {
        let (id, data) = AimId::split(text);
        (id.map(|id| id.to_string()), data)
    }

    #[test]
    fn an_identifier_is_taken_off_and_told_as_it_came() {
        assert_eq!(split("]E04006381333931"), (Some("]E0".to_owned()), "4006381333931"));
        assert_eq!(split("]d2\u{1d}01"), (Some("]d2".to_owned()), "\u{1d}01"));
        assert_eq!(split("]XAabc"), (Some("]XA".to_owned()), "abc"));
    }

    #[test]
    fn what_is_no_identifier_stays_text() {
        for text in ["", "]", "]E", "]E0", "E04006381333931", "]004006381333931", "]é01", "]E-1", "]]C1x"] {
            assert_eq!(split(text), (None, text));
        }
    }

    #[test]
    fn the_identifiers_of_gs1_symbols_are_known() {
        let is_gs1 = |text| AimId::split(text).0.is_some_and(AimId::is_gs1);
        for text in ["]C1x", "]e0x", "]d2x", "]d5x", "]Q3x", "]Q4x", "]J1x", "]J4x"] {
            assert!(is_gs1(text), "{text}");
        }
        for text in ["]C0x", "]C4x", "]d1x", "]d4x", "]Q1x", "]Q2x", "]J0x", "]E0x", "]A0x", "]e1x"] {
            assert!(!is_gs1(text), "{text}");
        }
    }
}
