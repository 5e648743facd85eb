//! Writing a bundle to the disk: each file appears whole and with its mode, or not at all, and the configuration last.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::Access;
use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::config::EXAMPLE;
use crate::draft::Draft;
use crate::draft::beside;
use crate::draft::folder_of;
use crate::setup::Bundle;
use crate::setup::Error;
use crate::setup::read_bounded;

/// The mode of a token's file: root alone reads a token; systemd passes it to the service.
const TOKEN_MODE: u32 = 0o600;
/// The mode of the configuration: the service's own user reads it, and it holds no secret.
const CONFIG_MODE: u32 = 0o644;

/// The treatment of a station that is set up already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// It stays as it is.
    Never,
    /// It is set up again, and its old configuration is kept.
    KeepOld,
}

/// The files that were written.
#[derive(Debug, PartialEq, Eq)]
pub struct Installed {
    /// The files, in the order in which they appeared.
    pub written: Vec<PathBuf>,
    /// The place of the old configuration now.
    pub old: Option<PathBuf>,
}

/// Returns true if a station is set up: it has a configuration with content of its own. The example does not count, nor
/// does a file in which every key is behind a `#`, as a package may install it.
///
/// # Errors
/// The file is there and cannot be read.
pub fn is_set_up(path: &Path) -> Result<bool, Error> {
    match read_bounded(path) {
        Ok(bytes) => Ok(bytes != EXAMPLE.as_bytes() && !says_nothing(&bytes)),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Checks that a configuration can be written at `path`. Call it before a person answers questions.
///
/// # Errors
/// One of its folders is not a folder, or this user may not write to it.
pub fn may_install(path: &Path) -> Result<(), Error> {
    let folder = std::path::absolute(folder_of(path)).map_err(Error::io(path))?;
    // The folders that are missing will be made, so the nearest existing one decides.
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    if !there.is_dir() {
        return Err(Error::io(there)(io::ErrorKind::NotADirectory.into()));
    }
    let access = rustix::fs::access(there, Access::WRITE_OK | Access::EXEC_OK);
    access.map_err(io::Error::from).map_err(Error::io(there))
}

/// Returns true if there are only comments, headers and empty lines.
fn says_nothing(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.all(|line| matches!(line.first(), None | Some(b'#' | b'[')))
}

/// Writes a bundle for a configuration at `path`. After any failure or power cut each file is whole, and the
/// configuration is either the old one or that of the bundle.
///
/// # Errors
/// The station is set up already and may not be replaced, or a file cannot be written.
pub fn install(bundle: Bundle, path: &Path, replace: Replace) -> Result<Installed, Error> {
    let was_set_up = is_set_up(path)?;
    if was_set_up && replace == Replace::Never {
        return Err(Error::SetUpAlready(path.to_owned()));
    }
    let bundle = bundle.at(path)?;
    let api = &bundle.config.api;
    // All drafts are made before the first one takes its place: a full disk changes nothing.
    let drafts = [
        draft(&api.partner_token_file, line(&bundle.partner).expose_secret().as_bytes(), TOKEN_MODE)?,
        draft(&api.user_token_file, line(&bundle.user).expose_secret().as_bytes(), TOKEN_MODE)?,
        draft(path, bundle.text.as_bytes(), CONFIG_MODE)?,
    ];
    // The old configuration is kept before anything replaces it.
    let old = if was_set_up { Some(keep_old(path)?) } else { None };
    let written = drafts.into_iter().map(take_place).collect::<Result<_, _>>()?;
    Ok(Installed { written, old })
}

fn line(token: &SecretString) -> SecretString {
    format!("{}\n", token.expose_secret()).into()
}

/// Writes a file that root alone can read.
///
/// # Errors
/// It cannot be written; then no part of it is there.
pub fn private_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    put(path, content, TOKEN_MODE).map(drop)
}

/// Puts a copy of the old configuration beside it.
fn keep_old(path: &Path) -> Result<PathBuf, Error> {
    let old = beside(path, "bak");
    put(&old, &read_bounded(path)?, CONFIG_MODE)
}

/// Writes the draft of a file, which is not yet in its place.
fn draft(place: &Path, content: &[u8], mode: u32) -> Result<Draft, Error> {
    Draft::of(place, content, mode).map_err(Error::io(place))
}

/// Puts a file into its place, and replaces a file that is there.
pub(super) fn put(place: &Path, content: &[u8], mode: u32) -> Result<PathBuf, Error> {
    take_place(draft(place, content, mode)?)
}

fn take_place(draft: Draft) -> Result<PathBuf, Error> {
    let place = draft.place().to_owned();
    draft.take_place().map_err(Error::io(&place))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const FILE: &str = "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n\
                        [setup]\npartner_token = \"p4rtner\"\nuser_token = \"us3r\"\n";

    fn bundle() -> Bundle {
        Bundle::read(FILE, "x").unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn each_file_has_its_mode_and_nothing_else_is_left() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("stockpoint/config.toml");
        let installed = install(bundle(), &path, Replace::Never).unwrap();
        let place = path.parent().unwrap();
        assert_eq!(names(place), ["config.toml", "partner-token", "user-token"]);
        assert_eq!(
            (mode(&path), mode(&place.join("partner-token")), mode(&place.join("user-token"))),
            (0o644, 0o600, 0o600)
        );
        assert_eq!(fs::read_to_string(place.join("user-token")).unwrap(), "us3r\n");
        assert_eq!(installed.written.last(), Some(&path), "the configuration is the last");
        assert!(!fs::read_to_string(&path).unwrap().contains("us3r"));
    }

    #[test]
    fn a_station_is_replaced_only_when_told_and_its_old_configuration_kept() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "old").unwrap();
        assert!(matches!(install(bundle(), &path, Replace::Never), Err(Error::SetUpAlready(_))));
        assert_eq!(names(folder.path()), ["config.toml"]);
        let installed = install(bundle(), &path, Replace::KeepOld).unwrap();
        assert_eq!(fs::read_to_string(installed.old.unwrap()).unwrap(), "old");
        assert!(fs::read_to_string(&path).unwrap().contains("dock-1"));
    }

    #[test]
    fn an_example_is_no_station_and_anything_else_is() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config.toml");
        assert!(!is_set_up(&path).unwrap());
        for example in [EXAMPLE, "# keys\n\n[station]\n  #name = \"a\"\n#[[scanner]]\n", ""] {
            fs::write(&path, example).unwrap();
            assert!(!is_set_up(&path).unwrap(), "{example}");
        }
        for own in [format!("{EXAMPLE}\n"), "[station]\nname = \"a\"\n".to_owned(), "faulty".to_owned()] {
            fs::write(&path, &own).unwrap();
            assert!(is_set_up(&path).unwrap(), "{own}");
        }
    }

    #[test]
    fn it_is_known_beforehand_where_nothing_can_be_written() {
        let folder = TempDir::new().unwrap();
        assert!(may_install(&folder.path().join("a/b/config.toml")).is_ok());
        assert_eq!(names(folder.path()), Vec::<String>::new(), "the question makes no folder");
        fs::write(folder.path().join("a"), "").unwrap();
        let refused = may_install(&folder.path().join("a/b/config.toml"));
        assert!(matches!(refused, Err(Error::Io { path, .. }) if path == folder.path().join("a")));
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_everything_as_it_was() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("config.toml");
        // A file cannot take the place of a folder that is not empty.
        fs::create_dir_all(folder.path().join("user-token.new/x")).unwrap();
        assert!(matches!(install(bundle(), &path, Replace::Never), Err(Error::Io { .. })));
        assert_eq!(names(folder.path()), ["user-token.new"]);
    }
}
