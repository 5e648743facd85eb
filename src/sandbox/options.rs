//! The content, the permissions and the peculiarities of a simulated location.

use rust_decimal::Decimal;

use super::sample;
use crate::domain::ids::GoodId;
use crate::domain::ids::LocationId;
use crate::domain::ids::MasterId;
use crate::domain::ids::StorageId;

/// A unit of measure from the service's shared list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// Identity (`unit_id`).
    pub id: i64,
    /// The whole word.
    pub title: &'static str,
    /// The abbreviation.
    pub short: &'static str,
}

/// The piece: the unit of nearly every good.
pub const PIECE: Unit = Unit { id: 216_760, title: "Piece", short: "pc" };
/// The millilitre, in which fluids are used up.
pub const MILLILITRE: Unit = Unit { id: 216_762, title: "Millilitre", short: "ml" };
/// The gram, in which powders are used up.
pub const GRAM: Unit = Unit { id: 216_764, title: "Gram", short: "g" };
/// All units that the simulated service has.
pub(super) const UNITS: [Unit; 3] = [PIECE, MILLILITRE, GRAM];

/// A place where stock is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Identity (`storage_id`).
    pub id: StorageId,
    /// The name people gave it.
    pub title: String,
    /// True if its stock is for sale; false if it is for the staff's own use.
    pub for_sale: bool,
}

/// A person who works in the location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master {
    /// Identity (`master_id`).
    pub id: MasterId,
    /// The name.
    pub name: String,
    /// True if this person has left.
    pub fired: bool,
}

/// A category of the goods table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Identity (`category_id`).
    pub id: i64,
    /// Its name.
    pub title: String,
    /// The category above it; `None` at the root.
    pub parent: Option<i64>,
}

/// A row of the goods table, without the values that the server adds (balances, time of the last change).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodRow {
    /// Identity (`good_id`).
    pub id: GoodId,
    /// The name people gave it.
    pub title: String,
    /// The stock-keeping code of the house; empty if it has none.
    pub article: String,
    /// The one barcode, any text; empty if it has none. Not unique.
    pub barcode: String,
    /// Selling price of a sale unit.
    pub cost: Decimal,
    /// Cost price of a sale unit.
    pub actual_cost: Decimal,
    /// The category it is in.
    pub category: i64,
    /// The sale unit.
    pub unit: Unit,
    /// The unit of write-offs for services.
    pub service_unit: Unit,
    /// Write-off units in one sale unit; above zero.
    pub unit_equals: Decimal,
    /// The amount below which the service's own pages hide it from sales.
    pub critical_amount: Decimal,
    /// The amount that people want to have in stock.
    pub desired_amount: Decimal,
    /// A free remark.
    pub comment: String,
}

impl GoodRow {
    /// Returns a good counted in pieces, without article, price or remark.
    pub fn new(id: GoodId, title: &str, barcode: &str) -> Self {
        Self {
            id,
            title: title.to_owned(),
            article: String::new(),
            barcode: barcode.to_owned(),
            cost: Decimal::ZERO,
            actual_cost: Decimal::ZERO,
            category: sample::PRODUCTS,
            unit: PIECE,
            service_unit: PIECE,
            unit_equals: Decimal::ONE,
            critical_amount: Decimal::ZERO,
            desired_amount: Decimal::ZERO,
            comment: String::new(),
        }
    }
}

/// The rights of the user token in the location; enforced, and shown by `GET /user/permissions/{location}`.
#[expect(clippy::struct_excessive_bools, reason = "the rights are independent, as in the API's answer")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// The storages the token may see and use.
    pub storages: Vec<StorageId>,
    /// The document types the token may create.
    pub types: Vec<i64>,
    /// The right to create stock documents and lines.
    pub create: bool,
    /// The right to change them.
    pub edit: bool,
    /// The right to delete them.
    pub delete: bool,
    /// The right to create, change and delete goods and categories.
    pub goods: bool,
    /// The number of days back that a document may be dated; `None` for any date.
    pub days_back: Option<u16>,
}

