//! The places of a code in the reports of a scanner, from its report descriptor ("Device Class Definition for HID"
//! 1.11, section 6.2.2).
//!
//! The input reports of a bar code scanner's collection are read. Their fields, by usage:
//!
//! - Decoded Data: bytes of the code;
//! - Byte Count (of the generic desktop page): how many of them there are, in reports that have it;
//! - Symbology Identifier 1, 2 and 3: the three characters of the AIM identifier;
//! - Decode Data Continued: the code goes on in the next report.
//!
//! A device chooses the content of its descriptor: whatever the bytes are, they are read within their limits, or
//! reported as unfit.

use std::collections::BTreeMap;

/// The longest descriptor that the kernel accepts (`HID_MAX_DESCRIPTOR_SIZE`, `linux/hid.h`).
pub const DESCRIPTOR_BYTES_MAX: usize = 4096;
/// The longest report that is read; a full-speed device sends 64 bytes at once.
const REPORT_BITS_MAX: usize = 4096 * 8;
/// The deepest stack of global items (`HID_GLOBAL_STACK_SIZE`, `linux/hid.h`).
const SAVED_MAX: usize = 4;
/// The widest number in a report: a count, a flag.
const NUMBER_BITS_MAX: usize = 32;

/// Usage pages: generic desktop, and bar code scanner.
const DESKTOP: u16 = 0x01;
const SCANNER: u16 = 0x8c;
/// Usages of the first.
const BYTE_COUNT: u16 = 0x3b;
/// Usages of the second.
const IDENTIFIERS: [u16; 3] = [0xfb, 0xfc, 0xfd];
const DECODED_DATA: u16 = 0xfe;
const CONTINUED: u16 = 0xff;

/// Kinds of items, their length taken out (section 6.2.2.4 to 6.2.2.8).
mod kind {
    pub(super) const INPUT: u8 = 0x80;
    pub(super) const OUTPUT: u8 = 0x90;
    pub(super) const COLLECTION: u8 = 0xa0;
    pub(super) const FEATURE: u8 = 0xb0;
    pub(super) const END_COLLECTION: u8 = 0xc0;
    pub(super) const USAGE_PAGE: u8 = 0x04;
    pub(super) const REPORT_SIZE: u8 = 0x74;
    pub(super) const REPORT_ID: u8 = 0x84;
    pub(super) const REPORT_COUNT: u8 = 0x94;
    pub(super) const PUSH: u8 = 0xa4;
    pub(super) const POP: u8 = 0xb4;
    pub(super) const USAGE: u8 = 0x08;
    pub(super) const USAGE_MINIMUM: u8 = 0x18;
    pub(super) const USAGE_MAXIMUM: u8 = 0x28;
    /// The prefix of a long item; none is defined, and each contains its length.
    pub(super) const LONG: u8 = 0xfe;
}
/// Flags of an input: padding; one value for each usage.
const CONSTANT: u32 = 1;
const VARIABLE: u32 = 2;

/// The reason why a descriptor is not that of a scanner which can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It ends within an item, or has one that cannot be.
    #[error("the report descriptor cannot be read")]
    Unreadable,
    /// No collection of it is a bar code scanner's.
    #[error("the report descriptor has nothing of usage page 0x8C")]
    NoScanner,
    /// A scanner, without a report that carries decoded data in whole bytes.
    #[error("the report descriptor has usage page 0x8C, but no report with decoded data")]
    NoData,
}

/// The places of the codes in a scanner's reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// True if each report begins with its number.
    is_numbered: bool,
    /// The reports that carry a code.
    reports: BTreeMap<u8, Fields>,
}

/// The meaning of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading<'a> {
    /// A report without a code: of the trigger, of a setting.
    Other,
    /// It should carry a code, but has not the size it should have, or more bytes by its count than it holds.
    Malformed,
    /// A piece of a code, or all of it.
    Piece(Piece<'a>),
}

/// The part of a code in one report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// The three characters of the AIM identifier, if the report has them.
    pub identifier: Option<[u8; 3]>,
    /// True if more of the code comes with the next report.
    pub is_continued: bool,
}

