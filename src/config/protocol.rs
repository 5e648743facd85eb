//! How a serial scanner is told what became of its scans.

/// Whose commands a serial scanner understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Nobody's: it is sent nothing but the bytes that the configuration has.
    #[default]
    None,
    /// Honeywell's host acknowledgement.
    Honeywell,
    /// Datalogic's host commands of one byte, for scanners with a cable.
    Datalogic,
    /// Datalogic's escape sequences, for cordless scanners.
    DatalogicCordless,
    /// The Simple Serial Interface of Zebra, Symbol and Motorola, with codes in packets.
    ZebraSsi,
}

impl Protocol {
    /// The word for each in the configuration.
    pub const WORDS: [(&str, Self); 5] = [
        ("none", Self::None),
        ("honeywell", Self::Honeywell),
        ("datalogic", Self::Datalogic),
        ("datalogic-cordless", Self::DatalogicCordless),
        ("zebra-ssi", Self::ZebraSsi),
    ];
}
