//! A request, and readers of its query and body. A reader checks each member, and refuses members that were not read.

use std::collections::BTreeMap;

use axum::extract::Query;
use hyper::Method;
use hyper::Uri;
use hyper::body::Bytes;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::answer::Refusal;
use super::options::Quirks;

/// The most decimals of a number: those of the product of an amount and a price with six decimals each.
const DECIMALS_MAX: u32 = 12;
/// The limit below which every number stays, so that products of numbers always fit.
const NUMBER_MAX: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// The two clocks at the moment at which a request is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// The server's wall clock, which it stores and sends.
    pub(super) wall: Timestamp,
    /// The running clock, for waits.
    pub(super) instant: Instant,
}

/// A request as it was received.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The path below the base path, without a slash at the end.
    pub(super) path: String,
    pub(super) uri: Uri,
    /// The `Accept` header; empty if it is missing, as are the two headers below.
    pub(super) accept: String,
    pub(super) authorization: String,
    pub(super) content_type: String,
    pub(super) body: Bytes,
    pub(super) now: Now,
    /// The most lines of an operation to carry out; set by a fault.
    pub(super) lines_max: Option<usize>,
    /// The numbers in the path, each with the name that the route gives it.
    pub(super) ids: Vec<(&'static str, i64)>,
}

impl Call {
    /// Returns a number from the path.
    pub(super) fn id(&self, name: &str) -> i64 {
        let found = self.ids.iter().find(|(known, _)| *known == name);
        found.expect("a handler asks only for numbers its route names").1
    }

    /// Returns the query, whose parameters are then taken one by one.
    pub(super) fn query(&self) -> Result<Parameters, Refusal> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&self.uri)
            .map_err(|cause| Refusal::field("query", &cause.to_string()))?;
        Ok(Parameters(pairs))
    }

    /// Returns the body, whose members are then taken one by one.
    pub(super) fn fields(&self) -> Result<Fields, Refusal> {
        if !self.content_type.starts_with("application/json") {
            return Err(Refusal::new(400, "Content-Type must be application/json"));
        }
        let text = str::from_utf8(&self.body).map_err(|_cause| Refusal::new(400, "The body is not UTF-8"))?;
        // Raw members keep the digits of numbers, so that no amount passes through a float.
        let members = serde_json::from_str(text)
            .map_err(|_cause| Refusal::new(400, "The body is not a JSON object"))?;
        Ok(Fields { prefix: String::new(), members })
    }
}

/// The requested part of a listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) skip: usize,
    pub(super) count: usize,
}

impl Page {
    /// Returns the rows of this page.
    pub(super) fn of<T>(self, rows: impl Iterator<Item = T>) -> Vec<T> {
        rows.skip(self.skip).take(self.count).collect()
    }
}

/// The parameters of a query that were not taken yet.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Takes a parameter.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Takes every parameter of a name that may be repeated.
    pub(super) fn repeated(&mut self, name: &str) -> Result<Vec<i64>, Refusal> {
        let mut values = Vec::new();
        while let Some(value) = self.number(name)? {
            values.push(value);
        }
        Ok(values)
    }

    /// Takes a whole number.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_cause| Refusal::field(name, "This value should be a whole number."))
    }

    /// Takes `page` and `count`, and refuses 0 and less. Quirks decide how many rows a page may have, and whether there
    /// are pages at all.
    pub(super) fn page(&mut self, count: i64, quirks: &Quirks) -> Result<Page, Refusal> {
        let page = self.positive("page", 1)?;
        let asked = self.positive("count", count)?;
        if let Some(max) = quirks.count_max.filter(|max| asked > max.rows) {
            let complaint = format!("count: This value should be {} or less.", max.rows);
            return Err(Refusal::new(max.status, complaint));
        }
        // The service may return fewer rows than requested; its limit is not documented.
        let count = quirks.page_rows_max.map_or(asked, |max| max.min(asked));
        // A service that ignores `page` returns its first page for ever.
        let page = if quirks.page_ignored { 1 } else { page };
        Ok(Page { skip: page.saturating_sub(1).saturating_mul(count), count })
    }

    fn positive(&mut self, name: &str, default: i64) -> Result<usize, Refusal> {
        let value = self.number(name)?.unwrap_or(default);
        usize::try_from(value)
            .ok()
            .filter(|&value| value > 0)
            .ok_or_else(|| Refusal::field(name, "This value should be positive."))
    }

    /// Refuses parameters that were not taken.
    pub(super) fn end(self) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::field(name, "This parameter is unknown or repeated.")),
        }
    }
}

