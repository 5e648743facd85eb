//! The set-up file on the boot partition, which any computer can write: it is read once, then kept without its tokens.
//!
//! The partition is FAT: it has no file modes, and renaming replaces a file as on any file system.

use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Seek;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::draft::beside;
use crate::setup::Bundle;
use crate::setup::Error;
use crate::setup::Installed;
use crate::setup::Replace;
use crate::setup::install::install;
use crate::setup::install::put;
use crate::setup::read_bounded;

/// The mount points of a Raspberry Pi's boot partition: now, and before Debian 12.
pub const BOOT_FOLDERS: [&str; 2] = ["/boot/firmware", "/boot"];
/// The name of the file on it.
pub const FILE_NAME: &str = "stockpoint.toml";

/// The file with the reason why a set-up file was not used; it is put beside that file.
const COMPLAINT: &str = "stockpoint.error.txt";
/// The mode of files beside the set-up file. A FAT partition ignores it; elsewhere the rest of the file is private.
const MODE: u32 = 0o600;

/// A set-up file that was used.
#[derive(Debug)]
pub struct Consumed {
    /// The files that were written; `None`: the station had this set-up already, and only the tokens were removed.
    pub installed: Option<Installed>,
    /// The rest of the file: everything except its tokens.
    pub left: PathBuf,
}

/// Sets up the station with a configuration at `path` from the file at `from`, then removes the tokens from that file.
/// If a power cut comes between, the next call does the remaining steps. `finish` completes what the file leaves open.
///
/// # Errors
/// The file is wrong, the station is set up already, or something cannot be written. The reason is then written beside
/// the file, for a person who reads the card in another computer, and the file is left as it is.
pub fn consume(
    from: &Path,
    path: &Path,
    finish: impl FnOnce(Bundle) -> Result<Bundle, Error>,
) -> Result<Consumed, Error> {
    let complaint = from.with_file_name(COMPLAINT);
    let consumed = used(from, path, finish);
    match &consumed {
        // A reason that stays beside a file that was used would contradict the running station.
        Ok(_) => match fs::remove_file(&complaint) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io(&complaint)(error));
            }
            _ => {}
        },
        Err(error) => {
            put(&complaint, complaint_of(from, error).as_bytes(), MODE)?;
        }
    }
    consumed
}

/// Installs the set-up of the file, and removes the tokens from the file.
fn used(
    from: &Path,
    path: &Path,
    finish: impl FnOnce(Bundle) -> Result<Bundle, Error>,
) -> Result<Consumed, Error> {
    let name = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = String::from_utf8(read_bounded(from)?).map_err(|_unseen| {
        Error::io(from)(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
    })?;
    let bundle = Bundle::handed(&text, &name)?.at(path)?;
    // `finish` may add scanners. The copy without tokens and the comparison below use the text before that.
    let rest = bundle.text.clone();
    let bundle = finish(bundle)?;
    let replace = if bundle.force { Replace::KeepOld } else { Replace::Never };
    let installed = match install(bundle, path, replace) {
        // The power failed after the configuration was written and before the tokens were removed.
        Err(Error::SetUpAlready(_)) if says_the_same(path, &rest)? => None,
        installed => Some(installed?),
    };
    Ok(Consumed { installed, left: without_tokens(from, &rest)? })
}

/// Returns true if the configuration at `path` was made from `text`; scanners may have been added to it.
fn says_the_same(path: &Path, text: &str) -> Result<bool, Error> {
    Ok(read_bounded(path)?.starts_with(text.trim_end().as_bytes()))
}

/// Writes a copy without tokens beside the file, overwrites the file, and removes it.
fn without_tokens(from: &Path, rest: &str) -> Result<PathBuf, Error> {
    // The copy is on the disk before the file is destroyed: a power cut leaves at least one of them.
    let left = put(&beside(from, "done"), rest.as_bytes(), MODE)?;
    let overwrite = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(from)?;
        let length = file.metadata()?.len();
        file.rewind()?;
        // Removing the file alone would leave the tokens in the blocks of the card.
        let zeros = vec![0; usize::try_from(length).unwrap_or_default()];
        file.write_all(&zeros)?;
        file.sync_all()?;
        fs::remove_file(from)
    };
    overwrite().map_err(Error::io(from))?;
    Ok(left)
}

