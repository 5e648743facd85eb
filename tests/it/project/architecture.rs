//! Who may know whom, read off the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the library, and all it may use. A line names only modules of the lines above it, so no two
/// modules can come to need each other.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("random", &[]),
    ("draft", &[]),
    ("clock", &["domain", "random"]),
    ("machine", &["domain"]),
    ("meter", &[]),
    ("owner", &[]),
    ("config", &["domain"]),
    ("child", &["config"]),
    ("store", &["domain", "random"]),
    ("api", &["domain", "random", "config", "meter"]),
    ("device", &["domain", "clock", "config"]),
    ("feedback", &["domain", "config", "child"]),
    ("sandbox", &["domain"]),
    ("sheet", &["domain", "config"]),
    ("status", &["domain", "store"]),
    ("socket", &[]),
    ("web", &["domain", "config", "meter", "store", "feedback", "status"]),
    (
        "work",
        &["domain", "random", "clock", "machine", "config", "store", "api", "feedback", "status", "meter"],
    ),
    (
        "app",
        &[
            "domain", "clock", "machine", "meter", "config", "store", "api", "device", "feedback", "status",
            "socket", "web", "work",
        ],
    ),
    ("demo", &["domain", "clock", "config", "store", "feedback", "sandbox", "sheet", "status", "app"]),
    (
        "doctor",
        &[
            "domain", "clock", "machine", "owner", "config", "child", "store", "api", "device", "feedback",
            "status", "work",
        ],
    ),
    ("setup", &["domain", "draft", "config", "child", "device"]),
    ("guide", &[]),
    (
        "cli",
        &[
            "domain", "draft", "clock", "machine", "owner", "config", "child", "store", "api", "device",
            "sheet", "status", "socket", "work", "app", "demo", "doctor", "guide", "setup",
        ],
    ),
];

/// What the domain must not know: it reads no clock, waits for nothing, and touches nothing outside.
const OUTSIDE_WORLD: &[&str] = &[
    "tokio",
    "rusqlite",
    "reqwest",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "SystemTime",
    "Instant",
];

/// One source file.
pub(crate) struct Source {
    /// Below `src/`, with `/`.
    pub(crate) path: String,
    /// The module of the library it belongs to.
    pub(crate) module: String,
    /// Its text without comments.
    pub(crate) code: String,
}

/// Every source of the library.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut sources = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        if path == "lib.rs" || path == "main.rs" {
            continue;
        }
        let module = path.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        let code = without_comments(&fs::read_to_string(&file).unwrap());
        sources.push(Source { path, module, code });
    }
    assert!(sources.len() > 80, "the sources were not found");
    sources
}

/// Adds every Rust source of a folder and of those in it.
pub(super) fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Cuts comments off; the `//` of an address is none.
fn without_comments(text: &str) -> String {
    let code = text.lines().map(|line| {
        let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
        comment.map_or(line, |(at, _)| &line[..at])
    });
    code.collect::<Vec<_>>().join("\n")
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether `name` stands in the code as a whole word.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name)
        .any(|(at, _)| !code[..at].ends_with(is_word) && !code[at + name.len()..].starts_with(is_word))
}

/// The modules of the library that the code names.
fn used(code: &str) -> BTreeSet<&str> {
    let after = code.match_indices("crate::").map(|(at, found)| &code[at + found.len()..]);
    after.filter_map(|rest| rest.split(|c| !is_word(c)).next()).filter(|name| !name.is_empty()).collect()
}

/// The modules that a module uses and may not.
fn not_allowed<'a>(module: &str, code: &'a str) -> Vec<&'a str> {
    let (_, allowed) = MAY_USE.iter().find(|(name, _)| *name == module).unwrap();
    used(code).into_iter().filter(|name| *name != module && !allowed.contains(name)).collect()
}