/// The fields of a report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Fields {
    /// Its length in bits, its number included.
    bits: usize,
    data: Option<Span>,
    count: Option<Span>,
    identifier: [Option<Span>; 3],
    continued: Option<Span>,
}

/// Some bits of a report, counted from its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    bits: usize,
}

impl Layout {
    /// Reads a report descriptor.
    ///
    /// # Errors
    /// [`Unfit`], if it is not that of a scanner which can be read.
    pub fn of(descriptor: &[u8]) -> Result<Self, Unfit> {
        let mut walk = Walk::default();
        let mut rest = descriptor.get(..DESCRIPTOR_BYTES_MAX).unwrap_or(descriptor);
        while !rest.is_empty() {
            let (item, after) = next_item(rest).ok_or(Unfit::Unreadable)?;
            walk.take(item).ok_or(Unfit::Unreadable)?;
            rest = after;
        }
        if !walk.has_scanner {
            return Err(Unfit::NoScanner);
        }
        // If one report has a number, every report begins with one (section 6.2.2.7).
        let is_numbered = walk.reports.keys().any(|id| *id != 0);
        let mut reports = walk.reports;
        reports.retain(|id, fields| fields.data.is_some() && (*id != 0) == is_numbered);
        if reports.is_empty() { Err(Unfit::NoData) } else { Ok(Self { is_numbered, reports }) }
    }

    /// Returns the length, in bytes, of its longest report that carries a code, the number included.
    pub fn report_bytes_max(&self) -> usize {
        self.reports.values().map(Fields::bytes).max().unwrap_or_default()
    }

    /// Reads `report` as the kernel hands it over: its number first, if the reports have numbers.
    pub fn read<'a>(&self, report: &'a [u8]) -> Reading<'a> {
        let id = if self.is_numbered { report.first().copied() } else { Some(0) };
        let Some(fields) = id.and_then(|id| self.reports.get(&id)) else { return Reading::Other };
        fields.read(report).map_or(Reading::Malformed, Reading::Piece)
    }
}

impl Fields {
    fn bytes(&self) -> usize {
        self.bits.div_ceil(8)
    }

    fn read<'a>(&self, report: &'a [u8]) -> Option<Piece<'a>> {
        if report.len() != self.bytes() {
            return None;
        }
        let held = self.data?.bytes_of(report)?;
        let data = match self.count {
            Some(count) => held.get(..usize::try_from(count.number_in(report)).ok()?)?,
            None => without_padding(held),
        };
        let is_continued = self.continued.is_some_and(|continued| continued.number_in(report) != 0);
        Some(Piece { data, identifier: self.identifier(report), is_continued })
    }

    fn identifier(&self, report: &[u8]) -> Option<[u8; 3]> {
        let [Some(one), Some(two), Some(three)] = self.identifier else { return None };
        let told = [one, two, three].map(|span| u8::try_from(span.number_in(report)).unwrap_or_default());
        if told == [0; 3] { None } else { Some(told) }
    }
}

impl Span {
    /// Returns the number in these bits, lowest first (section 5.8).
    fn number_in(self, report: &[u8]) -> u32 {
        let bits = (0_u32..).zip(self.start..self.start.saturating_add(self.bits));
        let is_set = |bit: usize| {
            report.get(bit.div_euclid(8)).is_some_and(|byte| byte & (1 << bit.rem_euclid(8)) != 0)
        };
        let set = bits.filter(|(_, bit)| is_set(*bit));
        set.fold(0, |number, (power, _)| number | 1_u32.checked_shl(power).unwrap_or_default())
    }

    fn bytes_of(self, report: &[u8]) -> Option<&[u8]> {
        let (start, count) = (self.start.div_euclid(8), self.bits.div_euclid(8));
        report.get(start..)?.get(..count)
    }
}

/// Returns the bytes up to the NULs at their end, which fill a report up.
fn without_padding(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    bytes.get(..end).unwrap_or_default()
}

