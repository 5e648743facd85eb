//! Tests of everything that is printed: nothing overlaps, nothing is cut off, and no scanner reads a neighbour.

use proptest::prelude::*;

use crate::domain::code::seal::Seal;
use crate::domain::ids::StorageId;
use crate::sheet::Error;
use crate::sheet::Format;
use crate::sheet::Imprint;
use crate::sheet::Paper;
use crate::sheet::Picture;
use crate::sheet::PrintJob;
use crate::sheet::PrintSymbology;
use crate::sheet::groups::Code;
use crate::sheet::groups::Group;
use crate::sheet::groups::Risk;
use crate::sheet::groups::calibration_group;
use crate::sheet::groups::control_groups;
use crate::sheet::groups::storage_group;
use crate::sheet::letters;
use crate::sheet::page::Area;
use crate::sheet::page::Ink;
use crate::sheet::page::Page;
use crate::sheet::page::Shape;
use crate::sheet::page::Symbol;
use crate::sheet::page::Text;
use crate::sheet::units::MM;
use crate::sheet::units::Um;

const PAPERS: [Paper; 5] =
    [Paper::A4, Paper::Label58x40, Paper::Label62x29, Paper::Label89x36, Paper::Labels70x37];
const SYMBOLOGIES: [PrintSymbology; 3] = [PrintSymbology::Code128, PrintSymbology::Qr, PrintSymbology::Both];

/// Returns the groups of a station with two storages and no kits.
fn every_group() -> Vec<Group> {
    groups_under(&Seal::default())
}

fn groups_under(seal: &Seal) -> Vec<Group> {
    let storages = [(StorageId(91_271), None), (StorageId(912_720), Some("Cellar".to_owned()))];
    control_groups(seal)
        .into_iter()
        .chain(storage_group(seal, &storages))
        .chain([calibration_group()])
        .collect()
}

fn job(paper: Paper, symbology: PrintSymbology) -> PrintJob {
    let imprint =
        Imprint { station: Some("the-longest-name-of-them".to_owned()), date: "2026-11-24".to_owned() };
    PrintJob { format: Format::Svg, paper, symbology, imprint }
}

fn every_job() -> impl Iterator<Item = PrintJob> {
    PAPERS.into_iter().flat_map(|paper| SYMBOLOGIES.map(|symbology| job(paper, symbology)))
}

fn symbols(page: &Page) -> impl Iterator<Item = &Symbol> {
    page.shapes.iter().filter_map(|shape| match shape {
        Shape::Symbol(symbol) => Some(symbol),
        Shape::Fill { .. } | Shape::Text(_) | Shape::CutLines(_) => None,
    })
}

/// Returns true for a Code 128 symbol: QR symbols are square, and no Code 128 symbol here is.
fn is_linear(symbol: &Symbol) -> bool {
    symbol.area.width != symbol.area.height
}

fn overlap(a: Area, b: Area) -> bool {
    a.x < b.end_x() && b.x < a.end_x() && a.y < b.end_y() && b.y < a.end_y()
}

fn within(inner: Area, outer: Area) -> bool {
    inner.x >= outer.x
        && inner.y >= outer.y
        && inner.end_x() <= outer.end_x()
        && inner.end_y() <= outer.end_y()
}

/// Returns the area of a text: from the top of the capitals to the lowest part of its letters, or to just below the
/// baseline for capitals and digits alone.
fn box_of(text: &Text) -> Area {
    let width = letters::width(&text.words, text.weight, text.size);
    let hangs = text.words.contains(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '-');
    let height = if hangs { 93 } else { 74 };
    Area::new(text.x, text.baseline - text.size * 72 / 100, width, text.size * height / 100)
}

/// Returns the smallest rectangle around a figure, and the hole in it if it is a frame.
fn bounds(shape: &Shape) -> (Area, Option<Area>) {
    match shape {
        Shape::Symbol(symbol) => (symbol.area, None),
        Shape::Text(text) => (box_of(text), None),
        Shape::CutLines(area) => (*area, Some(*area)),
        Shape::Fill { outlines, .. } => {
            let bound = |points: &mut dyn Iterator<Item = (Um, Um)>| {
                let points: Vec<_> = points.collect();
                let (x, y) =
                    (points.iter().map(|p| p.0).min().unwrap(), points.iter().map(|p| p.1).min().unwrap());
                let end =
                    (points.iter().map(|p| p.0).max().unwrap(), points.iter().map(|p| p.1).max().unwrap());
                Area::new(x, y, end.0 - x, end.1 - y)
            };
            let outer = bound(&mut outlines.iter().flatten().map(|point| (point.x, point.y)));
            let is_frame = outlines.len() == 2 && outlines.iter().all(|outline| outline.len() == 4);
            (outer, is_frame.then(|| bound(&mut outlines[1].iter().map(|point| (point.x, point.y)))))
        }
    }
}