/// Returns the reason for a person at another computer. Each line ends with CR and LF, which every editor can show.
fn complaint_of(from: &Path, error: &Error) -> String {
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let mut why = match error {
        Error::SetUpAlready(_) => "This station is set up already, and stays as it is.\n\
            To set it up anew with this file, add force = true under [setup] and start it again."
            .to_owned(),
        Error::Faults(faults) => faults.to_string(),
        other => other.to_string(),
    };
    let mut cause = std::error::Error::source(error).filter(|_| !matches!(error, Error::Faults(_)));
    while let Some(source) = cause {
        why = format!("{why}: {source}");
        cause = source.source();
    }
    // The hint of that error names a flag of the command line; the text above has the cure for a card.
    let hint = error.hint().filter(|_| !matches!(error, Error::SetUpAlready(_)));
    why.extend(hint.map(|hint| format!("\n{hint}")));
    let text = format!(
        "stockpoint did not set this station up from {name}:\n\n{why}\n\nCorrect {name} and start the station again. \
         The file still holds its tokens.\n"
    );
    text.replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::config::FAULTS_MAX;

    const STATION: &str = "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n";

    struct Card {
        folder: TempDir,
    }

    impl Card {
        fn with(file: &str) -> Self {
            let card = Self { folder: TempDir::new().unwrap() };
            fs::create_dir(card.path("boot")).unwrap();
            fs::write(card.path("boot/stockpoint.toml"), file).unwrap();
            card
        }

        fn good() -> Self {
            Self::with(&Self::file())
        }

        fn file() -> String {
            format!("{STATION}[setup]\npartner_token = \"p4rtner\"\nuser_token = \"us3r\"\n")
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn consume(&self) -> Result<Consumed, Error> {
            consume(&self.path("boot/stockpoint.toml"), &self.path("etc/config.toml"), Ok)
        }

        fn names(&self, folder: &str) -> Vec<String> {
            let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }

        fn complaint(&self) -> String {
            fs::read_to_string(self.path("boot/stockpoint.error.txt")).unwrap()
        }
    }

    #[test]
    fn the_file_is_used_once_and_keeps_no_token() {
        let card = Card::good();
        let consumed = card.consume().unwrap();
        assert!(consumed.installed.is_some());
        assert_eq!(card.names("etc"), ["config.toml", "partner-token", "user-token"]);
        assert_eq!(card.names("boot"), ["stockpoint.toml.done"]);
        let left = fs::read_to_string(consumed.left).unwrap();
        assert!(left.contains("dock-1") && !left.contains("us3r") && !left.contains("p4rtner"), "{left}");
        assert!(matches!(card.consume(), Err(Error::Io { .. })), "there is no file any more");
    }

    #[test]
    fn what_a_power_cut_left_to_do_is_done_at_the_next_start() {
        let card = Card::good();
        card.consume().unwrap();
        fs::write(card.path("boot/stockpoint.toml"), Card::file()).unwrap();
        let consumed = card.consume().unwrap();
        assert!(consumed.installed.is_none());
        assert_eq!(card.names("boot"), ["stockpoint.toml.done"]);
    }

    #[test]
    fn a_faulty_file_is_complained_of_beside_it_and_nothing_is_written() {
        let card = Card::with(&format!(
            "{STATION}mode = \"in\"\n[setup]\npartner_token = \"p4rtner\"\nuser_token = \"us3r\"\n"
        ));
        assert!(matches!(card.consume(), Err(Error::Faults(_))));
        assert_eq!(card.names("etc"), Vec::<String>::new());
        assert_eq!(card.names("boot"), ["stockpoint.error.txt", "stockpoint.toml"]);
        let told = card.complaint();
        assert!(told.contains("stockpoint.toml:5: station.mode: \"in\" is not one of the words"), "{told}");
        assert!(told.contains("\r\n") && !told.contains("us3r") && !told.contains("p4rtner"), "{told}");
        fs::write(card.path("boot/stockpoint.toml"), Card::file()).unwrap();
        card.consume().unwrap();
        assert_eq!(card.names("boot"), ["stockpoint.toml.done"], "the complaint is gone");
    }

    #[test]
    fn a_card_names_no_file_and_overwrites_none() {
        let folder = TempDir::new().unwrap();
        let foreign = folder.path().join("foreign");
        fs::write(&foreign, "kept").unwrap();
        let card = Card::with(&format!("{}[api]\nuser_token_file = {foreign:?}\n", Card::file()));
        assert!(matches!(card.consume(), Err(Error::Faults(_))));
        assert_eq!(fs::read_to_string(&foreign).unwrap(), "kept");
        assert_eq!(card.names("etc"), Vec::<String>::new());
        assert!(
            card.complaint().contains("api.user_token_file: is not accepted from a set-up code or a card")
        );
    }

    #[test]
    fn a_station_that_is_set_up_stays_so_unless_the_file_says_force() {
        let card = Card::good();
        fs::create_dir(card.path("etc")).unwrap();
        fs::write(card.path("etc/config.toml"), "another").unwrap();
        assert!(matches!(card.consume(), Err(Error::SetUpAlready(_))));
        assert!(card.complaint().contains("add force = true under [setup]"));
        assert_eq!(card.names("etc"), ["config.toml"]);
        fs::write(card.path("boot/stockpoint.toml"), format!("{}force = true\n", Card::file())).unwrap();
        card.consume().unwrap();
        assert_eq!(card.names("etc"), ["config.toml", "config.toml.bak", "partner-token", "user-token"]);
    }

    #[test]
    fn a_file_that_is_no_text_or_far_too_large_is_complained_of() {
        let card = Card::with("");
        fs::write(card.path("boot/stockpoint.toml"), [0xff; 9]).unwrap();
        card.consume().unwrap_err();
        assert!(card.complaint().contains("not UTF-8"));
        let card = Card::with(&"x = 1\n".repeat(100_000));
        card.consume().unwrap_err();
        assert!(card.complaint().lines().count() <= FAULTS_MAX + 10);
    }
}
