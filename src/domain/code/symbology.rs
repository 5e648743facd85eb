//! Kinds of barcode by their names, known from the AIM identifier that a scanner sends with a code.
//!
//! It does not look at the code itself: a code without an identifier is of no known kind.

use crate::domain::aim::AimId;

/// A kind of barcode that a formatting rule can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbology {
    /// EAN-13, and UPC-A and UPC-E with it: their identifier is one and the same.
    Ean13,
    /// EAN-8.
    Ean8,
    /// Code 128 without GS1 elements.
    Code128,
    /// Code 128 with GS1 elements.
    Gs1Code128,
    /// Code 39.
    Code39,
    /// Code 93.
    Code93,
    /// Codabar.
    Codabar,
    /// Interleaved 2 of 5, ITF-14 among it.
    Itf,
    /// GS1 `DataBar` and GS1 Composite.
    Gs1DataBar,
    /// PDF417.
    Pdf417,
    /// QR Code without GS1 elements.
    Qr,
    /// QR Code with GS1 elements.
    Gs1Qr,
    /// `DataMatrix` without GS1 elements.
    DataMatrix,
    /// `DataMatrix` with GS1 elements.
    Gs1DataMatrix,
    /// Aztec Code.
    Aztec,
}

/// Each kind with the word for it in the configuration.
pub const SYMBOLOGIES: [(&str, Symbology); 15] = [
    ("EAN-13", Symbology::Ean13),
    ("EAN-8", Symbology::Ean8),
    ("Code 128", Symbology::Code128),
    ("GS1-128", Symbology::Gs1Code128),
    ("Code 39", Symbology::Code39),
    ("Code 93", Symbology::Code93),
    ("Codabar", Symbology::Codabar),
    ("ITF", Symbology::Itf),
    ("GS1 DataBar", Symbology::Gs1DataBar),
    ("PDF417", Symbology::Pdf417),
    ("QR", Symbology::Qr),
    ("GS1 QR", Symbology::Gs1Qr),
    ("DataMatrix", Symbology::DataMatrix),
    ("GS1 DataMatrix", Symbology::Gs1DataMatrix),
    ("Aztec", Symbology::Aztec),
];

impl Symbology {
    /// Returns true if a code with this identifier is of this kind (ISO/IEC 15424, tables of code characters and
    /// modifiers: `E` with 0 or, with an add-on, 3; `E` with 4 is EAN-8).
    pub fn has(self, id: AimId) -> bool {
        let code = id.code();
        match self {
            Self::Ean13 => id.is_ean_upc() || id.is_ean_with_add_on(),
            Self::Ean8 => id.is_ean_8(),
            Self::Code128 => code == 'C' && !id.is_gs1(),
            Self::Gs1Code128 => code == 'C' && id.is_gs1(),
            Self::Code39 => code == 'A',
            Self::Code93 => code == 'G',
            Self::Codabar => code == 'F',
            Self::Itf => code == 'I',
            Self::Gs1DataBar => code == 'e',
            Self::Pdf417 => code == 'L',
            Self::Qr => code == 'Q' && !id.is_gs1(),
            Self::Gs1Qr => code == 'Q' && id.is_gs1(),
            Self::DataMatrix => code == 'd' && !id.is_gs1(),
            Self::Gs1DataMatrix => code == 'd' && id.is_gs1(),
            Self::Aztec => code == 'z',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_of_one_kind_at_the_most() {
        let names = |id: &str| {
            let id = AimId::split(&format!("{id}x")).0.unwrap();
            let of = SYMBOLOGIES.iter().filter(|(_, kind)| kind.has(id)).map(|(name, _)| *name);
            of.collect::<Vec<_>>().join("+")
        };
        let known = [
            ("]E0", "EAN-13"),
            ("]E3", "EAN-13"),
            ("]E4", "EAN-8"),
            ("]C0", "Code 128"),
            ("]C2", "Code 128"),
            ("]C1", "GS1-128"),
            ("]A0", "Code 39"),
            ("]G0", "Code 93"),
            ("]F0", "Codabar"),
            ("]I1", "ITF"),
            ("]e0", "GS1 DataBar"),
            ("]L2", "PDF417"),
            ("]Q1", "QR"),
            ("]Q3", "GS1 QR"),
            ("]d1", "DataMatrix"),
            ("]d2", "GS1 DataMatrix"),
            ("]z0", "Aztec"),
            ("]E1", ""),
            ("]X0", ""),
        ];
        for (id, kind) in known {
            assert_eq!(names(id), kind, "{id}");
        }
    }
}
