//! The pictures: each is a few straight lines on a ground in the group's colour, so that people can tell them apart
//! from across the room and on a poor print.

use crate::sheet::letters::{self, Weight};
use crate::sheet::page::{Area, Ink, Page, Point, Shape, Style};

/// The corners of a figure, in hundredths of the picture's side.
type Figure = &'static [(i32, i32)];

/// The picture of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// An arrow into a tray.
    In,
    /// An arrow out of a tray.
    Out,
    /// A magnifying glass.
    Lens,
    /// An arrow that turns back.
    Back,
    /// An arrow up to a line.
    Send,
    /// A house with a door.
    House,
    /// A tick.
    Tick,
    /// A cross.
    Cross,
    /// A word or two, for example a number.
    Words(String),
}

const TRAY: Figure = &[(5, 60), (17, 60), (17, 83), (83, 83), (83, 60), (95, 60), (95, 95), (5, 95)];
const DOWN: Figure = &[(40, 5), (60, 5), (60, 40), (78, 40), (50, 72), (22, 40), (40, 40)];
const UP: Figure = &[(50, 3), (78, 35), (60, 35), (60, 70), (40, 70), (40, 35), (22, 35)];
const RING: Figure = &[(71, 53), (53, 71), (27, 71), (9, 53), (9, 27), (27, 9), (53, 9), (71, 27)];
const GLASS: Figure = &[(60, 48), (48, 60), (32, 60), (20, 48), (20, 32), (32, 20), (48, 20), (60, 32)];
const HANDLE: Figure = &[(56, 70), (70, 56), (97, 83), (83, 97)];
const TURN: Figure = &[
    (3, 36),
    (37, 6),
    (37, 25),
    (70, 25),
    (90, 34),
    (97, 57),
    (90, 81),
    (70, 91),
    (25, 91),
    (25, 71),
    (66, 71),
    (75, 67),
    (78, 58),
    (75, 49),
    (66, 45),
    (37, 45),
    (37, 66),
];
const ROOF: Figure = &[(50, 4), (98, 46), (88, 57), (50, 24), (12, 57), (2, 46)];
const WALLS: Figure =
    &[(50, 34), (84, 63), (84, 95), (62, 95), (62, 68), (38, 68), (38, 95), (16, 95), (16, 63)];
const RIGHT: Figure = &[(3, 38), (42, 38), (42, 15), (78, 50), (42, 85), (42, 62), (3, 62)];
const LINE: Figure = &[(84, 8), (97, 8), (97, 92), (84, 92)];
const TICK: Figure = &[(5, 52), (20, 37), (40, 57), (80, 15), (95, 30), (40, 86)];
const CROSS: Figure = &[
    (20, 5),
    (50, 35),
    (80, 5),
    (95, 20),
    (65, 50),
    (95, 80),
    (80, 95),
    (50, 65),
    (20, 95),
    (5, 80),
    (35, 50),
    (5, 20),
];

impl Picture {
    /// Draws the picture in white in the middle of a ground of this colour.
    pub(super) fn draw(&self, page: &mut Page, ground: Area, ink: Ink) {
        page.fill(ground, ink);
        // Seven tenths leave a margin that keeps the picture apart from its frame.
        let side = ground.width.min(ground.height) * 7 / 10;
        let (x, y) = (ground.x + (ground.width - side) / 2, ground.y + (ground.height - side) / 2);
        let point = |&(at_x, at_y): &(i32, i32)| Point { x: x + at_x * side / 100, y: y + at_y * side / 100 };
        let outlines: Vec<Vec<Point>> =
            self.figures().iter().map(|figure| figure.iter().map(point).collect()).collect();
        if let Self::Words(words) = self {
            write_centred(page, ground, words);
        } else {
            page.shapes.push(Shape::Fill { outlines, ink: Ink::White });
        }
    }

    fn figures(&self) -> &'static [Figure] {
        match self {
            Self::In => &[DOWN, TRAY],
            Self::Out => &[UP, TRAY],
            Self::Lens => &[RING, GLASS, HANDLE],
            Self::Back => &[TURN],
            Self::Send => &[RIGHT, LINE],
            Self::House => &[ROOF, WALLS],
            Self::Tick => &[TICK],
            Self::Cross => &[CROSS],
            Self::Words(_) => &[],
        }
    }
}

/// Writes words on the ground, as large as it allows.
fn write_centred(page: &mut Page, ground: Area, words: &str) {
    let room = ground.inset(ground.width / 12);
    let size = letters::fit(words, Weight::Bold, ground.height * 3 / 4, room.width);
    let width = letters::width(words, Weight::Bold, size);
    let line = Area { x: ground.x + (ground.width - width) / 2, width, ..room };
    // Capitals and digits are some 72 hundredths of the size high.
    let baseline = ground.y + i32::midpoint(ground.height, size * 72 / 100);
    page.write(line, baseline, Style::bold(size, Ink::White), words);
}
