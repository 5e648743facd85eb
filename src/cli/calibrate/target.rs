//! The scanner to calibrate, the way to read it, and its entry in the configuration.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::Error;
use crate::cli::args::CalibrateArgs;
use crate::config::edit::quoted;
use crate::config::{Config, Line, Place, Scanner, Source};
use crate::device::PortFault;
use crate::device::discover::inputs::{self, FoundInput};
use crate::device::discover::ports::{self, FoundPort, Roots};
use crate::setup::entry::{input_place, name_of, port_place};

/// The hint for a scanner that is not configured.
const BY_PATH: &str = "name a configured scanner, or a device by its path (`stockpoint devices`)";

/// A scanner to calibrate.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) reach: Reach,
    pub(super) entry: Entry,
}

/// The way to read a scanner.
#[derive(Debug)]
pub(super) enum Reach {
    Keys(Place),
    Bytes(Place, Line),
    Recording,
}

/// The entry of a scanner in the configuration.
#[derive(Debug)]
pub(super) enum Entry {
    /// An existing entry, which is changed.
    Configured(Box<Scanner>),
    /// No entry yet: its name, its kind, and the line that names its place.
    New { name: String, kind: &'static str, place: Option<String> },
}

impl Target {
    /// Returns the name of the device for people.
    pub(super) fn device(&self) -> String {
        match &self.reach {
            Reach::Keys(place) | Reach::Bytes(place, _) => place.to_string(),
            Reach::Recording => "a recording".to_owned(),
        }
    }

    /// Returns true if the entry is complete: a recording without a configured scanner names no place.
    pub(super) fn can_be_written(&self) -> bool {
        !matches!(self.entry, Entry::New { place: None, .. })
    }
}

pub(super) fn node_of_keys(place: &Place) -> Result<PathBuf, PortFault> {
    match place {
        Place::Path(path) => Ok(path.clone()),
        Place::Match(wanted) => inputs::resolve(&Roots::default(), wanted),
    }
}

pub(super) fn node_of_bytes(place: &Place) -> Result<PathBuf, PortFault> {
    match place {
        Place::Path(path) => Ok(path.clone()),
        Place::Match(wanted) => ports::resolve(&Roots::default(), wanted),
    }
}

/// Returns the scanner that was named or, if none was named, the only one.
pub(super) fn find(config: Option<&Config>, args: &CalibrateArgs) -> Result<Target, Error> {
    let configured = config.map_or(&[][..], |config| &config.scanners);
    let named = args.scanner.as_deref();
    let target = match named {
        // A scanner's name cannot contain a slash.
        Some(path) if path.contains('/') => of_path(configured, Path::new(path)),
        Some(name) => of_name(configured, name)?,
        None if args.trace.is_some() => recording(configured),
        None => the_only_one(configured)?,
    };
    Ok(if args.trace.is_some() { Target { reach: Reach::Recording, ..target } } else { target })
}

/// Returns the target for a configured scanner. Only scanners that send keys or bytes have these settings.
fn of_scanner(scanner: &Scanner) -> Result<Target, Error> {
    let reach = match &scanner.source {
        Source::Evdev { place, .. } => Reach::Keys(place.clone()),
        Source::Serial { place, serial } => Reach::Bytes(place.clone(), serial.line),
        Source::HidPos { .. } | Source::Stdin => {
            let kind = scanner.source.kind();
            let fact = format!("a scanner of kind {kind} has no layout and no terminator to find out");
            return Err(Error::usage(fact));
        }
    };
    Ok(Target { reach, entry: Entry::Configured(Box::new(scanner.clone())) })
}

fn of_name(configured: &[Scanner], name: &str) -> Result<Target, Error> {
    let scanner = configured.iter().find(|scanner| scanner.name.as_str() == name);
    scanner.map_or_else(|| Err(Error::no_scanner(name, &names(configured)).only_hint(BY_PATH)), of_scanner)
}

/// Returns the target for a device: the configured scanner at this device, or a new scanner.
fn of_path(configured: &[Scanner], path: &Path) -> Target {
    // Both paths may be links, as those in /dev/serial/by-id, so the devices behind them are compared.
    let node = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_absent| path.to_owned());
    let wanted = node(path);
    let is_it = |target: &Target| {
        let at = match &target.reach {
            Reach::Keys(place) => node_of_keys(place),
            Reach::Bytes(place, _) => node_of_bytes(place),
            Reach::Recording => return false,
        };
        at.is_ok_and(|at| node(&at) == wanted)
    };
    let known = configured.iter().filter_map(|scanner| of_scanner(scanner).ok()).find(is_it);
    known.unwrap_or_else(|| new(configured, &wanted, path))
}

