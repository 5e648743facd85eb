//! Identities: one newtype for each, so that a storage can never be passed where a good is meant.

use std::fmt;

/// Declares an identity that the API hands out as a positive 64-bit number.
macro_rules! server_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

server_id!(
    /// The business address to which a station belongs (`location_id`, also `company_id` and `salon_id`).
    LocationId
);
server_id!(
    /// The place in which stock is counted (`storage_id`).
    StorageId
);
server_id!(
    /// A row of the server's goods table (`good_id`).
    GoodId
);
server_id!(
    /// A staff member, which some accounts demand on a stock document (`master_id`).
    MasterId
);
server_id!(
    /// A document on the server, made from one of our operations.
    DocumentId
);
server_id!(
    /// A goods transaction on the server, made from one of our lines.
    TransactionId
);
server_id!(
    /// A category of the server's goods table (`category_id`).
    CategoryId
);
server_id!(
    /// A unit of measure (`unit_id`).
    UnitId
);
server_id!(
    /// A bill of materials, which the server calls a technological card (`technological_card_id`).
    CardId
);
server_id!(
    /// A service that the business offers (`service_id`).
    ServiceId
);
server_id!(
    /// An appointment (`record_id`).
    RecordId
);
server_id!(
    /// One of our operations: its row in the outbox. People type this number (`outbox show 12`).
    OperationId
);
server_id!(
    /// One journalled frame: its row in the journal, in the order of acceptance.
    ScanId
);

/// The configured name of a physical reader, 1..=24 of `a-z 0-9 -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScannerName(String);

impl ScannerName {
    /// Makes a name of a text that the configuration has checked.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the name as configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScannerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
