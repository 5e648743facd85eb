//! The checked set-up of a station: its configuration and its tokens.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::config::Config;
use crate::config::DEFAULT_PATH;
use crate::config::Faults;
use crate::config::SetupFile;
use crate::config::quoted;
use crate::domain::ids::LocationId;
use crate::domain::ids::MasterId;
use crate::domain::ids::StorageId;
use crate::domain::stock::mode::Mode;

/// The name of the bundle in faults, where it is in no file.
const NO_FILE: &str = "the set-up";

/// A person's answers. Each answer was checked by `config::doubt_about`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// `name`
    pub name: String,
    /// `location_id`
    pub location_id: LocationId,
    /// `storage_id`
    pub storage_id: StorageId,
    /// `mode`
    pub mode: Mode,
    /// `master_id`
    pub master_id: Option<MasterId>,
    /// `time_zone`; `None`: the service is asked.
    pub time_zone: Option<String>,
    /// `sheet_secret_file`; `None`: the station accepts the control codes of every station.
    pub sheet_secret_file: Option<PathBuf>,
    /// `api.base_url`, if it is not the usual one.
    pub base_url: Option<String>,
    /// The `[[scanner]]` entries.
    pub scanners: Vec<String>,
}

impl Answers {
    /// Returns the configuration with these answers, and without keys that have their default.
    fn text(&self) -> String {
        let mut text =
            "# Written by `stockpoint init`. `stockpoint check` shows every key that is in force.\n"
                .to_owned();
        // Writing into a String cannot fail.
        let mut line = |line: String| {
            let _written = writeln!(text, "{line}");
        };
        line("[station]".to_owned());
        line(format!("name = {}", quoted(&self.name)));
        line(format!("location_id = {}", self.location_id));
        line(format!("storage_id = {}", self.storage_id));
        line(format!("mode = {}", quoted(self.mode.as_str())));
        if let Some(master_id) = self.master_id {
            line(format!("master_id = {master_id}"));
        }
        if let Some(zone) = &self.time_zone {
            line(format!("time_zone = {}", quoted(zone)));
        }
        if let Some(file) = &self.sheet_secret_file {
            line(format!("sheet_secret_file = {}", quoted(&file.to_string_lossy())));
        }
        if let Some(base_url) = &self.base_url {
            line(format!("\n[api]\nbase_url = {}", quoted(base_url)));
        }
        self.scanners.iter().for_each(|scanner| line(format!("\n{}", scanner.trim_end())));
        text
    }
}

/// A configuration and its tokens.
#[derive(Debug)]
pub struct Bundle {
    pub(super) text: String,
    pub(super) config: Config,
    pub(super) partner: SecretString,
    pub(super) user: SecretString,
    /// True if the set-up file itself asks to replace an existing set-up.
    pub(super) force: bool,
}

impl From<SetupFile> for Bundle {
    fn from(SetupFile { text, config, partner, user, force }: SetupFile) -> Self {
        Self { text, config, partner, user, force }
    }
}

impl Bundle {
    /// Reads a set-up file that the administrator names; `file` is its name in the faults.
    ///
    /// # Errors
    /// The faults of the file.
    pub fn read(text: &str, file: &str) -> Result<Self, Faults> {
        SetupFile::parse(text, file).map(Self::from)
    }

    /// Reads a set-up file from a code or a card. It may set no key that names a file or a program: files go where
    /// the installer puts them.
    ///
    /// # Errors
    /// The faults of the file.
    pub fn handed(text: &str, file: &str) -> Result<Self, Faults> {
        SetupFile::parse_handed(text, file).map(Self::from)
    }

    /// Makes a bundle from a person's answers.
    ///
    /// # Errors
    /// The faults of the result.
    pub fn of(answers: &Answers, partner: SecretString, user: SecretString) -> Result<Self, Faults> {
        let text = answers.text();
        let config = Config::parse(&text, NO_FILE)?;
        Ok(Self { text, config, partner, user, force: false })
    }

    /// Returns the set-up file with the same content.
    pub fn file(&self) -> SecretString {
        SetupFile::whole(&self.text, &self.partner, &self.user)
    }

    /// Returns the text of the configuration, as it will be written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the bundle with these scanners, if it has none of its own.
    ///
    /// # Errors
    /// The faults of the result.
    pub fn with_scanners(self, entries: &[String]) -> Result<Self, Faults> {
        // Scanners that the file names were chosen by a person, so none are added.
        if !self.config.scanners.is_empty() || entries.is_empty() {
            return Ok(self);
        }
        let text = format!("{}\n\n{}\n", self.text.trim_end(), entries.join("\n").trim_end());
        self.saying(text)
    }