/// An item of a descriptor.
#[derive(Debug, Clone, Copy)]
struct Item {
    kind: u8,
    value: u32,
    /// True if the value has all four bytes: such a usage names its page.
    is_long: bool,
}

/// Returns the first item of `bytes` and what follows it, or `None` if the item is cut off.
fn next_item(bytes: &[u8]) -> Option<(Item, &[u8])> {
    let (&prefix, rest) = bytes.split_first()?;
    if prefix == kind::LONG {
        let (&length, rest) = rest.split_first()?;
        let after = rest.get(usize::from(length).saturating_add(1)..)?;
        return Some((Item { kind: kind::LONG, value: 0, is_long: true }, after));
    }
    let length = match prefix & 3 {
        // A size code of 3 means four bytes (section 6.2.2.2).
        3 => 4,
        shorter => usize::from(shorter),
    };
    let (bytes, after) = rest.split_at_checked(length)?;
    let value = bytes.iter().rev().fold(0, |value: u32, byte| (value << 8) | u32::from(*byte));
    Some((Item { kind: prefix & !3, value, is_long: length == 4 }, after))
}

/// Usages from one to another, as an item gave them.
#[derive(Debug, Clone, Copy)]
struct Usages {
    first: Item,
    last: Item,
}

/// The values that stay in force from item to item.
#[derive(Debug, Clone, Copy, Default)]
struct Globals {
    page: u16,
    size: usize,
    count: usize,
    id: u8,
}

/// The state between two items.
#[derive(Debug, Default)]
struct Walk {
    globals: Globals,
    saved: Vec<Globals>,
    usages: Vec<Usages>,
    minimum: Option<Item>,
    /// The collections that are open, outermost first: true for each that is part of a scanner's.
    collections: Vec<bool>,
    has_scanner: bool,
    reports: BTreeMap<u8, Fields>,
}

impl Walk {
    /// Processes an item, or returns `None` if it is impossible.
    fn take(&mut self, item: Item) -> Option<()> {
        let globals = &mut self.globals;
        match item.kind {
            kind::USAGE_PAGE => globals.page = u16::try_from(item.value).ok()?,
            kind::REPORT_SIZE => globals.size = usize::try_from(item.value).ok()?,
            kind::REPORT_COUNT => globals.count = usize::try_from(item.value).ok()?,
            // Zero is reserved (section 6.2.2.7).
            kind::REPORT_ID => globals.id = u8::try_from(item.value).ok().filter(|id| *id != 0)?,
            kind::PUSH if self.saved.len() < SAVED_MAX => self.saved.push(*globals),
            kind::PUSH => return None,
            kind::POP => *globals = self.saved.pop()?,
            kind::USAGE => self.usages.push(Usages { first: item, last: item }),
            kind::USAGE_MINIMUM => self.minimum = Some(item),
            kind::USAGE_MAXIMUM => self.usages.push(Usages { first: self.minimum.take()?, last: item }),
            kind::COLLECTION => self.open_collection(),
            kind::END_COLLECTION => {
                self.collections.pop()?;
                self.forget_locals();
            }
            kind::INPUT => {
                self.input(item.value)?;
                self.forget_locals();
            }
            // They move no field of an input report, but every main item ends the local items (section 6.2.2.8).
            kind::OUTPUT | kind::FEATURE => self.forget_locals(),
            // Bounds, units, strings and what is to come: nothing that moves a field.
            _ => (),
        }
        Some(())
    }

    /// Opens a collection. An outermost one is a scanner's by its usage, any other by the one that it is in.
    fn open_collection(&mut self) {
        let is_named = || self.usages.first().is_some_and(|usages| self.page_of(usages.first) == SCANNER);
        let is_scanner = self.collections.last().copied().unwrap_or_else(is_named);
        self.has_scanner |= is_scanner;
        self.collections.push(is_scanner);
        self.forget_locals();
    }

    fn forget_locals(&mut self) {
        self.usages.clear();
        self.minimum = None;
    }

