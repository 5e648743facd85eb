//! The control sheet on paper: every code of every format is read back from the rendered picture by a decoder that
//! is not ours. Where a tool is missing, the test says so and passes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stockpoint::domain::calibrate::CalibrationCode;
use stockpoint::domain::code::control;
use stockpoint::domain::code::control::Control;
use stockpoint::domain::code::seal::Seal;
use stockpoint::domain::ids::StorageId;

use crate::support::program::Shed;
use crate::support::pty::Pty;

const PAPERS: [&str; 5] = ["a4", "label-58x40", "label-62x29", "label-89x36", "labels-70x37"];
const SYMBOLOGIES: [&str; 3] = ["code128", "qr", "both"];
const CONFIG: &str = "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n\
                      [[storage]]\nid = 91272\nname = \"Cellar\"\n";

const SECRET: &str = "0123456789abcdef-sheet";

/// Dots an inch at which pages are looked at, as an office printer or a camera would.
const DPI: usize = 300;
/// The height of the part of a page that the decoder is shown at once, and the step to the next: like a scanner, it
/// need not sort out a whole page of QR codes. No code is higher than the step.
const BAND: usize = 60 * DPI * 10 / 254;
const STEP: usize = 30 * DPI * 10 / 254;
/// More than A4 has.
const BANDS_OF_A_SHEET_MAX: usize = 12;

/// Seconds that a tool may take.
const PATIENCE_S: &str = "120";

/// Whether all these tools are here; says which is not.
pub(crate) fn have(tools: &[&str]) -> bool {
    let missing: Vec<&&str> =
        tools.iter().filter(|tool| Command::new(tool).arg("--version").output().is_err()).collect();
    if !missing.is_empty() {
        println!("skipped: {missing:?} not installed here");
    }
    missing.is_empty()
}

