//! The sheet for the wall: A4, with few codes large and one in a row, many codes two in a row.
//!
//! In a row of two, the left code has its bars above its name and the right one below it: the line of a scanner across
//! the bars of one code crosses only the name of the other.

use crate::domain::printable::printable;
use crate::sheet::Error;
use crate::sheet::Imprint;
use crate::sheet::PrintSymbology;
use crate::sheet::groups::Code;
use crate::sheet::groups::Group;
use crate::sheet::groups::Risk;
use crate::sheet::letters;
use crate::sheet::letters::Room;
use crate::sheet::letters::Weight;
use crate::sheet::page::Area;
use crate::sheet::page::Ink;
use crate::sheet::page::Page;
use crate::sheet::page::Shape;
use crate::sheet::page::Style;
use crate::sheet::page::Symbol;
use crate::sheet::symbol::bars;
use crate::sheet::symbol::qr_symbol;
use crate::sheet::units::MM;
use crate::sheet::units::Um;

const WIDTH: Um = 210 * MM;
const HEIGHT: Um = 297 * MM;
/// The margin: no office printer reaches the very edge.
const MARGIN: Um = 8 * MM;
/// The height of the sheet's own title, and of the foot.
const HEAD: Um = 13 * MM;
const FOOT: Um = 6 * MM;
/// The height of a group's title.
const TITLE: Um = 9 * MM;
/// The height of a code alone in its row, and of one of two in a row.
const LARGE: Um = 29 * MM;
const SMALL: Um = 33 * MM;
/// The space between codes.
const GAP: Um = 3 * MM;
/// The greater space above and below codes whose effect cannot be undone.
const APART: Um = 10 * MM;
/// The most codes of a group that is printed large.
const LARGE_CODES_MAX: usize = 4;
/// The width of the thinnest bar: 15 thousandths of an inch, or 9 dots of a printer with 600 dots an inch. It can be
/// read at arm's length.
const MODULE: Um = 381;
/// The width for the bars of a code alone in its row: WRITE-OFF, the longest, fits with bars of full width.
const BARS: Um = 84 * MM;
/// The length of three dots of such a printer: the step by which QR modules grow.
const DOTS: Um = 127;

/// Lays the groups out on pages.
pub(super) fn lay_out(
    groups: &[Group],
    symbology: PrintSymbology,
    imprint: &Imprint,
) -> Result<Vec<Page>, Error> {
    let mut wall = Wall { symbology, pages: Vec::new(), y: HEIGHT };
    for group in groups {
        wall.add(group)?;
    }
    // Only now is the number of pages known.
    let count = wall.pages.len();
    for (page, number) in wall.pages.iter_mut().zip(1_usize..) {
        head_and_foot(page, imprint, &format!("page {number} of {count}"));
    }
    Ok(wall.pages)
}

/// Pages that fill up from the top.
struct Wall {
    symbology: PrintSymbology,
    pages: Vec<Page>,
    /// The first free place of the last page; below the page if there is no page.
    y: Um,
}

impl Wall {
    /// Adds a group; its title is repeated on each page that it continues on.
    fn add(&mut self, group: &Group) -> Result<(), Error> {
        let (per_row, height) = if group.codes.len() > LARGE_CODES_MAX { (2, SMALL) } else { (1, LARGE) };
        let rows = i32::try_from(group.codes.len().div_ceil(per_row)).unwrap_or(i32::MAX);
        let apart = if group.risk == Risk::Irreversible { APART } else { 0 };
        self.y += apart;
        // A group that fits on one page is not broken, and a longer one begins on a page of its own.
        self.reserve(TITLE + rows.saturating_mul(height + GAP).min(body().height - TITLE));
        self.title(group);
        for row in group.codes.chunks(per_row) {
            if self.reserve(height) {
                self.title(group);
            }
            self.row(group, row, height)?;
            self.y += height + GAP;
        }
        self.y += apart;
        Ok(())
    }

    /// Begins a new page and returns true, if the last one has less room than this.
    fn reserve(&mut self, height: Um) -> bool {
        let is_full = self.y + height > body().end_y();
        if is_full {
            self.pages.push(Page::new(WIDTH, HEIGHT));
            self.y = body().y;
        }
        is_full
    }

    fn title(&mut self, group: &Group) {
        let line = Area { y: self.y, height: TITLE, ..body() };
        if let Some(page) = self.pages.last_mut() {
            page.write(line, line.y + 6 * MM, Style::bold(5500, group.ink), &group.title);
        }
        self.y += TITLE;
    }

    fn row(&mut self, group: &Group, codes: &[Code], height: Um) -> Result<(), Error> {
        let row = Area { y: self.y, height, ..body() };
        let half = row.left((row.width - GAP) / 2);
        let Some(page) = self.pages.last_mut() else { return Ok(()) };
        if height == LARGE {
            return codes.iter().try_for_each(|code| large(page, row, group, code, self.symbology));
        }
        let right = Area { x: row.end_x() - half.width, ..half };
        let places = [Place { card: half, side: Side::Left }, Place { card: right, side: Side::Right }];
        codes.iter().zip(places).try_for_each(|(code, place)| small(page, place, group, code, self.symbology))
    }
}

/// The place of one of two codes in a row.
#[derive(Clone, Copy)]
struct Place {
    card: Area,
    side: Side,
}

/// The side of a code in a row of two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Returns the area of a page that is left for groups.
const fn body() -> Area {
    Area::new(MARGIN, MARGIN, WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN).without_top(HEAD).without_bottom(FOOT)
}