    /// Adds the fields of an input to its report, or returns `None` if the report grows too long or has codes in two
    /// places.
    fn input(&mut self, flags: u32) -> Option<()> {
        let Globals { size, count, id, .. } = self.globals;
        // The number of a report is its first byte.
        let number_bits = if id == 0 { 0 } else { 8 };
        let length = self.reports.get(&id).map_or(number_bits, |fields| fields.bits);
        // The device chooses both numbers, so their product may not fit.
        let end = size.checked_mul(count)?.checked_add(length).filter(|end| *end <= REPORT_BITS_MAX)?;
        let is_one_value_each = flags & VARIABLE != 0 || self.usages.len() == 1;
        let mut fields = self.reports.get(&id).cloned().unwrap_or_default();
        if self.collections.last() == Some(&true) && flags & CONSTANT == 0 && is_one_value_each {
            self.place(&mut fields, length)?;
        }
        fields.bits = end;
        self.reports.insert(id, fields);
        Some(())
    }

    /// Records the useful ones among the fields that begin at bit `start`.
    fn place(&self, fields: &mut Fields, start: usize) -> Option<()> {
        let size = self.globals.size;
        let at = |field: usize| Some(start.saturating_add(field.checked_mul(size)?));
        if let Some((first, count)) = self.fields_of(SCANNER, DECODED_DATA) {
            let found = Span { start: at(first)?, bits: count.checked_mul(size)? };
            let is_whole_bytes = found.start.is_multiple_of(8) && size.is_multiple_of(8) && size > 0;
            fields.data = match fields.data {
                _ if !is_whole_bytes => return None,
                None => Some(found),
                // Fields that follow each other without a gap are one run of data.
                Some(Span { start, bits }) if start.saturating_add(bits) == found.start => {
                    Some(Span { start, bits: bits.saturating_add(found.bits) })
                }
                Some(_elsewhere) => return None,
            };
        }
        let number = |usage| match usage {
            Some((first, _)) if (1..=NUMBER_BITS_MAX).contains(&size) => {
                Some(Span { start: at(first)?, bits: size })
            }
            _ => None,
        };
        fields.count = fields.count.or(number(self.fields_of(DESKTOP, BYTE_COUNT)));
        fields.continued = fields.continued.or(number(self.fields_of(SCANNER, CONTINUED)));
        for (index, usage) in IDENTIFIERS.into_iter().enumerate() {
            let Some((first, count)) = self.fields_of(SCANNER, usage) else { continue };
            // One usage may stand for all three.
            for (field, slot) in (first..).zip(fields.identifier.iter_mut().skip(index).take(count)) {
                *slot = slot.or(number(Some((field, 1))));
            }
        }
        Some(())
    }

    /// Returns the fields of an input that have the usage: the first, and their number. The last usage is that of all
    /// fields that are left (section 6.2.2.8).
    fn fields_of(&self, page: u16, usage: u16) -> Option<(usize, usize)> {
        let mut field = 0_usize;
        for (index, usages) in self.usages.iter().enumerate() {
            let (first, last) = (id_of(usages.first), id_of(usages.last));
            let here = self.page_of(usages.first) == page && (first..=last).contains(&usage);
            let is_last = index.saturating_add(1) == self.usages.len() && usage == last;
            if here {
                let field = field.saturating_add(usize::from(usage.saturating_sub(first)));
                let left = self.globals.count.checked_sub(field).filter(|left| *left > 0)?;
                return Some((field, if is_last { left } else { 1 }));
            }
            field = field.saturating_add(usize::from(last.saturating_sub(first))).saturating_add(1);
        }
        None
    }

    /// Returns the page of a usage: its own, or the one in force at the main item.
    fn page_of(&self, usage: Item) -> u16 {
        if usage.is_long { high_half(usage.value) } else { self.globals.page }
    }
}

const fn id_of(usage: Item) -> u16 {
    let [low, high, ..] = usage.value.to_le_bytes();
    u16::from_le_bytes([low, high])
}

const fn high_half(value: u32) -> u16 {
    let [_, _, low, high] = value.to_le_bytes();
    u16::from_le_bytes([low, high])
}