/// A right that a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// To create stock documents and lines.
    Create,
    /// To change them.
    Edit,
    /// To delete them.
    Delete,
    /// To create, change and delete goods and categories.
    Goods,
    /// To use this storage.
    Storage(StorageId),
    /// To create documents of this type.
    Type(i64),
}

/// The number of requests that are answered before a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests in any 60 seconds.
    pub per_minute: usize,
    /// Requests in any second.
    pub per_second: usize,
}

impl Limit {
    /// The limit of the service for one address: 200 requests a minute, 5 a second.
    pub const DOCUMENTED: Self = Self { per_minute: 200, per_second: 5 };
}

/// The name of the array of lines in the operation call, on which the service's own pages disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinesKey {
    /// `goods_transactions`: the schema's name.
    GoodsTransactions,
    /// `transactions`: the example's name.
    Transactions,
    /// Either name is accepted; both are sent.
    Both,
}

/// The spelling of "nothing" where an object is usual (`meta`, a line's supplier).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    /// `[]`
    Array,
    /// `{}`
    Object,
    /// `null`
    Null,
}

/// The shape of the dates in answers; there are three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// Documents and lines with [`Dates::Millis`], rows and changes with [`Dates::Compact`], as documented.
    Mixed,
    /// `2026-09-21T23:00:00.000-05:00`
    Millis,
    /// `2026-09-21T23:00:00-0500`
    Compact,
    /// `2026-09-21 23:00:00`, in the zone of the location.
    Local,
}

/// The treatment of deleted lines in the listing of movements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedRows {
    /// They are left out.
    Hidden,
    /// They are listed with `deleted`.
    Flagged,
    /// They are listed like any other.
    Unmarked,
}

/// The order of the listing of movements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By id, rising.
    OldestFirst,
    /// By id, falling: rows move to later pages while a client reads page after page.
    NewestFirst,
}

/// The most rows that a client may request for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountMax {
    /// A `count` above this is refused.
    pub rows: usize,
    /// The status of the refusal: 400 or 422.
    pub status: u16,
}

/// Behaviours of the service that are unknown, disputed, or different from account to account. The default is the
/// documented behaviour or, without documentation, the likelier one.
#[expect(clippy::struct_excessive_bools, reason = "each is a separate open question about the service")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quirks {
    /// The name of the lines in the body of the operation call.
    pub lines_in: LinesKey,
    /// The name of the lines in the answer to it.
    pub lines_out: LinesKey,
    /// A receipt or write-off without `master_id` gets 400.
    pub master_required: bool,
    /// The type id of a write-off in the documents call: 4, or the disputed 7.
    pub write_off_document_type: i64,
    /// Rows of the movement listing have `amount`.
    pub movement_amount: bool,
    /// Rows of the movement listing have `comment`.
    pub movement_comment: bool,
    /// The treatment of deleted lines in the movement listing.
    pub movement_deleted: DeletedRows,
    /// The order of the movement listing.
    pub movement_order: Order,
    /// Rows of the movement listing name the client `clients` in place of `client`.
    pub movement_clients: bool,
    /// The lines of a document are listed even when deleted.
    pub deleted_lines: bool,
    /// The value for a missing supplier, client, master or service.
    pub relation: Nothing,
    /// The value for a `meta` without content.
    pub meta: Nothing,
    /// 401 and 404 come without `success`, with `errors {code, message}`.
    pub bare_errors: bool,
    /// The `errors` of 422 are a map in place of an array.
    pub errors_map: bool,
    /// The shape of dates.
    pub dates: Dates,
    /// A single good, and the default bill of materials, come as an array of one.
    pub single_as_array: bool,
    /// The status for an unknown good or storage: 404, 403, 400 or 422.
    pub unknown_id_status: u16,
    /// An operation with a bad line leaves its document and the lines before the bad one.
    pub partial_operation: bool,
    /// Deleting a document deletes its lines and takes back what they booked.
    pub cascade_delete: bool,
    /// 429 carries `Retry-After`.
    pub retry_after: bool,
    /// A new line shows up in listings only this many milliseconds after its creation.
    pub visible_after_ms: u64,
    /// Pages hold no more rows than this, whatever `count` says.
    pub page_rows_max: Option<usize>,
    /// A larger `count` is refused.
    pub count_max: Option<CountMax>,
    /// Every page of a listing is its first.
    pub page_ignored: bool,
    /// A stock movement changes the good's `last_change_date`.
    pub movement_touches_good: bool,
    /// `changed_after` and `changed_before` leave out rows that changed in exactly that second.
    pub changed_exclusive: bool,
    /// Flags are booleans, some numbers are texts, empty texts are null, and undocumented members appear.
    pub loose_types: bool,
    /// `POST /auth` answers 200 with a `uuid`: the second factor is missing.
    pub two_factor: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            lines_in: LinesKey::GoodsTransactions,
            lines_out: LinesKey::Transactions,
            master_required: false,
            write_off_document_type: 4,
            movement_amount: true,
            movement_comment: true,
            movement_deleted: DeletedRows::Hidden,
            movement_order: Order::OldestFirst,
            movement_clients: false,
            deleted_lines: true,
            relation: Nothing::Array,
            meta: Nothing::Array,
            bare_errors: false,
            errors_map: false,
            dates: Dates::Mixed,
            single_as_array: false,
            unknown_id_status: 404,
            partial_operation: false,
            cascade_delete: true,
            retry_after: false,
            visible_after_ms: 0,
            page_rows_max: None,
            count_max: None,
            page_ignored: false,
            movement_touches_good: false,
            changed_exclusive: false,
            loose_types: false,
            two_factor: false,
        }
    }
}