/// The members of a JSON object that were not taken yet.
#[derive(Debug)]
pub(super) struct Fields {
    /// The place of this object in the body: `goods_transactions[0].`, or an empty text for the body itself.
    prefix: String,
    members: BTreeMap<String, Box<RawValue>>,
}

impl Fields {
    /// Returns true if the member is present.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Takes a whole number.
    pub(super) fn integer(&mut self, name: &str) -> Result<i64, Refusal> {
        self.optional_integer(name)?.ok_or_else(|| self.missing(name))
    }

    /// Takes a whole number that may be missing.
    pub(super) fn optional_integer(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        self.read(name, "This value should be a whole number.", |json| json.parse().ok())
    }

    /// Takes a decimal.
    pub(super) fn decimal(&mut self, name: &str) -> Result<Decimal, Refusal> {
        self.optional_decimal(name)?.ok_or_else(|| self.missing(name))
    }

    /// Takes a decimal that may be missing.
    pub(super) fn optional_decimal(&mut self, name: &str) -> Result<Option<Decimal>, Refusal> {
        self.read(name, "This value should be a number of at most 12 decimals, below 1000000000.", decimal)
    }

    /// Takes a text.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Refusal> {
        self.optional_text(name)?.ok_or_else(|| self.missing(name))
    }

    /// Takes a text that may be missing.
    pub(super) fn optional_text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        self.read(name, "This value should be a text.", |json| serde_json::from_str(json).ok())
    }

    /// Takes an array of texts that may be missing.
    pub(super) fn optional_texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        self.read(name, "This value should be an array of texts.", |json| serde_json::from_str(json).ok())
    }

    /// Takes an array of objects.
    pub(super) fn objects(&mut self, name: &str) -> Result<Vec<Self>, Refusal> {
        self.optional_objects(name)?.ok_or_else(|| self.missing(name))
    }

    /// Takes an array of objects that may be missing.
    pub(super) fn optional_objects(&mut self, name: &str) -> Result<Option<Vec<Self>>, Refusal> {
        // A complaint names the place in the body, so that a client finds the member.
        let prefix = format!("{}{name}", self.prefix);
        let read = |json: &str| serde_json::from_str::<Vec<BTreeMap<_, _>>>(json).ok();
        let objects = self.read(name, "This value should be an array of objects.", read)?;
        let numbered = |(at, members)| Self { prefix: format!("{prefix}[{at}]."), members };
        Ok(objects.map(|objects| objects.into_iter().enumerate().map(numbered).collect()))
    }

    /// Refuses members that were not taken.
    pub(super) fn end(self) -> Result<(), Refusal> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.wrong(name, "This field was not expected.")),
        }
    }

    /// Returns a refusal that names the member with its place in the body.
    pub(super) fn wrong(&self, name: &str, complaint: &str) -> Refusal {
        Refusal::field(format!("{}{name}", self.prefix), complaint)
    }

    fn missing(&self, name: &str) -> Refusal {
        self.wrong(name, "This field is missing.")
    }

    fn read<T>(
        &mut self,
        name: &str,
        complaint: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(json) = self.members.remove(name) else {
            return Ok(None);
        };
        parse(json.get()).map(Some).ok_or_else(|| self.wrong(name, complaint))
    }
}

/// Parses a number from its digits. Exponents and texts are refused: a client that works with decimals sends neither.
fn decimal(json: &str) -> Option<Decimal> {
    let number = Decimal::from_str_exact(json).ok()?;
    (number.normalize().scale() <= DECIMALS_MAX && number.abs() < NUMBER_MAX).then_some(number)
}
