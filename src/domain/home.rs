//! The home of a data folder: a machine, a service and a location.
//!
//! A memory card can be copied, moved and put back; a configuration can be pointed elsewhere. Then the documents in the
//! folder are another station's, or another location's, and sending them would book them twice or in the wrong place.
//! So the folder remembers its [`Home`], and documents that are found elsewhere are sent only after a person has
//! decided.

use std::fmt;

use super::ids::LocationId;

/// The number of characters of a hash, as hexadecimal text, that are kept of each property of a machine.
pub const HASH_CHARS: usize = 16;

/// A property that distinguishes machines and does not travel with a memory card, the most reliable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The serial number in the device tree (`serial-number`, Devicetree Specification v0.4, section 2.3).
    DeviceTree,
    /// The DMI product id (`/sys/class/dmi/id/product_uuid`), which only root may read.
    Dmi,
    /// The address of a physical network interface.
    Mac,
}

impl Source {
    /// Every source, the most reliable first.
    pub const ALL: [Self; 3] = [Self::DeviceTree, Self::Dmi, Self::Mac];

    /// Returns the word of the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeviceTree => "device-tree",
            Self::Dmi => "dmi",
            Self::Mac => "mac",
        }
    }
}

/// The hashes of a machine's properties, in the order of [`Source::ALL`]. It may have several network interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine(Vec<(Source, String)>);

impl Machine {
    /// Returns a machine with these properties. A machine without any cannot be distinguished from another.
    pub fn new(mut properties: Vec<(Source, String)>) -> Self {
        // A stable sort: of several interfaces the first is the one to remember.
        properties.sort_by_key(|(source, _)| *source);
        Self(properties)
    }

    /// Reads the text that [`Machine`]'s `Display` wrote; unknown words are skipped.
    pub fn stored(text: &str) -> Self {
        let property = |word: &str| {
            let (source, hash) = word.split_once(':')?;
            let source = Source::ALL.into_iter().find(|known| known.as_str() == source)?;
            Some((source, hash.to_owned()))
        };
        Self::new(text.split_whitespace().filter_map(property).collect())
    }

    /// Returns the machine's id for people: its most reliable property, or `unknown`.
    pub fn id(&self) -> &str {
        self.0.first().map_or("unknown", |(_, hash)| hash.as_str())
    }

    /// Returns false if `other` is provably another machine. The most reliable source that both have decides, because
    /// the service's user cannot read all that root can. A machine that shows nothing, or never did, is not provably
    /// another.
    pub fn is_same(&self, other: &Self) -> bool {
        match self.common(other) {
            // One interface in common is enough, because others may have been added or removed.
            Some(source) => self.of(source).any(|hash| other.of(source).any(|known| known == hash)),
            None => self.0.is_empty() || other.0.is_empty(),
        }
    }

    /// Returns false if this machine is known and `other` shows nothing to compare, because a network interface may
    /// come late after a start.
    pub fn can_compare(&self, other: &Self) -> bool {
        self.0.is_empty() || self.common(other).is_some()
    }

    fn common(&self, other: &Self) -> Option<Source> {
        Source::ALL.into_iter().find(|source| self.has(*source) && other.has(*source))
    }

    /// Returns the properties of this machine that a folder remembers: of several network interfaces only the first,
    /// because another one may be moved to another machine.
    #[must_use]
    pub fn to_remember(&self) -> Self {
        let first_mac = self.of(Source::Mac).next();
        let keeps =
            |(source, hash): &&(Source, String)| *source != Source::Mac || Some(hash.as_str()) == first_mac;
        Self(self.0.iter().filter(keeps).cloned().collect())
    }

    /// Returns the properties of this machine from two readings. Where both have a source, that of `self` counts.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut all = self.0.clone();
        all.extend(other.0.iter().filter(|(source, _)| !self.has(*source)).cloned());
        Self::new(all)
    }

    fn of(&self, wanted: Source) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(source, _)| *source == wanted).map(|(_, hash)| hash.as_str())
    }

    fn has(&self, source: Source) -> bool {
        self.of(source).next().is_some()
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (source, hash)) in self.0.iter().enumerate() {
            write!(f, "{}{}:{hash}", if at == 0 { "" } else { " " }, source.as_str())?;
        }
        Ok(())
    }
}

