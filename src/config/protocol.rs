//! The protocol in which a serial scanner receives the result of each scan.

/// The maker's protocol whose commands a serial scanner understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// No protocol: only the bytes of the configuration are sent.
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
    /// The word for each protocol in the configuration.
    pub const WORDS: [(&str, Self); 5] = [
        ("none", Self::None),
        ("honeywell", Self::Honeywell),
        ("datalogic", Self::Datalogic),
        ("datalogic-cordless", Self::DatalogicCordless),
        ("zebra-ssi", Self::ZebraSsi),
    ];
}
