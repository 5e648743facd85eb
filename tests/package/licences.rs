//! Who made what is built in, under which licence, and the words of each.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

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

/// A library that is built in.
struct Library {
    name: String,
    version: String,
    licence: String,
    home: String,
    manifest: String,
}

/// Writes `copyright` and `licences` for the program built for `target`.
pub(crate) fn write(folder: &Path, target: &str) -> Result<(), Box<dyn Error>> {
    let libraries = built_in(target)?;
    let mut list = format!("{INTRODUCTION}{OURS}{BUILT_IN}");
    let mut texts = BTreeMap::<String, BTreeSet<&str>>::new();
    for library in &libraries {
        let Library { name, version, licence, home, manifest } = library;
        writeln!(list, "{name} {version}: {licence}; {home}")?;
        for text in texts_of(Path::new(manifest))? {
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
fn built_in(target: &str) -> Result<Vec<Library>, Box<dyn Error>> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let asked = ["metadata", "--locked", "--format-version=1", "--filter-platform", target];
    let answer = Command::new(cargo).args(asked).output()?;
    if !answer.status.success() {
        return Err(String::from_utf8_lossy(&answer.stderr).into());
    }
    let metadata: Value = serde_json::from_slice(&answer.stdout)?;
    let by_id = |list| members(list).map(|value| (text(&value["id"]), value)).collect::<BTreeMap<_, _>>();
    let (nodes, packages) = (by_id(&metadata["resolve"]["nodes"]), by_id(&metadata["packages"]));
    let ours = text(&metadata["resolve"]["root"]);
    let mut reached = BTreeSet::new();
    let mut open = vec![ours];
    while let Some(id) = open.pop() {
        let (Some(node), Some(package)) = (nodes.get(id), packages.get(id)) else { continue };
        if !is_for_the_compiler(package) && reached.insert(id) {
            let needed = members(&node["deps"]).filter(|needed| is_in(needed));
            open.extend(needed.map(|needed| text(&needed["pkg"])));
        }
    }
    reached.remove(ours);
    Ok(packages.iter().filter(|(id, _)| reached.contains(*id)).map(|(_, package)| library(package)).collect())
}

/// Whether the program itself needs it, not only its building.
fn is_in(needed: &Value) -> bool {
    members(&needed["dep_kinds"]).any(|kind| kind["kind"].is_null())
}

/// Whether it is a macro: it writes code and is not in the program.
fn is_for_the_compiler(package: &Value) -> bool {
    members(&package["targets"]).any(|target| members(&target["kind"]).any(|kind| kind == "proc-macro"))
}

fn library(package: &Value) -> Library {
    let home = ["repository", "homepage"].into_iter().map(|key| text(&package[key]));
    Library {
        name: text(&package["name"]).to_owned(),
        version: text(&package["version"]).to_owned(),
        licence: text(&package["license"]).to_owned(),
        home: home.into_iter().find(|home| !home.is_empty()).unwrap_or_default().to_owned(),
        manifest: text(&package["manifest_path"]).to_owned(),
    }
}

/// What stands in the licence files beside the manifest.
fn texts_of(manifest: &Path) -> Result<Vec<String>, Box<dyn Error>> {
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

fn members(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
