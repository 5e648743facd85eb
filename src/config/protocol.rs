//! The protocol in which a serial scanner gets the result of each scan.

/// The maker's protocol whose commands a serial scanner understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// No protocol; only the configured bytes are sent.
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
    /// The configuration's word for each protocol.
    pub const WORDS: [(&str, Self); 5] = [
        ("none", Self::None),
        ("honeywell", Self::Honeywell),
        ("datalogic", Self::Datalogic),
        ("datalogic-cordless", Self::DatalogicCordless),
        ("zebra-ssi", Self::ZebraSsi),
    ];
}
