//! The sheet as SVG: one picture with its pages one below the other.

use std::fmt::Write;

use crate::sheet::letters::{self, Weight};
use crate::sheet::page::{Area, Page, Point, Shape, Text};
use crate::sheet::units::Um;

/// The fonts: first those with the widths by which the texts were laid out, then any.
const FONTS: &str = "Helvetica,Arial,'Liberation Sans',sans-serif";

/// Returns the whole file.
pub(super) fn document(pages: &[Page], title: &str) -> String {
    let width = pages.iter().map(|page| page.width).max().unwrap_or_default();
    // An SVG file has no pages, so they stand one below the other.
    let height = pages.iter().map(|page| page.height).sum();
    let mut inside = format!("<title>{}</title>\n", escape(title));
    let mut y = 0;
    for page in pages {
        let _written = write!(inside, "<g transform=\"translate(0 {})\">\n{}</g>\n", mm(y), shapes(page));
        y += page.height;
    }
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", picture(width, height, &inside))
}

/// Returns one page as a picture of its own.
pub(super) fn page(page: &Page) -> String {
    picture(page.width, page.height, &shapes(page))
}

fn picture(width: Um, height: Um, inside: &str) -> String {
    let (width, height) = (mm(width), mm(height));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}mm\" height=\"{height}mm\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{FONTS}\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{inside}</svg>\n"
    )
}

fn shapes(page: &Page) -> String {
    page.shapes.iter().map(shape).collect()
}

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Fill { outlines, ink } => {
            let path: String = outlines.iter().map(|outline| path_of_outline(outline)).collect();
            format!("<path fill=\"{}\" fill-rule=\"evenodd\" d=\"{path}\"/>\n", colour(ink.rgb()))
        }
        Shape::Text(text) => line(text),
        // Bars end at whole dots of the screen or printer: half-grey edges make them hard to read.
        Shape::Symbol(symbol) => {
            let path: String = symbol.bars.iter().map(|bar| path_of_bar(*bar)).collect();
            format!("<path shape-rendering=\"crispEdges\" d=\"{path}\"/>\n")
        }
        Shape::CutLines(area) => format!(
            "<path fill=\"none\" stroke=\"#888\" stroke-width=\"0.2\" stroke-dasharray=\"1.5 1.5\" d=\"{}\"/>\n",
            path_of_bar(*area)
        ),
    }
}

/// Returns a line of text with its width, so that a wider font is squeezed instead of running over its neighbour.
fn line(text: &Text) -> String {
    let weight = if text.weight == Weight::Bold { " font-weight=\"bold\"" } else { "" };
    format!(
        "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{weight} fill=\"{}\" textLength=\"{}\" \
         lengthAdjust=\"spacingAndGlyphs\">{}</text>\n",
        mm(text.x),
        mm(text.baseline),
        mm(text.size),
        colour(text.ink.rgb()),
        mm(letters::width(&text.words, text.weight, text.size)),
        escape(&text.words)
    )
}

fn path_of_outline(outline: &[Point]) -> String {
    let mut path = String::new();
    for (point, command) in outline.iter().zip(['M'].into_iter().chain(std::iter::repeat('L'))) {
        let _written = write!(path, "{command}{} {}", mm(point.x), mm(point.y));
    }
    path + "z"
}

fn path_of_bar(area: Area) -> String {
    let (width, height) = (mm(area.width), mm(area.height));
    format!("M{} {}h{width}v{height}h-{width}z", mm(area.x), mm(area.y))
}

fn colour([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Returns micrometres as millimetres.
pub(super) fn mm(um: Um) -> String {
    let (whole, rest) = (um.div_euclid(1000), um.rem_euclid(1000));
    format!("{whole}.{rest:03}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns the text escaped for XML and HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn micrometres_are_written_as_millimetres() {
        assert_eq!([0, 1, 120, 1000, 210_000, 62_381].map(mm), ["0", "0.001", "0.12", "1", "210", "62.381"]);
    }

    #[test]
    fn no_text_becomes_markup() {
        assert_eq!(escape("<b> & \"R&D\""), "&lt;b&gt; &amp; \"R&amp;D\"");
    }
}