    /// Returns the bundle for a configuration at `path`: if that is not the usual place and the configuration names no
    /// other, the token files are placed beside it.
    ///
    /// # Errors
    /// The faults of the result.
    pub fn at(self, path: &Path) -> Result<Self, Faults> {
        let usual = Path::new(DEFAULT_PATH).parent();
        let api = &self.config.api;
        // The file may name places of its own for the tokens; these stay.
        let is_usual = api.partner_token_file.parent() == usual && api.user_token_file.parent() == usual;
        let path = std::path::absolute(path).unwrap_or_else(|_no_folder| path.to_owned());
        let Some(folder) = path.parent().filter(|folder| is_usual && Some(*folder) != usual) else {
            return Ok(self);
        };
        let file = |name| quoted(&folder.join(name).to_string_lossy());
        let keys = format!(
            "partner_token_file = {}\nuser_token_file = {}\n",
            file("partner-token"),
            file("user-token")
        );
        // TOML allows a section once: the keys join an existing `[api]`.
        let header = self.text.lines().position(|line| line.trim() == "[api]");
        let mut text = String::new();
        for (number, line) in self.text.lines().enumerate() {
            let _written = writeln!(text, "{line}");
            if Some(number) == header {
                text.push_str(&keys);
            }
        }
        if header.is_none() {
            let _written = write!(text, "\n[api]\n{keys}");
        }
        self.saying(text)
    }

    /// Returns the bundle with another text of the configuration, which is checked again.
    fn saying(self, text: String) -> Result<Self, Faults> {
        let config = Config::parse(&text, NO_FILE)?;
        Ok(Self { text, config, ..self })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn answers() -> Answers {
        Answers {
            name: "dock-1".to_owned(),
            location_id: LocationId(4564),
            storage_id: StorageId(91_271),
            mode: Mode::WriteOff,
            master_id: Some(MasterId(5512)),
            time_zone: Some("Europe/Riga".to_owned()),
            sheet_secret_file: None,
            base_url: None,
            scanners: vec![
                "[[scanner]]\nname = \"dock\"\nkind = \"serial\"\npath = \"/dev/ttyUSB0\"\n".to_owned(),
            ],
        }
    }

    fn bundle(answers: &Answers) -> Bundle {
        Bundle::of(answers, "p4rtner".into(), "us3r".into()).unwrap()
    }

    #[test]
    fn answers_make_a_configuration_that_says_just_them() {
        assert_eq!(
            bundle(&answers()).text,
            "# Written by `stockpoint init`. `stockpoint check` shows every key that is in force.\n[station]\nname = \"dock-1\"\n\
             location_id = 4564\nstorage_id = 91271\nmode = \"write-off\"\nmaster_id = 5512\ntime_zone = \"Europe/Riga\"\n\n\
             [[scanner]]\nname = \"dock\"\nkind = \"serial\"\npath = \"/dev/ttyUSB0\"\n"
        );
    }

    #[test]
    fn a_bundle_reads_back_from_its_file() {
        let bundle = bundle(&answers());
        let read = Bundle::read(bundle.file().expose_secret(), "x").unwrap();
        assert_eq!(read.config, bundle.config);
        assert_eq!(read.user.expose_secret(), "us3r");
    }

    #[test]
    fn tokens_of_a_configuration_elsewhere_are_beside_it() {
        for base_url in [None, Some("http://127.0.0.1:1/api/v1".to_owned())] {
            let bundle = bundle(&Answers { base_url, ..answers() });
            let before = bundle.config.clone();
            let there = bundle.at(Path::new("/srv/dock/config.toml")).unwrap();
            assert_eq!(there.config.api.partner_token_file, Path::new("/srv/dock/partner-token"));
            assert_eq!(there.config.api.user_token_file, Path::new("/srv/dock/user-token"));
            assert_eq!(there.config.api.base_url, before.api.base_url);
            assert_eq!(there.config.scanners, before.scanners);
        }
        // A file in the working directory has a folder, too.
        let here = bundle(&answers()).at(Path::new("config.toml")).unwrap();
        assert!(here.config.api.user_token_file.is_absolute());
        let usual = bundle(&answers()).at(Path::new(DEFAULT_PATH)).unwrap();
        assert_eq!(usual.text, bundle(&answers()).text);
    }

    #[test]
    fn scanners_are_added_where_there_are_none() {
        let entry =
            |name| format!("[[scanner]]\nname = \"{name}\"\nkind = \"serial\"\npath = \"/dev/{name}\"\n");
        let none = bundle(&Answers { scanners: Vec::new(), ..answers() });
        assert_eq!(none.with_scanners(&[entry("a"), entry("b")]).unwrap().config.scanners.len(), 2);
        assert_eq!(
            bundle(&answers()).with_scanners(&[entry("a"), entry("b")]).unwrap().config.scanners.len(),
            1
        );
    }
}
