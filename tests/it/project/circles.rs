//! Which file of the library uses which, read off the sources: the wings of `domain`, and no circle between files.
//!
//! A file uses another if it names an item of it, by a `use` line or by a path in the code; an item that a module passes
//! on counts where it is defined. A file may use the `mod.rs` of a folder that it lies in: that is the common ground of
//! the folder. Tests are left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::architecture::{Source, sources};

/// Each wing and each ground file of `domain`, and all of it that they may use. A line names only what stands above it.
const DOMAIN_MAY_USE: &[(&str, &[&str])] = &[
    ("aim", &[]),
    ("count", &[]),
    ("ids", &[]),
    ("listing", &[]),
    ("mark", &[]),
    ("printable", &[]),
    ("signal", &[]),
    ("text", &[]),
    ("time", &[]),
    ("clock_trust", &["time"]),
    ("home", &["ids"]),
    ("decode", &["aim", "time"]),
    ("stock", &["ids"]),
    ("code", &["aim", "ids", "decode", "stock"]),
    ("calibrate", &["printable", "decode", "code"]),
    ("delivery", &["ids", "stock"]),
    ("session", &["aim", "ids", "signal", "time", "decode", "stock", "code"]),
    ("health", &["ids", "time", "session"]),
];

/// The most modules through which an item is passed on.
const PASSED_ON_MAX: usize = 8;

/// A path, segment by segment.
type Segments = Vec<String>;

/// What one source file names.
struct File {
    /// Below `src/`, with `/`.
    path: String,
    /// Its module, without `crate`.
    module: Segments,
    /// The imported names, and the path of each as it is written.
    imports: BTreeMap<String, Segments>,
    /// The paths in the code.
    named: BTreeSet<Segments>,
}

/// All files by their modules.
struct Files(BTreeMap<Segments, File>);

fn segments(path: &str) -> Segments {
    path.split("::").map(|segment| segment.trim().to_owned()).collect()
}

/// Returns the module of a file: `store/read.rs` and `store/read/mod.rs` are `store::read`.
fn module_of(path: &str) -> Segments {
    let parts = path.trim_end_matches(".rs").split('/').filter(|part| *part != "mod");
    parts.map(str::to_owned).collect()
}

fn is_of_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Cuts off the tests at the end of a file.
fn without_tests(code: &str) -> &str {
    let inline = code
        .match_indices("#[cfg(test)]\nmod ")
        .find(|(at, _)| code[*at..].lines().nth(1).is_some_and(|line| line.ends_with('{')));
    inline.map_or(code, |(at, _)| &code[..at])
}

/// Returns what a line imports if it begins a `use`.
fn begun_use(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub") {
        Some(restricted) if restricted.starts_with('(') => restricted.split_once(')')?.1,
        Some(public) => public,
        None => line,
    };
    line.trim_start().strip_prefix("use ")
}

/// Parts the code into its `use` statements and the rest.
fn parted(code: &str) -> (Vec<String>, String) {
    let (mut uses, mut rest, mut open) = (Vec::new(), String::new(), None::<String>);
    for line in code.lines() {
        match (open.as_mut(), begun_use(line)) {
            (Some(statement), _) => statement.push_str(line.trim()),
            (None, Some(begun)) => open = Some(begun.to_owned()),
            (None, None) => {
                rest.push_str(line);
                rest.push('\n');
                continue;
            }
        }
        if line.trim_end().ends_with(';') {
            uses.extend(open.take().map(|statement| statement.trim_end_matches(';').to_owned()));
        }
    }
    (uses, rest)
}

/// Writes out the groups of a `use`: `a::{b, c::{d, e}}` are three paths.
fn written_out(statement: &str) -> Vec<String> {
    let Some((front, group)) = statement.split_once('{') else { return vec![statement.trim().to_owned()] };
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut parts) = (0_i32, vec![String::new()]);
    for c in group.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match parts.last_mut() {
            Some(_) if c == ',' && depth == 0 => parts.push(String::new()),
            Some(part) => part.push(c),
            None => {}
        }
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(|part| written_out(&format!("{}{part}", front.trim()))).collect()
}

/// Returns the name under which a path is imported, and the path.
fn import(path: &str) -> (String, Segments) {
    let (path, alias) = path.split_once(" as ").map_or((path, None), |(path, alias)| (path, Some(alias)));
    let path = path.strip_suffix("::self").unwrap_or(path).trim();
    let last = path.rsplit("::").next().unwrap_or(path);
    // A trait that is imported for its methods has no name: its path keeps it apart from the others.
    let name = alias.map_or(last, |alias| if alias.trim() == "_" { path } else { alias.trim() });
    (name.to_owned(), segments(path))
}