/// The books to which a document belongs: its good ids and storages mean something there and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// The service's base address.
    pub service: String,
    /// The location.
    pub location: LocationId,
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "location {} at {}", self.location, self.service)
    }
}

/// The place to which a data folder belongs, or in which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The machine.
    pub machine: Machine,
    /// The books.
    pub books: Books,
    /// The station's name.
    pub station: String,
}

/// A difference between the place in which a folder is and the one to which it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is another machine.
    Machine,
    /// The configuration names another service.
    Service {
        /// The service to which the folder belongs.
        was: String,
    },
    /// The configuration names another location.
    Location {
        /// The location to which the folder belongs.
        was: LocationId,
    },
}

impl Home {
    /// Returns the differences between `here` and this home; none if it is this home.
    pub fn differences(&self, here: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        if !self.machine.is_same(&here.machine) {
            differences.push(Difference::Machine);
        }
        if self.books.service != here.books.service {
            differences.push(Difference::Service { was: self.books.service.clone() });
        }
        if self.books.location != here.books.location {
            differences.push(Difference::Location { was: self.books.location });
        }
        differences
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("another machine"),
            Self::Service { was } => write!(f, "the service {was}"),
            Self::Location { was } => write!(f, "location {was}"),
        }
    }
}

/// Returns a phrase that names what the folder belongs to.
pub fn belongs_to(differences: &[Difference]) -> String {
    let owners: Vec<String> = differences.iter().map(ToString::to_string).collect();
    format!("the data folder belongs to {}", owners.join(" and "))
}

/// The state of the data in a folder, which decides whether it may be acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataState {
    /// It belongs here.
    Ok,
    /// It belongs elsewhere: scans are recorded, nothing is sent.
    Foreign,
    /// It was restored: the service has documents that the folder did not know.
    Restored,
}

impl DataState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Foreign, Self::Restored];

    /// Returns the word of the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Foreign => "foreign",
            Self::Restored => "restored",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(text: &str) -> Machine {
        Machine::stored(text)
    }

    #[test]
    fn the_most_reliable_source_that_both_looks_have_decides() {
        let cases = [
            ("device-tree:a", "device-tree:a", true),
            ("device-tree:a", "device-tree:b", false),
            // The same interface in another box.
            ("device-tree:a mac:m", "device-tree:b mac:m", false),
            // Root reads more than the service's user.
            ("dmi:d mac:m", "mac:m", true),
            ("mac:m", "dmi:d mac:m", true),
            ("mac:m", "dmi:d mac:n", false),
            ("dmi:d mac:m", "dmi:d mac:n", true),
            // An interface was added.
            ("mac:m", "mac:k mac:m", true),
            // Nothing is known, and was not.
            ("", "", true),
            ("", "mac:m", true),
            // An interface that comes late.
            ("mac:m", "", true),
            ("mac:m", "dmi:d", false),
        ];
        for (known, here, same) in cases {
            assert_eq!(machine(known).is_same(&machine(here)), same, "{known} / {here}");
        }
        for (known, here, can) in
            [("", "", true), ("mac:m", "", false), ("mac:m", "dmi:d", false), ("mac:m", "mac:n", true)]
        {
            assert_eq!(machine(known).can_compare(&machine(here)), can, "{known} / {here}");
        }
    }

    #[test]
    fn a_machine_is_stored_and_read_back() {
        let known = machine("mac:3 device-tree:1 nonsense other:9");
        assert_eq!(known.to_string(), "device-tree:1 mac:3");
        assert_eq!((known.id(), Machine::default().id()), ("1", "unknown"));
        assert_eq!(known.with(&machine("dmi:2 mac:4")).to_string(), "device-tree:1 dmi:2 mac:3");
        assert_eq!(machine("mac:5 mac:3 dmi:1").to_remember().to_string(), "dmi:1 mac:5");
    }

    #[test]
    fn every_difference_is_named() {
        let home = |machine: &str, service: &str, location: i64| Home {
            machine: Machine::stored(machine),
            books: Books { service: service.to_owned(), location: LocationId(location) },
            station: "dock-1".to_owned(),
        };
        let known = home("mac:1", "https://a/", 1);
        assert_eq!(known.differences(&home("mac:1", "https://a/", 1)), []);
        let all = known.differences(&home("mac:2", "https://b/", 2));
        assert_eq!(
            belongs_to(&all),
            "the data folder belongs to another machine and the service https://a/ and location 1"
        );
    }
}