/// Returns the target for a device that is not configured.
fn new(configured: &[Scanner], node: &Path, path: &Path) -> Target {
    let roots = Roots::default();
    let (inputs, ports) =
        (inputs::list_inputs(&roots).unwrap_or_default(), ports::list_ports(&roots).unwrap_or_default());
    if let Some(input) = inputs.iter().find(|input| input.node == node) {
        return of_input(configured, input, &inputs);
    }
    if let Some(port) = ports.iter().find(|port| port.node == node) {
        return of_port(configured, port);
    }
    // It is not among the devices that the kernel lists: a pseudo-terminal, or an absent device, which the opening
    // reports.
    let place = Place::Path(path.to_owned());
    let is_input = node.starts_with(roots.dev.join("input"));
    let (reach, kind) = if is_input {
        (Reach::Keys(place), "evdev")
    } else {
        (Reach::Bytes(place, Line::default()), "serial")
    };
    let name = node.file_name().and_then(|name| name.to_str()).unwrap_or("scanner");
    let line = format!("path = {}", quoted(&path.to_string_lossy()));
    Target { reach, entry: Entry::New { name: unused(configured, name), kind, place: Some(line) } }
}

fn of_input(configured: &[Scanner], input: &FoundInput, all: &[FoundInput]) -> Target {
    let entry = Entry::New {
        name: unused(configured, &input.name),
        kind: "evdev",
        place: Some(input_place(input, all)),
    };
    Target { reach: Reach::Keys(Place::Path(input.node.clone())), entry }
}

fn of_port(configured: &[Scanner], port: &FoundPort) -> Target {
    let entry =
        Entry::New { name: unused(configured, &port.name), kind: "serial", place: Some(port_place(port)) };
    Target { reach: Reach::Bytes(Place::Path(port.node.clone()), Line::default()), entry }
}

fn recording(configured: &[Scanner]) -> Target {
    let name = unused(configured, "scanner");
    Target { reach: Reach::Recording, entry: Entry::New { name, kind: "evdev", place: None } }
}

/// Returns the configured scanner if there is exactly one; if there is none, the device that looks like a scanner, if
/// exactly one does.
fn the_only_one(configured: &[Scanner]) -> Result<Target, Error> {
    let mut known: Vec<Target> = configured.iter().filter_map(|scanner| of_scanner(scanner).ok()).collect();
    if known.len() > 1 {
        return Err(several(&names(configured)));
    }
    if let Some(target) = known.pop() {
        return Ok(target);
    }
    let roots = Roots::default();
    let (inputs, ports) =
        (inputs::list_inputs(&roots).unwrap_or_default(), ports::list_ports(&roots).unwrap_or_default());
    let typing = inputs.iter().filter(|input| inputs::looks_like_scanner(input).is_scanner());
    let serial = ports.iter().filter(|port| ports::looks_like_scanner(port).is_scanner());
    let mut found: Vec<Target> = typing.map(|input| of_input(configured, input, &inputs)).collect();
    found.extend(serial.map(|port| of_port(configured, port)));
    match found.len() {
        1 => found.pop().ok_or_else(none),
        0 => Err(none()),
        _ => Err(several(&found.iter().map(Target::device).collect::<Vec<_>>().join(", "))),
    }
}

fn several(known: &str) -> Error {
    Error::usage(format!("no scanner is named, and there are several: {known}")).hint("name one of these")
}

fn none() -> Error {
    Error::usage("no scanner is configured, and no device looks like one")
        .hint("`stockpoint devices` lists the devices; name one by its path")
}

fn names(configured: &[Scanner]) -> String {
    let names: Vec<&str> = configured.iter().map(|scanner| scanner.name.as_str()).collect();
    names.join(", ")
}

/// Returns a name that no configured scanner has, made from the kernel's name.
fn unused(configured: &[Scanner], kernels: &str) -> String {
    let name = name_of(kernels);
    let name = if name.is_empty() { "scanner".to_owned() } else { name };
    let is_free = |name: &String| configured.iter().all(|scanner| scanner.name.as_str() != name);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    [name.clone()].into_iter().chain(numbered).find(is_free).unwrap_or(name)
}