fn is_of_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Returns the paths of two segments or more in code without `use` statements.
fn named(code: &str) -> BTreeSet<Segments> {
    let words = code.split(|c| !is_of_path(c)).map(|word| word.trim_matches(':'));
    words.filter(|word| word.contains("::")).map(segments).collect()
}

impl Files {
    fn of<'a>(sources: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let file = |(path, code): (&str, &str)| {
            let (uses, rest) = parted(without_tests(code));
            let imports = uses.iter().flat_map(|statement| written_out(statement)).map(|path| import(&path));
            let module = module_of(path);
            let file = File {
                path: path.to_owned(),
                module: module.clone(),
                imports: imports.collect(),
                named: named(&rest),
            };
            (module, file)
        };
        Self(sources.filter(|(path, _)| !is_of_tests(path)).map(file).collect())
    }

    /// Returns a path that `file` names as one from the root of the crate; `None` if it is of another crate.
    fn rooted(&self, file: &File, path: &[String]) -> Option<Segments> {
        let (first, rest) = path.split_first()?;
        let below = |module: &[String], rest: &[String]| [module, rest].concat();
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some(below(&file.module, rest)),
            "super" => {
                let above = rest.iter().take_while(|segment| *segment == "super").count() + 1;
                let module = &file.module[..file.module.len().checked_sub(above)?];
                Some(below(module, &rest[above - 1..]))
            }
            _ if self.0.contains_key(&below(&file.module, std::slice::from_ref(first))) => {
                Some(below(&file.module, path))
            }
            _ => {
                // An import that begins with its own name is of another crate: `use tokio;`.
                let imported = file.imports.get(first).filter(|imported| imported.first() != Some(first))?;
                Some(below(&self.rooted(file, imported)?, rest))
            }
        }
    }

    /// Returns the file that defines what a path from the root names, and whether it names more than the file's module.
    fn defining(&self, path: &[String], passed_on: usize) -> Option<(&File, bool)> {
        let length = (1..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
        let (file, item) = (&self.0[&path[..length]], &path[length..]);
        let Some((first, rest)) = item.split_first() else { return Some((file, false)) };
        let elsewhere = file.imports.get(first).filter(|_| passed_on < PASSED_ON_MAX);
        let elsewhere = elsewhere.and_then(|imported| self.rooted(file, imported));
        let found = elsewhere.and_then(|path| self.defining(&[&path, rest].concat(), passed_on + 1));
        Some(found.unwrap_or((file, true)))
    }

    /// Returns the modules of the files that a file uses, but for those of the folders that it lies in.
    fn used_by<'a>(&'a self, file: &'a File) -> BTreeSet<&'a Segments> {
        let paths = file.imports.values().chain(&file.named);
        let found = paths.filter_map(|path| self.defining(&self.rooted(file, path)?, 0));
        let modules = found.filter(|(_, is_an_item)| *is_an_item).map(|(found, _)| &found.module);
        modules.filter(|module| !file.module.starts_with(module)).collect()
    }

    /// Returns the files from which their own uses lead back to them.
    fn in_a_circle(&self) -> Vec<&str> {
        let uses: BTreeMap<&Segments, BTreeSet<&Segments>> =
            self.0.values().map(|file| (&file.module, self.used_by(file))).collect();
        let is_circular = |start: &Segments| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(module) = open.pop() {
                open.extend(uses[module].iter().filter(|used| seen.insert(**used)));
            }
            seen.contains(start)
        };
        self.0.values().filter(|file| is_circular(&file.module)).map(|file| file.path.as_str()).collect()
    }
}

/// Returns every file of the library outside the simulated service.
fn library(sources: &[Source]) -> Files {
    let outside = sources.iter().filter(|source| source.module != "sandbox");
    Files::of(outside.map(|source| (source.path.as_str(), source.code.as_str())))
}

/// Returns the part of `domain` to which a module belongs.
fn part_of_domain(module: &[String]) -> Option<&str> {
    let [domain, part, ..] = module else { return None };
    (domain == "domain").then_some(part)
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    assert_eq!(library(&sources()).in_a_circle(), Vec::<&str>::new());
}

