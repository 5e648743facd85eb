//! A single QR code, for a terminal or as a picture.

use std::fmt::Write as _;

use crate::sheet::qr;
use crate::sheet::qr::Matrix;
use crate::sheet::qr::QUIET_MODULES;

/// Returns a text's code in half blocks, two modules in a character; `None` for a text longer than any code.
///
/// Light modules are drawn, because terminals are usually dark.
pub fn qr_on_terminal(text: &str) -> Option<String> {
    let matrix = qr::encode(text)?;
    let dark = Dark(&matrix);
    // The quiet zone is drawn as well: without it a reader does not find the code.
    let modules = -QUIET_MODULES..matrix.side + QUIET_MODULES;
    let mut drawn = String::new();
    // Two rows of modules share a line of text, whose characters are about twice as high as wide.
    for row in modules.clone().step_by(2) {
        for column in modules.clone() {
            // Below an odd last row there is nothing to draw.
            let is_below = row + 1 < modules.end;
            drawn.push(match (!dark.is(row, column), is_below && !dark.is(row + 1, column)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawn.push('\n');
    }
    Some(drawn)
}

/// Returns a text's code as an SVG picture with its quiet zone; `None` for a text longer than any code.
pub fn qr_picture(text: &str) -> Option<String> {
    let matrix = qr::encode(text)?;
    // A module is a millimetre, which a telephone or a scanner can read at arm's length.
    let side = matrix.side + 2 * QUIET_MODULES;
    let mut path = String::new();
    for run in &matrix.runs {
        let (x, y) = (run.column + QUIET_MODULES, run.row + QUIET_MODULES);
        let _written = write!(path, "M{x} {y}h{0}v1h-{0}z", run.modules);
    }
    // Crisp edges: half-grey borders between modules make a code hard to read.
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{side}mm\" height=\"{side}mm\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" \
         fill=\"#000\"/></svg>\n"
    ))
}

/// A lookup of dark modules; outside the symbol no module is dark.
struct Dark<'a>(&'a Matrix);

impl Dark<'_> {
    fn is(&self, row: i32, column: i32) -> bool {
        let covers =
            |run: &&qr::Run| run.row == row && (run.column..run.column + run.modules).contains(&column);
        self.0.runs.iter().any(|run| covers(&run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_shows_the_finder_pattern_within_a_light_margin() {
        let drawn = qr_on_terminal("$SP.OK.C").unwrap();
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!((lines.len(), lines[0].chars().count()), (15, 29));
        assert_eq!((lines[0], lines[1]), ("█".repeat(29).as_str(), "█".repeat(29).as_str()));
        let corner: Vec<String> =
            lines[2..6].iter().map(|line| line.chars().skip(4).take(7).collect()).collect();
        assert_eq!(corner, [" ▄▄▄▄▄ ", " █   █ ", " █▄▄▄█ ", "▄▄▄▄▄▄▄"]);
        assert_eq!(lines[14], "▀".repeat(29));
        assert_eq!(qr_on_terminal(&"x".repeat(5000)), None);
    }

    #[test]
    fn a_picture_has_a_light_ground_and_all_its_modules() {
        let picture = qr_picture("$SP.OK.C").unwrap();
        assert!(picture.contains("viewBox=\"0 0 29 29\"") && picture.contains("M4 4h7v1h-7z"), "{picture}");
    }
}
