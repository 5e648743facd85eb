//! The content of a page, whatever its output format: shapes at whole micrometres, y downwards.

use crate::sheet::letters::{self, Weight};
use crate::sheet::units::Um;

/// A page with its shapes in the order in which they are drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) width: Um,
    pub(super) height: Um,
    pub(super) shapes: Vec<Shape>,
}

/// A shape on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// An area to fill: all points within an odd number of the outlines.
    Fill { outlines: Vec<Vec<Point>>, ink: Ink },
    /// One line of text.
    Text(Text),
    /// A barcode.
    Symbol(Symbol),
    /// Lines for cutting, around an area.
    CutLines(Area),
}

/// One line of text that begins at `x` and stands on `baseline`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) x: Um,
    pub(super) baseline: Um,
    pub(super) size: Um,
    pub(super) weight: Weight,
    pub(super) ink: Ink,
    pub(super) words: String,
}

/// A barcode. Its area, quiet zones included, holds nothing but its black bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Symbol {
    /// The text that a scanner reads.
    pub(super) code: String,
    /// The area of bars and quiet zones.
    pub(super) area: Area,
    pub(super) bars: Vec<Area>,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: Um,
    pub(super) y: Um,
    pub(super) width: Um,
    pub(super) height: Um,
}

/// A place on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: Um,
    pub(super) y: Um,
}

/// The colours. All but white are dark enough to be seen in a black and white print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// For bars, and all text that must be read.
    Black,
    /// For text and pictures on a coloured ground.
    White,
    /// For small print.
    Grey,
    /// A group's colour.
    Blue,
    /// A group's colour.
    Green,
    /// The colour of codes whose effect cannot be undone.
    Red,
    /// A group's colour.
    Violet,
}

impl Ink {
    /// Returns the shares of red, green and blue.
    pub(super) fn rgb(self) -> [u8; 3] {
        match self {
            Self::Black => [0, 0, 0],
            Self::White => [255, 255, 255],
            Self::Grey => [85, 85, 85],
            Self::Blue => [20, 82, 160],
            Self::Green => [20, 110, 55],
            Self::Red => [190, 25, 35],
            Self::Violet => [95, 50, 145],
        }
    }
}

impl Page {
    pub(super) fn new(width: Um, height: Um) -> Self {
        Self { width, height, shapes: Vec::new() }
    }

    /// Fills a rectangle.
    pub(super) fn fill(&mut self, area: Area, ink: Ink) {
        self.shapes.push(Shape::Fill { outlines: vec![area.outline()], ink });
    }

    /// Draws a frame along the inside of an area's edge.
    pub(super) fn frame(&mut self, area: Area, thickness: Um, ink: Ink) {
        // Points within both outlines are not filled: that makes the frame.
        self.shapes
            .push(Shape::Fill { outlines: vec![area.outline(), area.inset(thickness).outline()], ink });
    }

    /// Writes a line on a baseline from the left edge of `area`, as large as `size` and the area's width allow.
    pub(super) fn write(&mut self, area: Area, baseline: Um, style: Style, words: &str) {
        let size = letters::fit(words, style.weight, style.size, area.width);
        let (weight, ink, words) = (style.weight, style.ink, words.to_owned());
        self.shapes.push(Shape::Text(Text { x: area.x, baseline, size, weight, ink, words }));
    }

    /// Writes lines of plain text one below the other from the top of `area`.
    pub(super) fn write_lines(&mut self, area: Area, size: Um, lines: &[String]) {
        for (line, number) in lines.iter().zip(1..) {
            // A quarter of the size, for the parts of letters that hang below the baseline.
            let baseline = area.y + number * letters::line_height(size) - size / 4;
            self.write(area, baseline, Style::plain(size, Ink::Black), line);
        }
    }

    /// Writes a line as [`Page::write`] does, but aligned to the right edge.
    pub(super) fn write_right(&mut self, area: Area, baseline: Um, style: Style, words: &str) {
        let size = letters::fit(words, style.weight, style.size, area.width);
        let width = letters::width(words, style.weight, size);
        self.write(area.right(width), baseline, style, words);
    }
}

/// The look of a line of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) size: Um,
    pub(super) weight: Weight,
    pub(super) ink: Ink,
}

impl Style {
    pub(super) const fn bold(size: Um, ink: Ink) -> Self {
        Self { size, weight: Weight::Bold, ink }
    }

    pub(super) const fn plain(size: Um, ink: Ink) -> Self {
        Self { size, weight: Weight::Regular, ink }
    }
}

impl Area {
    pub(super) const fn new(x: Um, y: Um, width: Um, height: Um) -> Self {
        Self { x, y, width, height }
    }

    /// Returns the first micrometre to the right of the area.
    pub(super) const fn end_x(self) -> Um {
        self.x + self.width
    }

    /// Returns the first micrometre below the area.
    pub(super) const fn end_y(self) -> Um {
        self.y + self.height
    }

    /// Returns the area without an edge of this width on all four sides.
    pub(super) const fn inset(self, by: Um) -> Self {
        Self::new(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)
    }

    /// Returns the leftmost part of the area.
    pub(super) const fn left(self, width: Um) -> Self {
        Self { width, ..self }
    }

    /// Returns the rightmost part of the area.
    pub(super) const fn right(self, width: Um) -> Self {
        Self { x: self.end_x() - width, width, ..self }
    }

    /// Returns the uppermost part of the area.
    pub(super) const fn top(self, height: Um) -> Self {
        Self { height, ..self }
    }

    /// Returns the lowest part of the area.
    pub(super) const fn bottom(self, height: Um) -> Self {
        Self { y: self.end_y() - height, height, ..self }
    }

    /// Returns the area without its leftmost part.
    pub(super) const fn without_left(self, width: Um) -> Self {
        self.right(self.width - width)
    }

    /// Returns the area without its rightmost part.
    pub(super) const fn without_right(self, width: Um) -> Self {
        self.left(self.width - width)
    }

    /// Returns the area without its uppermost part.
    pub(super) const fn without_top(self, height: Um) -> Self {
        self.bottom(self.height - height)
    }

    /// Returns the area without its lowest part.
    pub(super) const fn without_bottom(self, height: Um) -> Self {
        self.top(self.height - height)
    }

    fn outline(self) -> Vec<Point> {
        let corners =
            [(self.x, self.y), (self.end_x(), self.y), (self.end_x(), self.end_y()), (self.x, self.end_y())];
        corners.map(|(x, y)| Point { x, y }).to_vec()
    }
}