#[test]
fn every_wing_of_the_domain_uses_only_what_it_may() {
    let sources = sources();
    let files = library(&sources);
    let mut wrong = Vec::new();
    for file in files.0.values() {
        let Some(part) = part_of_domain(&file.module) else { continue };
        let (_, may_use) = DOMAIN_MAY_USE.iter().find(|(name, _)| *name == part).expect("the table has it");
        let used = files.used_by(file).into_iter().filter_map(|module| part_of_domain(module));
        let beyond = used.filter(|used| *used != part && !may_use.contains(used));
        wrong.extend(beyond.map(|used| format!("src/{} uses domain::{used}", file.path)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_of_the_domain_has_no_cycle_and_leaves_nothing_out() {
    for (at, (part, may_use)) in DOMAIN_MAY_USE.iter().enumerate() {
        for other in *may_use {
            let above = DOMAIN_MAY_USE[..at].iter().any(|(name, _)| name == other);
            assert!(above, "{part} may use {other}, which does not stand above it");
        }
    }
    let listed: BTreeSet<&str> = DOMAIN_MAY_USE.iter().map(|(part, _)| *part).collect();
    let sources = sources();
    let files = library(&sources);
    let there: BTreeSet<&str> = files.0.values().filter_map(|file| part_of_domain(&file.module)).collect();
    assert_eq!(listed, there);
}

/// Returns what the file at `path` uses, among files made up for a test.
fn uses(files: &[(&str, &str)], path: &str) -> String {
    let files = Files::of(files.iter().copied());
    let used = files.used_by(&files.0[&module_of(path)]).into_iter();
    used.map(|module| module.join("::")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_use_is_seen_in_every_spelling() {
    let others =
        [("a/mod.rs", "mod x;\npub struct Own;"), ("a/x.rs", ""), ("b/mod.rs", "fn f() {}"), ("b/y.rs", "")];
    for (code, used) in [
        ("use crate::b::y::Y;", "b::y"),
        ("use crate::b::{f, y::{Y, Z as Other}};", "b b::y"),
        ("pub(super) use crate::b::{\n    f,\n};", "b"),
        ("use crate::b::y;\nfn g() { y::h() }", "b::y"),
        ("use crate::b::y::{self, Y};", "b::y"),
        ("use crate::b::y as why;\nfn g() { why::h() }", "b::y"),
        ("fn g() -> crate::b::y::Y { crate::b::f() }", "b b::y"),
        ("use super::x::X;", "a::x"),
        ("fn g() { super::x::h(); self::inner() }", "a::x"),
        ("fn g() { super::super::b::f() }", "b"),
        ("use super::Own;\nuse crate::b::y;\nuse std::fmt;", ""),
        ("#[cfg(test)]\nmod tests {\n    use crate::b::f;\n}", ""),
    ] {
        let files = [others.as_slice(), &[("a/it.rs", code)]].concat();
        assert_eq!(uses(&files, "a/it.rs"), used, "{code}");
    }
}

#[test]
fn an_item_that_is_passed_on_is_used_where_it_is_defined() {
    let files = [
        ("a/mod.rs", "mod x;\npub use x::X;\npub use crate::b::y::Y as Why;"),
        ("a/x.rs", "pub struct X;"),
        ("b/mod.rs", "pub mod y;"),
        ("b/y.rs", "pub struct Y;"),
        ("c.rs", "use crate::a::{Why, X};\nfn g() { Why::new() }"),
    ];
    assert_eq!(uses(&files, "c.rs"), "a::x b::y");
}

#[test]
fn a_circle_is_found_and_the_common_ground_of_a_folder_makes_none() {
    let circle = |files: &[(&str, &str)]| Files::of(files.iter().copied()).in_a_circle().join(" ");
    let ground = [
        ("a/mod.rs", "mod x;\nfn f() { x::g() }"),
        ("a/x.rs", "use super::f;"),
        ("b.rs", "use crate::a::f;"),
    ];
    assert_eq!(circle(&ground), "");
    let two =
        [("a.rs", "use crate::b::B;"), ("b.rs", "fn f() { crate::a::g() }"), ("c.rs", "use crate::a::A;")];
    assert_eq!(circle(&two), "a.rs b.rs");
    let through_a_folder = [
        ("a/mod.rs", "mod x;\nfn f() { x::g() }"),
        ("a/x.rs", "use crate::b::B;"),
        ("b.rs", "use crate::a::f;"),
    ];
    assert_eq!(circle(&through_a_folder), "a/mod.rs a/x.rs b.rs");
    assert_eq!(circle(&[("a.rs", "use crate::a::A;")]), "");
}