/// The ways of naming a module that [`used`] does not see.
fn evasions(source: &Source) -> Vec<&'static str> {
    let top =
        source.path == format!("{}.rs", source.module) || source.path == format!("{}/mod.rs", source.module);
    let mut found = Vec::new();
    if source.code.contains("crate::{") {
        found.push("a group of the whole crate");
    }
    if source.code.contains("super::super") {
        found.push("super::super");
    }
    if top && source.code.lines().any(|line| line.starts_with("use super::")) {
        found.push("super:: of a module of the first level");
    }
    if source.code.contains("stockpoint::") {
        found.push("the crate by its own name");
    }
    found
}

#[test]
fn every_module_uses_only_what_it_may() {
    let mut wrong = Vec::new();
    for source in sources() {
        for module in not_allowed(&source.module, &source.code) {
            wrong.push(format!("src/{} uses {module}", source.path));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_has_no_cycle_and_leaves_no_module_out() {
    for (at, (module, may_use)) in MAY_USE.iter().enumerate() {
        for other in *may_use {
            let above = MAY_USE[..at].iter().any(|(name, _)| name == other);
            assert!(above, "{module} may use {other}, which does not stand above it");
        }
    }
    let listed: BTreeSet<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    let sources = sources();
    let there: BTreeSet<&str> = sources.iter().map(|source| source.module.as_str()).collect();
    assert_eq!(listed, there);
}

#[test]
fn the_map_at_the_head_of_the_library_has_every_module() {
    let head = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let rows: String = head.lines().filter(|line| line.starts_with("//! |")).collect();
    let left_out: Vec<_> =
        MAY_USE.iter().filter(|(module, _)| !rows.contains(&format!("`{module}`"))).collect();
    assert!(left_out.is_empty(), "{left_out:?}");
}

#[test]
fn nothing_is_named_in_a_way_that_hides_its_module() {
    let mut wrong = Vec::new();
    for source in sources() {
        wrong.extend(evasions(&source).into_iter().map(|way| format!("src/{}: {way}", source.path)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_domain_knows_nothing_of_the_outside_world() {
    for source in sources().iter().filter(|source| source.module == "domain") {
        for name in OUTSIDE_WORLD {
            assert!(!names(&source.code, name), "src/{} names {name}", source.path);
        }
    }
}

#[test]
fn sql_is_known_to_the_store_alone() {
    let sources = sources();
    let named = |source: &&Source| names(&source.code, "rusqlite");
    let outside: Vec<_> = sources.iter().filter(|source| source.module != "store").filter(named).collect();
    assert!(outside.is_empty(), "{:?}", outside.iter().map(|source| &source.path).collect::<Vec<_>>());
    assert!(sources.iter().filter(|source| source.module == "store").any(|source| named(&source)));
}

#[test]
fn nothing_is_unsafe() {
    for source in sources() {
        assert!(!names(&source.code, "unsafe"), "src/{}", source.path);
    }
}

#[test]
fn what_is_not_allowed_is_seen_in_every_spelling() {
    assert_eq!(not_allowed("store", "use crate::api::Error;\nuse crate::domain::ids::GoodId;"), ["api"]);
    assert_eq!(not_allowed("domain", "fn now() -> i64 { crate::clock::SystemClock::new() }"), ["clock"]);
    assert_eq!(not_allowed("store", "pub(in crate::store) fn open() {}"), [] as [&str; 0]);
    assert_eq!(
        without_comments("see(); // crate::api is not used\n\"http://host\""),
        "see(); \n\"http://host\""
    );
    assert!(names("use std::time::Instant;", "Instant") && !names("struct Instantly;", "Instant"));
    let evading = |path: &str, code: &str| {
        let module = path.split(['/', '.']).next().unwrap().to_owned();
        evasions(&Source { path: path.to_owned(), module, code: code.to_owned() }).len()
    };
    assert_eq!(evading("store/read.rs", "use crate::{api, store};"), 1);
    assert_eq!(evading("store/read.rs", "use super::super::api;"), 1);
    assert_eq!(evading("store/mod.rs", "use super::api;"), 1);
    assert_eq!(evading("store/read.rs", "use super::Error;"), 0);
    assert_eq!(evading("store/mod.rs", "mod tests {\n    use super::*;\n}"), 0);
    assert_eq!(evading("store/read.rs", "use stockpoint::api;"), 1);
}