fn is_white(shape: &Shape) -> bool {
    match shape {
        Shape::Fill { ink, .. } | Shape::Text(Text { ink, .. }) => *ink == Ink::White,
        Shape::Symbol(_) | Shape::CutLines(_) => false,
    }
}

/// Returns true if two shapes may be drawn where they are: they do not overlap, one is inside a frame or cutting lines,
/// one is white on a ground, or both are filled areas.
fn may_share(a: &Shape, b: &Shape) -> bool {
    let ((outer_a, hole_a), (outer_b, hole_b)) = (bounds(a), bounds(b));
    let inside = |hole: Option<Area>, inner| hole.is_some_and(|hole| within(inner, hole));
    !overlap(outer_a, outer_b)
        || inside(hole_a, outer_b)
        || inside(hole_b, outer_a)
        || (is_white(b) && within(outer_b, outer_a))
        || (matches!(a, Shape::Fill { .. }) && matches!(b, Shape::Fill { .. }))
}

fn assert_sound(pages: &[Page]) {
    for page in pages {
        let paper = Area::new(0, 0, page.width, page.height);
        for (at, shape) in page.shapes.iter().enumerate() {
            assert!(within(bounds(shape).0, paper.inset(MM)), "over the edge: {shape:?}");
            for other in &page.shapes[at + 1..] {
                assert!(may_share(shape, other), "one over the other: {shape:?} {other:?}");
            }
        }
        symbols(page).for_each(assert_quiet);
    }
}

/// Checks the quiet zones of ISO/IEC 15417 and 18004 on the drawn symbol.
fn assert_quiet(symbol: &Symbol) {
    let left = symbol.bars.iter().map(|bar| bar.x).min().unwrap() - symbol.area.x;
    let right = symbol.area.end_x() - symbol.bars.iter().map(|bar| bar.end_x()).max().unwrap();
    let top = symbol.bars.iter().map(|bar| bar.y).min().unwrap() - symbol.area.y;
    let below = symbol.area.end_y() - symbol.bars.iter().map(|bar| bar.end_y()).max().unwrap();
    if is_linear(symbol) {
        let module = symbol.bars.iter().map(|bar| bar.width).min().unwrap();
        assert!(module >= 190 && left >= 10 * module && right >= 10 * module, "{symbol:?}");
        assert!((top, below) == (0, 0) && symbol.area.height >= 9 * MM, "{symbol:?}");
    } else {
        let module = symbol.bars.iter().map(|bar| bar.height).min().unwrap();
        assert!(
            module >= 250 && [left, right, top, below].iter().all(|side| *side >= 4 * module),
            "{symbol:?}"
        );
    }
}

fn codes_of(groups: &[Group], symbology: PrintSymbology) -> Vec<&str> {
    let times = if symbology == PrintSymbology::Both { 2 } else { 1 };
    let mut codes: Vec<&str> =
        groups.iter().flat_map(|group| &group.codes).map(|code| code.text.as_str()).collect();
    codes = codes.repeat(times);
    codes.sort_unstable();
    codes
}

