//! The files of the repository that no program reads: the change log, the workflow, the compiler.

use std::fs;
use std::path::Path;

use jiff::civil::Date;
use yaml_rust2::Yaml;
use yaml_rust2::YamlLoader;

/// The groups of changes that Keep a Changelog 1.1.0 has (<https://keepachangelog.com/en/1.1.0/>).
const GROUPS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Returns the text after each heading of this level, with the heading first.
fn sections<'a>(text: &'a str, level: &str) -> Vec<(&'a str, &'a str)> {
    let mark = format!("\n{level} ");
    let (_before, after) = text.split_once(&mark).unwrap_or_default();
    after.split(&mark).filter_map(|section| section.split_once('\n')).collect()
}

/// Panics if a section of the change log has other groups than it may, one twice, an empty one, or text beside its items.
fn check_groups(heading: &str, section: &str) {
    let text = format!("\n{section}");
    let groups = sections(&text, "###");
    let known = groups.iter().map(|(name, _)| GROUPS.iter().position(|group| group == name));
    let places: Vec<_> = known.map(|place| place.unwrap_or_else(|| panic!("a group of {heading}"))).collect();
    assert!(places.is_sorted_by(|one, next| one < next), "the groups of {heading}");
    for (name, items) in groups {
        let lines: Vec<_> = items.lines().filter(|line| !line.is_empty()).collect();
        assert!(lines.first().is_some_and(|line| line.starts_with("- ")), "{heading}, {name}");
        assert!(
            lines.iter().all(|line| line.starts_with("- ") || line.starts_with("  ")),
            "{heading}, {name}"
        );
    }
}

#[test]
fn the_change_log_has_what_is_not_released_then_each_version_with_its_day() {
    let text = file("CHANGELOG.md");
    let sections = sections(&text, "##");
    let (first, versions) = sections.split_first().unwrap();
    assert_eq!(first.0, "Unreleased");
    for (heading, section) in &sections {
        check_groups(heading, section);
    }
    let days =
        versions.iter().map(|(heading, _)| heading.split_once(" - ").unwrap().1.parse::<Date>().unwrap());
    assert!(days.is_sorted_by(|newer, older| newer >= older), "the newest version comes first");
    let (newest, day) = versions[0].0.split_once(" - ").unwrap();
    assert_eq!(
        newest,
        env!("CARGO_PKG_VERSION"),
        "the version in Cargo.toml is the newest in the change log"
    );
    // The package's own: `stockpoint (0.1.0) …` and ` -- … <…>  Wed, 25 Nov 2026 00:00:00 +0000`.
    let package = file("systemd/debian/changelog");
    assert!(package.starts_with(&format!("stockpoint ({newest}) ")), "{package}");
    let signed = package.lines().find(|line| line.starts_with(" -- ")).unwrap();
    let (_, date) = signed.split_once(">  ").unwrap();
    let released = jiff::fmt::rfc2822::parse(date).unwrap().date();
    assert_eq!(released.to_string(), day);
}

#[test]
fn the_workflow_calls_the_gate() {
    let workflow = YamlLoader::load_from_str(&file(".github/workflows/gate.yml")).unwrap();
    let steps = workflow[0]["jobs"]["gate"]["steps"].as_vec().unwrap();
    let gates: Vec<_> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    assert_eq!(gates.len(), 1);
    assert!(gates[0].ends_with("bash .ci/run"), "{gates:?}");
    assert_eq!(steps.iter().filter(|step| step["continue-on-error"] != Yaml::BadValue).count(), 0);
}

#[test]
fn the_compiler_is_one_that_whoever_has_rust_has() {
    let toolchain = file("rust-toolchain.toml");
    assert!(toolchain.lines().any(|line| line == "channel = \"stable\""), "{toolchain}");
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    assert!(file("README.md").contains(&format!("You need Rust {oldest} or later")), "{oldest}");
}

/// Returns the paths of the repository that a text names between backticks, without a line's number.
fn named_paths(text: &str) -> Vec<&str> {
    let spans = text.split('`').skip(1).step_by(2);
    let is_path = |span: &&str| {
        let roots = ["src/", "tests/", "systemd/", ".ci/", ".github/"];
        roots.iter().any(|root| span.starts_with(root)) && !span.contains([' ', '*', '<'])
    };
    spans.filter(is_path).collect()
}

#[test]
fn every_path_that_a_contributor_is_sent_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![".github/CONTRIBUTING.md".to_owned(), "src/lib.rs".to_owned()];
    for entry in fs::read_dir(root.join("src/guide/decisions")).unwrap() {
        pages.push(format!("src/guide/decisions/{}", entry.unwrap().file_name().to_str().unwrap()));
    }
    let mut missing = Vec::new();
    let mut count = 0;
    for page in &pages {
        let text = file(page);
        for path in named_paths(&text) {
            count += 1;
            if !root.join(path).exists() {
                missing.push(format!("{page} names {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(count > 30, "only {count} paths were found");
}

#[test]
fn a_path_is_found_between_backticks_alone() {
    assert_eq!(
        named_paths("see `src/a.rs` and `src/b/`, not `cargo test` or src/c.rs"),
        ["src/a.rs", "src/b/"]
    );
    assert_eq!(named_paths("`tests/it/x.rs` `src/guide/*.md` `src/<name>`"), ["tests/it/x.rs"]);
}
