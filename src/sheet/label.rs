//! Labels: one code on each, in the order of the groups.

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
use crate::sheet::paper::Stock;
use crate::sheet::symbol::bars;
use crate::sheet::symbol::qr_symbol;
use crate::sheet::units::MM;
use crate::sheet::units::Um;

/// The height of the small print at the foot: the code in letters, station, day and version.
const FOOT: Um = 2500;

/// Lays the labels out on pages.
pub(super) fn lay_out(
    groups: &[Group],
    stock: &Stock,
    symbology: PrintSymbology,
    imprint: &Imprint,
) -> Result<Vec<Page>, Error> {
    let codes: Vec<(&Group, &Code)> =
        groups.iter().flat_map(|group| group.codes.iter().map(move |code| (group, code))).collect();
    let places = places(stock);
    let mut pages = Vec::new();
    for chunk in codes.chunks(places.len().max(1)) {
        let mut page = Page::new(stock.page.0, stock.page.1);
        for (&(group, code), &place) in chunk.iter().zip(&places) {
            let label = Label { stock, place, ink: stock.ink(group.ink), risk: group.risk };
            label.draw(&mut page, code, symbology, imprint)?;
        }
        pages.push(page);
    }
    Ok(pages)
}

/// Returns the places of the labels on a page.
fn places(stock: &Stock) -> Vec<Area> {
    let (width, height) = stock.label;
    let (columns, rows) = stock.grid;
    let row = |row| {
        (0..columns).map(move |column| Area::new(column * width, stock.top + row * height, width, height))
    };
    (0..rows).flat_map(row).collect()
}

/// One label.
struct Label<'a> {
    stock: &'a Stock,
    place: Area,
    ink: Ink,
    risk: Risk,
}

impl Label<'_> {
    fn draw(
        &self,
        page: &mut Page,
        code: &Code,
        symbology: PrintSymbology,
        imprint: &Imprint,
    ) -> Result<(), Error> {
        let inner = self.place.inset(self.stock.edge);
        write_foot(page, inner.bottom(FOOT), code, imprint);
        let mut room = inner.without_bottom(FOOT + 300);
        if symbology.has_bars() {
            // Half of the height is for the bars, the other half for the text that people read.
            let height = room.height / 2;
            let symbol = bars(&code.text, self.stock.dots(self.stock.module_dots), room.width, height)?;
            let x = room.x + (room.width - symbol.area.width) / 2;
            page.shapes.push(Shape::Symbol(symbol.at(x, room.end_y() - height)));
            room = room.without_bottom(height + 700);
        }
        if symbology.has_qr() {
            let symbol = qr_symbol(&code.text, self.stock.dots(1), room.height)?;
            let (x, side) = (room.end_x() - symbol.area.width, symbol.area.width);
            page.shapes.push(Shape::Symbol(symbol.at(x, room.y)));
            room = room.without_right(side + MM);
        }
        self.draw_text(page, room, code);
        Ok(())
    }

    /// Draws picture, name and meaning.
    fn draw_text(&self, page: &mut Page, room: Area, code: &Code) {
        let tile_side = room.height.min(room.width / 4);
        let tile = room.left(tile_side).top(tile_side);
        let words = room.without_left(tile_side + MM);
        code.picture.draw(page, tile, self.ink);
        let name = letters::fit(&code.name, Weight::Bold, (tile_side * 7 / 10).min(9 * MM), words.width);
        let mut baseline = words.y + name * 75 / 100;
        page.write(words, baseline, Style::bold(name, Ink::Black), &code.name);
        if self.risk == Risk::Irreversible {
            // A thick line below the name: a frame would take room from the quiet zones.
            let line = Area { y: baseline + 500, height: 500, ..words };
            page.fill(line, self.ink);
            baseline += 800;
        }
        let below = room.without_top(baseline + 300 - room.y).right(words.width);
        let room = Room { width: below.width, height: below.height };
        let (size, lines) = letters::paragraph(&code.meaning, 4000, room);
        page.write_lines(below, size, &lines);
    }
}

/// Writes the small print: the code in letters at the left, the sheet's own details at the right.
fn write_foot(page: &mut Page, room: Area, code: &Code, imprint: &Imprint) {
    let style = Style::plain(1900, Ink::Black);
    let baseline = room.end_y() - 500;
    page.write(room.left(room.width / 2 - MM), baseline, style, &printable(&code.text).to_string());
    page.write_right(room.right(room.width / 2), baseline, style, &imprint.line());
}
