//! The sheet as PDF 1.4 (described by ISO 32000-1), with fonts that every reader has: nothing is embedded, and nothing
//! is compressed.

use std::fmt::Write;

use crate::sheet::letters::Weight;
use crate::sheet::page::{Area, Ink, Page, Point, Shape, Text};
use crate::sheet::units::Um;

/// The number of objects before the first page: catalogue, page tree, two fonts, description.
const COMMON: usize = 5;

/// Returns the whole file.
pub(super) fn document(pages: &[Page], title: &str) -> Vec<u8> {
    // Each page is two objects, the page itself and its content.
    let numbers = (0..pages.len()).map(|at| COMMON + 1 + 2 * at);
    let kids: Vec<String> = numbers.map(|number| format!("{number} 0 R")).collect();
    let font = |name: &str| {
        format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>")
    };
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()),
        font("Helvetica"),
        font("Helvetica-Bold"),
        format!("<< /Title {} /Creator (stockpoint) >>", string(title)),
    ];
    for page in pages {
        // The content is the object after the page's own.
        let content = objects.len() + 2;
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Contents {content} 0 R \
             /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>",
            pt(page.width),
            pt(page.height)
        ));
        let drawing: String = page.shapes.iter().map(|shape| draw(page, shape)).collect();
        // The length counts the line feed before `endstream`.
        objects.push(format!("<< /Length {} >>\nstream\n{drawing}\nendstream", drawing.len() + 1));
    }
    file(&objects).into_bytes()
}

/// Returns the file: its header, its objects, the table of their places, and the place of that table.
fn file(objects: &[String]) -> String {
    let mut file = "%PDF-1.4\n".to_owned();
    // Each entry is exactly 20 bytes long, the blank before the line feed included (ISO 32000-1, 7.5.4).
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (object, number) in objects.iter().zip(1_usize..) {
        let _written = writeln!(table, "{:010} 00000 n ", file.len());
        let _written = write!(file, "{number} 0 obj\n{object}\nendobj\n");
    }
    let start = file.len();
    let _written = write!(
        file,
        "{table}trailer\n<< /Size {} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    );
    file
}

fn draw(page: &Page, shape: &Shape) -> String {
    match shape {
        Shape::Fill { outlines, ink } => {
            let paths: String = outlines.iter().map(|outline| path(page, outline)).collect();
            format!("{} rg\n{paths}f*\n", colour(*ink))
        }
        Shape::Text(text) => line(page, text),
        Shape::Symbol(symbol) => {
            let bars: String = symbol.bars.iter().map(|bar| rectangle(page, *bar)).collect();
            format!("{} rg\n{bars}f\n", colour(Ink::Black))
        }
        Shape::CutLines(area) => format!("0.5 G 0.6 w [4 4] 0 d\n{}S\n", rectangle(page, *area)),
    }
}

fn line(page: &Page, text: &Text) -> String {
    let font = match text.weight {
        Weight::Regular => "F1",
        Weight::Bold => "F2",
    };
    format!(
        "BT {} rg /{font} {} Tf {} {} Td {} Tj ET\n",
        colour(text.ink),
        pt(text.size),
        pt(text.x),
        pt(page.height - text.baseline),
        string(&text.words)
    )
}

fn path(page: &Page, outline: &[Point]) -> String {
    let mut path = String::new();
    for (point, command) in outline.iter().zip(["m"].into_iter().chain(std::iter::repeat("l"))) {
        let _written = writeln!(path, "{} {} {command}", pt(point.x), pt(page.height - point.y));
    }
    path + "h\n"
}

fn rectangle(page: &Page, area: Area) -> String {
    // PDF measures from the lower edge, the pages here from the upper one.
    let (x, y) = (pt(area.x), pt(page.height - area.end_y()));
    format!("{x} {y} {} {} re\n", pt(area.width), pt(area.height))
}

/// Returns micrometres as points, 72 to the inch, to a thousandth.
fn pt(um: Um) -> String {
    let thousandths = i64::from(um) * 360 / 127;
    format!("{}.{:03}", thousandths.div_euclid(1000), thousandths.rem_euclid(1000))
}

fn colour(ink: Ink) -> String {
    let part = |part: u8| {
        let thousandths = u32::from(part) * 1000 / 255;
        format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
    };
    ink.rgb().map(part).join(" ")
}

/// Returns a string in Windows' Latin alphabet. The fonts that every reader has know no other; SVG and HTML do.
fn string(text: &str) -> String {
    let mut string = "(".to_owned();
    for c in text.chars() {
        match c {
            '(' | ')' | '\\' => string.extend(['\\', c]),
            ' '..='~' => string.push(c),
            '\u{a0}'..='\u{ff}' => {
                let _written = write!(string, "\\{:03o}", u32::from(c));
            }
            _ => string.push('?'),
        }
    }
    string + ")"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_a4_has_its_size_in_points() {
        assert_eq!([pt(210_000), pt(297_000), pt(0), pt(25_400)], ["595.275", "841.889", "0.000", "72.000"]);
    }

    #[test]
    fn a_string_cannot_end_early_and_knows_its_alphabet() {
        assert_eq!(string("a(b)\\ \u{fc} \u{416}"), "(a\\(b\\)\\\\ \\374 ?)");
    }

    #[test]
    fn every_object_begins_where_the_table_says() {
        let file = String::from_utf8(document(&[Page::new(1000, 1000), Page::new(1000, 1000)], "t")).unwrap();
        let (_, table) = file.split_once("xref\n0 10\n").unwrap();
        let places: Vec<usize> =
            table.lines().take(10).map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
        for (number, place) in places.into_iter().enumerate().skip(1) {
            assert!(file.get(place..).unwrap().starts_with(&format!("{number} 0 obj\n")), "{number}");
        }
        let start: usize = file.lines().rev().nth(1).unwrap().parse().unwrap();
        assert!(file.get(start..).unwrap().starts_with("xref\n"));
    }
}