fn head_and_foot(page: &mut Page, imprint: &Imprint, number: &str) {
    let paper = Area::new(0, 0, WIDTH, HEIGHT).inset(MARGIN);
    let head = paper.top(HEAD);
    page.write(head.left(110 * MM), head.y + 6500, Style::bold(7500, Ink::Black), "Control sheet");
    let hint = "Scan a code: the station does what stands beside it.";
    page.write(head.left(110 * MM), head.y + 11 * MM, Style::plain(3600, Ink::Black), hint);
    if let Some(station) = &imprint.station {
        page.write_right(head.right(80 * MM), head.y + 6500, Style::bold(7500, Ink::Black), station);
    }
    let foot = paper.bottom(FOOT);
    let style = Style::plain(3 * MM, Ink::Grey);
    page.write(foot.left(130 * MM), foot.end_y() - MM, style, &imprint.line());
    page.write_right(foot.right(50 * MM), foot.end_y() - MM, style, number);
}

/// Draws a code alone in its row: picture, name and meaning, barcodes.
fn large(
    page: &mut Page,
    card: Area,
    group: &Group,
    code: &Code,
    symbology: PrintSymbology,
) -> Result<(), Error> {
    outline(page, card, group);
    code.picture.draw(page, card.left(card.height), group.ink);
    let mut room = card.inset(3 * MM).without_left(card.height + 2 * MM);
    if symbology.has_bars() {
        let column = room.right(BARS);
        let symbol = bars(&code.text, MODULE, column.width, column.height - 4 * MM)?;
        spell(page, column.left(symbol.area.width), &symbol);
        page.shapes.push(Shape::Symbol(symbol.at(column.x, column.y)));
        room = room.without_right(BARS + 2 * MM);
    }
    if symbology.has_qr() {
        let symbol = qr_symbol(&code.text, DOTS, room.height)?;
        let side = symbol.area.width;
        page.shapes.push(Shape::Symbol(symbol.at(room.end_x() - side, room.y + (room.height - side) / 2)));
        room = room.without_right(side + 2 * MM);
    }
    name_and_meaning(page, room, code, Sizes { name: 10 * MM, meaning: 4500 });
    Ok(())
}

/// Draws one of two codes in a row.
fn small(
    page: &mut Page,
    place: Place,
    group: &Group,
    code: &Code,
    symbology: PrintSymbology,
) -> Result<(), Error> {
    let Place { card, side } = place;
    outline(page, card, group);
    let inner = card.inset(2 * MM);
    let half = (inner.height - MM) / 2;
    let (bar_room, mut room) = match (symbology.has_bars(), side) {
        (false, _) => (inner.top(0), inner),
        (true, Side::Left) => (inner.top(half), inner.bottom(half)),
        (true, Side::Right) => (inner.bottom(half), inner.top(half)),
    };
    if symbology.has_bars() {
        let symbol = bars(&code.text, MODULE, bar_room.width, bar_room.height - 3500)?;
        let width = symbol.area.width;
        let x = bar_room.x + (bar_room.width - width) / 2;
        spell(page, Area { x, width, ..bar_room }, &symbol);
        page.shapes.push(Shape::Symbol(symbol.at(x, bar_room.y)));
    }
    if symbology.has_qr() {
        // At the outer edge, as far as possible from the symbol of the code beside it.
        let symbol = qr_symbol(&code.text, DOTS, room.height.min(24 * MM))?;
        let (width, y) = (symbol.area.width, room.y + (room.height - symbol.area.height) / 2);
        let x = if side == Side::Left { room.x } else { room.end_x() - width };
        page.shapes.push(Shape::Symbol(symbol.at(x, y)));
        room = match side {
            Side::Left => room.without_left(width + MM),
            Side::Right => room.without_right(width + MM),
        };
    }
    let tile = Area { y: room.y + (room.height - half) / 2, height: half, ..room.left(half * 5 / 4) };
    code.picture.draw(page, tile, group.ink);
    let words = room.without_left(tile.width + 2 * MM);
    name_and_meaning(page, words, code, Sizes { name: 8 * MM, meaning: 4 * MM });
    Ok(())
}

/// Draws lines for cutting, and a thick frame within them for codes whose effect cannot be undone.
fn outline(page: &mut Page, card: Area, group: &Group) {
    page.shapes.push(Shape::CutLines(card));
    if group.risk == Risk::Irreversible {
        page.frame(card, 1500, group.ink);
    }
}

/// Writes the code in letters below its bars, for a person who has to type it.
fn spell(page: &mut Page, room: Area, symbol: &Symbol) {
    let style = Style::plain(2800, Ink::Black);
    // A separator in a calibration code has no letter of its own.
    let code = printable(&symbol.code).to_string();
    let line = Area { width: letters::width(&code, Weight::Regular, style.size).min(room.width), ..room };
    let line = Area { x: room.x + (room.width - line.width) / 2, ..line };
    page.write(line, room.y + symbol.area.height + 3 * MM, style, &code);
}

/// The largest sizes of a code's name and meaning.
#[derive(Clone, Copy)]
struct Sizes {
    name: Um,
    meaning: Um,
}

/// Writes the name as large as it fits and the meaning below it, both in the middle of the height.
fn name_and_meaning(page: &mut Page, room: Area, code: &Code, largest: Sizes) {
    let name = letters::fit(&code.name, Weight::Bold, largest.name, room.width);
    // Capitals are some 72 hundredths of their size high.
    let capitals = name * 72 / 100;
    let above = capitals + MM;
    let rest = Room { width: room.width, height: room.height - above };
    let (size, lines) = letters::paragraph(&code.meaning, largest.meaning, rest);
    let below = i32::try_from(lines.len()).unwrap_or(i32::MAX).saturating_mul(letters::line_height(size));
    let both = Area { y: room.y + (room.height - above - below) / 2, height: above + below, ..room };
    page.write(both, both.y + capitals, Style::bold(name, Ink::Black), &code.name);
    page.write_lines(both.without_top(above), size, &lines);
}