/// Runs a tool to its end, which must be a good one, and gives back what it said.
pub(crate) fn tool(folder: &Path, name: &str, args: &[&str]) -> String {
    let mut command = Command::new("timeout");
    let done = command.arg(PATIENCE_S).arg(name).args(args).current_dir(folder).output().unwrap();
    // `zbarimg` ends with 4 if a picture has no code at all: what it read is judged, not that.
    let is_good = done.status.success() || (name == "zbarimg" && done.status.code() == Some(4));
    assert!(is_good, "{name} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// A station's folder with one sheet in it.
struct Printed {
    shed: Shed,
    format: &'static str,
}

impl Printed {
    async fn new(format: &'static str, paper: &str, symbology: &str) -> Self {
        Self::with(CONFIG, format, paper, symbology).await
    }

    async fn with(config: &str, format: &'static str, paper: &str, symbology: &str) -> Self {
        let shed = Shed::new();
        shed.write("config.toml", config);
        shed.write("sheet-secret", SECRET);
        let file = format!("sheet.{format}");
        let args =
            ["sheet", "--format", format, "--paper", paper, "--symbology", symbology, "--output", &file];
        assert_eq!(shed.says(&args).await, "");
        Self { shed, format }
    }

    fn folder(&self) -> &Path {
        self.shed.dir.path()
    }

    /// The sheet as a file that every format can become, drawn by a program that is not ours.
    fn to_pdf(&self) {
        match self.format {
            "svg" => {
                tool(self.folder(), "rsvg-convert", &["--format=pdf", "--output=sheet.pdf", "sheet.svg"]);
            }
            "html" => print_in_browser(self.folder()),
            _ => {}
        }
    }

    /// What a decoder reads on its pages, each as it names it: `CODE-128:…` or `QR-Code:…`.
    fn read_back(&self) -> BTreeSet<String> {
        self.to_pdf();
        tool(self.folder(), "pdftoppm", &["-gray", "-r", &DPI.to_string(), "sheet.pdf", "page"]);
        let mut pages: Vec<PathBuf> =
            fs::read_dir(self.folder()).unwrap().map(|file| file.unwrap().path()).collect();
        pages.retain(|path| path.extension().is_some_and(|extension| extension == "pgm"));
        assert!(!pages.is_empty());
        // A code that the decoder cannot sort out among those of its band it finds on the page, and the other way round.
        let pictures: Vec<String> = pages.iter().flat_map(|page| with_bands(page)).collect();
        let args: Vec<&str> =
            ["--quiet", "--nodbus"].into_iter().chain(pictures.iter().map(String::as_str)).collect();
        tool(self.folder(), "zbarimg", &args).lines().map(str::to_owned).collect()
    }
}

fn print_in_browser(folder: &Path) {
    let page = format!("file://{}/sheet.html", folder.display());
    let args = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--user-data-dir=browser",
        "--no-pdf-header-footer",
        "--print-to-pdf=sheet.pdf",
        &page,
    ];
    tool(folder, "chromium", &args);
}

/// A page and its bands; of one that is higher than a sheet of paper, which no tool takes, the bands alone.
fn with_bands(page: &Path) -> Vec<String> {
    let mut pictures = into_bands(page);
    if pictures.len() <= BANDS_OF_A_SHEET_MAX {
        pictures.push(page.to_str().unwrap().to_owned());
    }
    pictures
}

/// Cuts a picture of a page into bands that overlap.
fn into_bands(page: &Path) -> Vec<String> {
    let picture = fs::read(page).unwrap();
    // `P5`, width, height, the brightest grey, each ended by one white space, then the rows.
    let head: Vec<&[u8]> = picture.splitn(5, u8::is_ascii_whitespace).collect();
    let number = |at: usize| str::from_utf8(head[at]).unwrap().parse::<usize>().unwrap();
    assert_eq!((head[0], number(3)), (&b"P5"[..], 255));
    let (width, rows) = (number(1), head[4]);
    let ends = (0..).map(|band| band * STEP + BAND);
    let count = 1 + ends.take_while(|end| *end < number(2)).count();
    let band = |number: usize| {
        let from = number * STEP * width;
        let part = &rows[from..rows.len().min(from + BAND * width)];
        let path = page.with_extension(format!("band{number}.pgm"));
        let head = format!("P5 {width} {} 255\n", part.len() / width);
        fs::write(&path, [head.as_bytes(), part].concat()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    (0..count).map(band).collect()
}

/// The codes of the storages of that configuration.
const STORAGES: [Control; 2] = [Control::Storage(StorageId(91271)), Control::Storage(StorageId(91272))];

const CALIBRATION: [Control; 2] =
    [Control::Calibrate(CalibrationCode::First), Control::Calibrate(CalibrationCode::Second)];

/// Every control code as the decoder is to name it.
fn all_codes(seal: &Seal, symbology: &str) -> BTreeSet<String> {
    let prefixes = match symbology {
        "code128" => &["CODE-128"][..],
        "qr" => &["QR-Code"],
        _ => &["CODE-128", "QR-Code"],
    };
    let codes =
        control::sheet().into_iter().chain(STORAGES).chain(CALIBRATION).map(|control| seal.code(control));
    codes.flat_map(|code| prefixes.iter().map(move |prefix| format!("{prefix}:{code}"))).collect()
}

/// Prints, draws and reads back.
async fn assert_readable(format: &'static str, symbologies: &[&str]) {
    for paper in PAPERS {
        for symbology in symbologies {
            let read = Printed::new(format, paper, symbology).await.read_back();
            assert_all_read(&read, &Seal::default(), symbology, &format!("{format} {paper} {symbology}"));
        }
    }
}

fn assert_all_read(read: &BTreeSet<String>, seal: &Seal, symbology: &str, sheet: &str) {
    let wanted = all_codes(seal, symbology);
    let missing: Vec<_> = wanted.difference(read).collect();
    let wrong: Vec<_> = read.difference(&wanted).collect();
    assert!(missing.is_empty() && wrong.is_empty(), "{sheet}: {missing:?} {wrong:?}");
}

/// Three characters more: their bars still fit the smallest labels.
#[tokio::test]
async fn every_sealed_code_is_read_back_from_every_paper() {
    if have(&["zbarimg", "pdftoppm"]) {
        let config = CONFIG.replacen("[station]", "[station]\nsheet_secret_file = \"./sheet-secret\"", 1);
        let seal = Seal::keyed(&SECRET.into());
        for paper in PAPERS {
            let read = Printed::with(&config, "pdf", paper, "both").await.read_back();
            assert_all_read(&read, &seal, "both", paper);
        }
    }
}

#[tokio::test]
async fn every_code_is_read_back_from_the_pdf_of_every_paper_and_symbology() {
    if have(&["zbarimg", "pdftoppm"]) {
        assert_readable("pdf", &SYMBOLOGIES).await;
    }
}

#[tokio::test]
async fn every_code_is_read_back_from_the_svg_of_every_paper_and_symbology() {
    if have(&["zbarimg", "pdftoppm", "rsvg-convert"]) {
        assert_readable("svg", &SYMBOLOGIES).await;
    }
}

#[tokio::test]
async fn every_code_is_read_back_from_the_page_a_browser_prints() {
    if have(&["zbarimg", "pdftoppm", "chromium"]) {
        assert_readable("html", &["both"]).await;
    }
}

/// What `pdfinfo` tells of a sheet.
fn told_of(printed: &Printed) -> String {
    printed.to_pdf();
    tool(printed.folder(), "pdfinfo", &["sheet.pdf"])
}

/// What stands behind a key of it.
fn value(key: &str, told: &str) -> String {
    told.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_browser_prints_each_page_on_one_of_paper_in_its_true_size() {
    if !have(&["pdfinfo", "chromium"]) {
        return;
    }
    for (paper, (width, height)) in [("a4", (210, 297)), ("label-62x29", (62, 29))] {
        // As many as the program lays out itself: none is broken in two, and none is blank.
        let pages = value("Pages:", &told_of(&Printed::new("pdf", paper, "code128").await));
        let told = told_of(&Printed::new("html", paper, "code128").await);
        assert_eq!(value("Pages:", &told), pages, "{paper}");
        let size: Vec<u32> =
            value("Page size:", &told).split([' ', '.']).filter_map(|word| word.parse().ok()).collect();
        // Points, 72 to 25.4 mm; the browser rounds to whole pixels.
        let points = |mm: u32| mm * 720 / 254;
        assert!(size.iter().any(|size| size.abs_diff(points(width)) <= 1), "{paper}: {told}");
        assert!(size.iter().any(|size| size.abs_diff(points(height)) <= 1), "{paper}: {told}");
    }
}

#[tokio::test]
async fn the_sheet_names_station_day_and_version() {
    let svg = fs::read_to_string(Printed::new("svg", "a4", "code128").await.shed.path("sheet.svg")).unwrap();
    let foot = svg.lines().find(|line| line.contains("dock-1, 20")).unwrap();
    let (_, day) = foot.split_once("dock-1, ").unwrap();
    let digits = day.chars().take(10).map(|c| if c.is_ascii_digit() { '9' } else { c }).collect::<String>();
    assert_eq!(digits, "9999-99-99");
    assert!(day.contains(concat!(", stockpoint ", env!("CARGO_PKG_VERSION"), "<")), "{foot}");
}

#[tokio::test]
async fn without_a_configuration_the_sheet_has_the_same_codes_and_no_name() {
    let shed = Shed::new();
    let svg = shed.says(&["sheet", "--format", "svg"]).await;
    assert!(svg.contains("<title>stockpoint control sheet</title>") && !svg.contains("dock-1"));
    assert!(control::sheet().iter().all(|code| svg.contains(&format!(">{}<", code.code()))));
    // The separator is spelled for people.
    assert!(svg.contains(">$SP.zQm1-/\\#@\"<") && svg.contains(">$SP.Wa+=&lt;GS&gt;:;_%'<"));
}

#[tokio::test]
async fn the_storages_are_listed_where_there_is_a_choice() {
    let shed = Shed::new();
    shed.write("config.toml", CONFIG);
    let listed = shed.says(&["sheet"]).await;
    assert!(listed.contains("STORAGE-91271\t$SP.ST-91271.T\nSTORAGE-91272\t$SP.ST-91272.R\n"), "{listed}");
    shed.write("config.toml", CONFIG.replace("91272", "91271"));
    assert!(!shed.says(&["sheet"]).await.contains("STORAGE"));
}

#[tokio::test]
async fn a_wrong_configuration_is_told_where_its_name_would_be_printed() {
    let shed = Shed::new();
    shed.write("config.toml", "[station]\n");
    let ended = shed.run(&["sheet", "--format", "html"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.err.contains("config.toml"), "{ended:?}");
    assert!(shed.says(&["sheet", "--format", "text"]).await.contains("$SP.OK.C"));
}

#[tokio::test]
async fn no_pdf_goes_to_a_terminal() {
    let (shed, pty) = (Shed::new(), Pty::new());
    let noctty = nix::fcntl::OFlag::O_NOCTTY.bits();
    let terminal = fs::OpenOptions::new().write(true).custom_flags(noctty).open(&pty.path).unwrap();
    let mut command = shed.command(&["sheet", "--format", "pdf"]);
    let done = command.stdout(terminal).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains("--output"), "{done:?}");
    assert!(!pty.is_heard_within(std::time::Duration::ZERO));
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_named() {
    let ended = Shed::new().run(&["sheet", "--format", "pdf", "--output", "no/such/folder.pdf"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("no/such/folder.pdf"), "{ended:?}");
}
