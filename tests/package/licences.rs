//! Who made what is built in, under which licence, and the words of each.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

const OURS: &str = include_str!("../../LICENSE");

const INTRODUCTION: &str = "\
stockpoint, a headless barcode station.

";

const BUILT_IN: &str = "
The program has these libraries in it, each unchanged and under the licence named. SQLite, which is in
libsqlite3-sys, is in the public domain. The words of the licences are in licences.gz beside this file; that of
Apache-2.0 is also in /usr/share/common-licenses/Apache-2.0.

";

/// Beginnings of the names of files that say a licence or name who holds a right.
const FILES: [&str; 5] = ["license", "licence", "copying", "notice", "copyright"];

/// What `cargo metadata` tells, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    root: String,
    nodes: Vec<Node>,
}

/// What a package needs.
#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Need>,
}

#[derive(Deserialize)]
struct Need {
    pkg: String,
    dep_kinds: Vec<NeedKind>,
}

/// No kind: the program needs it. Else its building or its tests do.
#[derive(Deserialize)]
struct NeedKind {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    manifest_path: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// Writes `copyright` and `licences` for the program built for `target`.
pub(crate) fn write(folder: &Path, target: &str) -> Result<(), Box<dyn Error>> {
    let libraries = built_in(target)?;
    let mut list = format!("{INTRODUCTION}{OURS}{BUILT_IN}");
    let mut texts = BTreeMap::<String, BTreeSet<&str>>::new();
    for Package { name, version, license, repository, manifest_path, .. } in &libraries {
        let told = |text: &Option<String>| text.clone().unwrap_or_default();
        writeln!(list, "{name} {version}: {}; {}", told(license), told(repository))?;
        for text in texts_beside(Path::new(manifest_path))? {
            texts.entry(text).or_default().insert(name);
        }
    }
    let mut words = String::new();
    for (text, names) in &texts {
        let names: Vec<&str> = names.iter().copied().collect();
        writeln!(words, "{}\n{}:\n\n{text}\n", "=".repeat(80), names.join(", "))?;
    }
    fs::write(folder.join("copyright"), list)?;
    fs::write(folder.join("licences"), words)?;
    Ok(())
}

/// What the program is made of: all that it needs, and what that needs, but for what only builds or tests it.
fn built_in(target: &str) -> Result<Vec<Package>, Box<dyn Error>> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let asked = ["metadata", "--locked", "--format-version=1", "--filter-platform", target];
    let answer = Command::new(cargo).args(asked).output()?;
    if !answer.status.success() {
        return Err(String::from_utf8_lossy(&answer.stderr).into());
    }
    let Metadata { mut packages, resolve } = serde_json::from_slice(&answer.stdout)?;
    let macros: BTreeSet<&str> =
        packages.iter().filter(|package| is_macro(package)).map(|package| package.id.as_str()).collect();
    let nodes: BTreeMap<&str, &Node> = resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut reached = BTreeSet::new();
    let mut open = vec![resolve.root.as_str()];
    while let Some(id) = open.pop() {
        if !macros.contains(id) && reached.insert(id.to_owned()) {
            let needs = nodes.get(id).into_iter().flat_map(|node| &node.deps);
            open.extend(needs.filter(|need| is_in(need)).map(|need| need.pkg.as_str()));
        }
    }
    reached.remove(&resolve.root);
    packages.retain(|package| reached.contains(&package.id));
    Ok(packages)
}

/// Whether the program itself needs it, not only its building.
fn is_in(need: &Need) -> bool {
    need.dep_kinds.iter().any(|kind| kind.kind.is_none())
}

/// A macro writes code and is not in the program.
fn is_macro(package: &Package) -> bool {
    package.targets.iter().flat_map(|target| &target.kind).any(|kind| kind == "proc-macro")
}

/// What stands in the licence files beside the manifest.
fn texts_beside(manifest: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let Some(folder) = manifest.parent() else { return Ok(Vec::new()) };
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if FILES.iter().any(|beginning| name.starts_with(beginning)) && entry.path().is_file() {
            texts.push(String::from_utf8_lossy(&fs::read(entry.path())?).trim().to_owned());
        }
    }
    Ok(texts)
}