fn printed(pages: &[Page]) -> Vec<&str> {
    let mut codes: Vec<&str> = pages.iter().flat_map(symbols).map(|symbol| symbol.code.as_str()).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn the_control_codes_fit_every_paper_in_every_symbology() {
    for job in every_job() {
        let groups = every_group();
        let pages = job.lay_out(&groups).unwrap();
        assert_sound(&pages);
        assert_eq!(printed(&pages), codes_of(&groups, job.symbology), "{job:?}");
    }
}

#[test]
fn the_bars_of_the_control_codes_are_whole_dots_of_the_printer() {
    let narrowest = |paper| {
        let pages = job(paper, PrintSymbology::Code128).lay_out(&every_group()).unwrap();
        let widths: Vec<Um> =
            pages.iter().flat_map(symbols).flat_map(|s| &s.bars).map(|bar| bar.width).collect();
        (widths.iter().min().copied().unwrap(), widths.iter().max().copied().unwrap())
    };
    // The thinnest bar: 9 dots of 600 an inch; 2 of 203; 3 and 4 of 300; 6 of 600. The widest bar has four modules.
    assert_eq!(PAPERS.map(narrowest), [(381, 1524), (250, 1000), (254, 1016), (338, 1352), (254, 1016)]);
}

#[test]
fn the_sheet_for_the_wall_has_commands_on_its_first_page_quantities_on_two_and_all_else_behind() {
    let pages = job(Paper::A4, PrintSymbology::Code128).lay_out(&every_group()).unwrap();
    let counts: Vec<usize> = pages.iter().map(|page| symbols(page).count()).collect();
    assert_eq!(counts, [7, 14, 14, 4]);
}

#[test]
fn no_line_along_one_code_of_the_wall_meets_the_bars_of_another() {
    for page in job(Paper::A4, PrintSymbology::Both).lay_out(&every_group()).unwrap() {
        let linear: Vec<Area> = symbols(&page).filter(|s| is_linear(s)).map(|s| s.area).collect();
        for (at, a) in linear.iter().enumerate() {
            for b in &linear[at + 1..] {
                let apart = (b.y - a.end_y()).max(a.y - b.end_y());
                assert!(apart >= 3 * MM, "{a:?} {b:?}");
            }
        }
    }
}

#[test]
fn what_cannot_be_taken_back_stands_apart() {
    for symbology in SYMBOLOGIES {
        for page in job(Paper::A4, symbology).lay_out(&control_groups(&Seal::default())).unwrap() {
            let (cancel, others): (Vec<_>, Vec<_>) = symbols(&page).partition(|s| s.code.contains("CANCEL"));
            for (a, b) in cancel.iter().flat_map(|a| others.iter().map(move |b| (a.area, b.area))) {
                let apart = (b.y - a.end_y()).max(a.y - b.end_y());
                assert!(apart >= 20 * MM, "{a:?} {b:?}");
            }
        }
    }
}

#[test]
fn what_would_be_too_thin_to_read_is_refused() {
    let mut groups = control_groups(&Seal::default());
    groups[0].codes[0].text = "$SP.A-CODE-OF-SOMEONE-WITH-TOO-MUCH-TO-SAY.X".to_owned();
    let long = groups[0].codes[0].text.clone();
    assert_eq!(job(Paper::Label62x29, PrintSymbology::Code128).print(&groups), Err(Error::TooLong(long)));
    assert!(job(Paper::Label62x29, PrintSymbology::Qr).print(&groups).is_ok());
}

#[test]
fn what_has_no_barcode_is_refused() {
    let mut groups = control_groups(&Seal::default());
    groups[0].codes[0].text = "\u{416}".to_owned();
    let error = job(Paper::A4, PrintSymbology::Code128).print(&groups);
    assert_eq!(error, Err(Error::NoBarcode("\u{416}".to_owned())));
}

fn any_group() -> impl Strategy<Value = Group> {
    let risk = prop_oneof![4 => Just(Risk::Reversible), 1 => Just(Risk::Irreversible)];
    let picture =
        prop_oneof![Just(Picture::In), Just(Picture::Lens), "[0-9A-Z]{1,6}".prop_map(Picture::Words)];
    let code = ("[A-Z0-9-]{1,24}", "[A-Za-z,]{1,12}( [a-z]{1,12}){0,9}", "[A-Z0-9.-]{1,13}", picture);
    let code = code.prop_map(|(name, meaning, text, picture)| Code {
        name,
        meaning,
        text: format!("$S{text}"),
        picture,
    });
    ("[A-Za-z ]{1,60}", risk, prop::collection::vec(code, 1..20)).prop_map(|(title, risk, codes)| Group {
        title,
        ink: Ink::Green,
        risk,
        codes,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn whatever_the_groups_nothing_overlaps_and_nothing_is_left_out(
        groups in prop::collection::vec(any_group(), 0..5),
        paper in prop::sample::select(&PAPERS[..]),
        symbology in prop::sample::select(&SYMBOLOGIES[..]),
    ) {
        let pages = job(paper, symbology).lay_out(&groups).unwrap();
        assert_sound(&pages);
        prop_assert_eq!(printed(&pages), codes_of(&groups, symbology));
    }
}