/// A simulated location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Its identity.
    pub location_id: LocationId,
    /// The partner token, the first half of the credentials.
    pub partner_token: String,
    /// The user token, the second half; another value revokes the old one.
    pub user_token: String,
    /// The login for which `POST /auth` gives the user token.
    pub login: String,
    /// Its password.
    pub password: String,
    /// Its stock rooms.
    pub storages: Vec<Storage>,
    /// The staff, with those who left.
    pub masters: Vec<Master>,
    /// Its categories at the start.
    pub categories: Vec<Category>,
    /// Its goods at the start; afterwards `Sandbox::put_good` and `Sandbox::remove_good` change the table.
    pub goods: Vec<GoodRow>,
    /// The IANA name of its time zone, read at the start.
    pub time_zone: String,
    /// The rights of the user token.
    pub permissions: Permissions,
    /// The allowance of requests; `None` for no limit.
    pub limit: Option<Limit>,
    /// The wait before a request is processed, in milliseconds.
    pub latency_ms: u64,
    /// The seconds by which the server's clock (times it stores, `Date` header) is ahead of this machine's.
    pub clock_ahead_s: i64,
    /// The peculiarities of the service.
    pub quirks: Quirks,
}

impl Options {
    /// Returns location 4564 in New York: two storages, about forty goods, all rights, no limit.
    pub fn sample() -> Self {
        let products = StorageId(91_271);
        let consumables = StorageId(91_272);
        Self {
            location_id: LocationId(4564),
            partner_token: "sandbox-partner-token".to_owned(),
            user_token: "sandbox-user-token".to_owned(),
            login: "stock-station".to_owned(),
            password: "correct horse".to_owned(),
            storages: vec![
                Storage { id: products, title: "Products".to_owned(), for_sale: true },
                Storage { id: consumables, title: "Consumables".to_owned(), for_sale: false },
            ],
            masters: sample::masters(),
            categories: sample::categories(),
            goods: sample::goods(),
            time_zone: "America/New_York".to_owned(),
            permissions: Permissions {
                storages: vec![products, consumables],
                types: vec![1, 2, 3, 4, 7],
                create: true,
                edit: true,
                delete: true,
                goods: true,
                days_back: None,
            },
            limit: None,
            latency_ms: 0,
            clock_ahead_s: 0,
            quirks: Quirks::default(),
        }
    }
}
