//! The set-up file: a configuration with the tokens in a section of their own, `[setup]`.
//!
//! Invariant: the text without that section is a complete configuration, the same as the one that was checked, and
//! holds no token.

use std::fmt;

use secrecy::ExposeSecret;
use secrecy::SecretString;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::config::Config;
use crate::config::fault::Faults;
use crate::config::fault::Problem;
use crate::config::handed::Provenance;
use crate::config::reader::FaultReport;
use crate::config::reader::Table;
use crate::config::reader::type_of;
use crate::config::secrets;
use crate::config::secrets::Flaw;
use crate::config::sections;
use crate::config::show::Quoted;
use crate::config::values;

/// The header of the section.
const HEADER: &str = "[setup]";

/// The content of a set-up file.
#[derive(Debug)]
pub struct SetupFile {
    /// The configuration without `[setup]`, as it was written, with its comments.
    pub text: String,
    /// The same configuration, checked.
    pub config: Config,
    /// `partner_token`
    pub partner: SecretString,
    /// `user_token`
    pub user: SecretString,
    /// `force`: true if a station that is already set up must be set up anew.
    pub force: bool,
}

impl SetupFile {
    /// Checks a set-up file that the administrator names; `file` is its name in the faults.
    ///
    /// # Errors
    /// The faults of the file. No fault holds a token.
    pub fn parse(text: &str, file: &str) -> Result<Self, Faults> {
        Self::parse_from(Provenance::Administrator, text, file)
    }

    /// Checks a set-up file from a code or a card, which may set no key that names a file or a program.
    ///
    /// # Errors
    /// The faults of the file. No fault holds a token.
    pub fn parse_handed(text: &str, file: &str) -> Result<Self, Faults> {
        Self::parse_from(Provenance::Handed, text, file)
    }

    fn parse_from(provenance: Provenance, text: &str, file: &str) -> Result<Self, Faults> {
        // Some editors write a byte order mark (U+FEFF) first, which TOML does not allow.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut report = FaultReport::new(file, text, provenance);
        for error in &errors {
            report.add_syntax(error);
        }
        let read = report.read(root.get_ref(), |root| {
            let (partner, user, force) = root.section("setup", setup)?;
            Some((sections::config(root)?, partner?, user?, force))
        });
        let (config, partner, user, force) = report.finish(read)?;
        // The lines are cut without a parser; parsing the rest again proves that nothing else was cut.
        let text = without_setup(text);
        let holds = |token: &SecretString| text.contains(token.expose_secret());
        // A token in a comment is found as text, a part of [setup] in a dotted key by the comparison.
        let is_whole = Config::parse(&text, file).is_ok_and(|left| left == config);
        if holds(&partner) || holds(&user) || !is_whole {
            let what = "has a token or a part of [setup] outside the section [setup]";
            let cure = "write [setup] on a line of its own, its keys below it, and the tokens nowhere else";
            return Err(Faults::of_file(file, None, Problem::Unfit { what, cure }));
        }
        Ok(Self { text, config, partner, user, force })
    }

    /// Returns the set-up file of a configuration and its tokens.
    pub fn whole(text: &str, partner: &SecretString, user: &SecretString) -> SecretString {
        let [partner, user] = [partner, user].map(|token| Quoted(token.expose_secret()).to_string());
        format!("{}\n\n{HEADER}\npartner_token = {partner}\nuser_token = {user}\n", text.trim_end()).into()
    }
}

/// The problem with a person's answer, and its cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The problem, in words that stand behind the name of the answer.
    pub problem: String,
    /// The cure.
    pub cure: String,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.cure)
    }
}

/// Returns the problem with a person's answer for a key of `[station]` or `[api]`, in the words of a fault.
pub fn doubt_about(key: &str, answer: &str) -> Option<Doubt> {
    let is_number = key.ends_with("_id") && answer.parse::<i64>().is_ok();
    // Only ids are numbers in the file; an answer such as `123` for a name stays text.
    let value = if is_number { answer.to_owned() } else { Quoted(answer).to_string() };
    let given = |least: &str, default: &str| {
        let value = if least == key { &value } else { default };
        format!("{least} = {value}\n")
    };
    // The smallest valid configuration around the answer, so that every fault comes from the answer.
    let least = ["name", "location_id", "storage_id"]
        .map(|least| given(least, if least == "name" { "\"a\"" } else { "1" }));
    let more = match key {
        "name" | "location_id" | "storage_id" => String::new(),
        "base_url" => format!("[api]\nbase_url = {value}\n"),
        _ => format!("{key} = {value}\n"),
    };
    let faults = Config::parse(&format!("[station]\n{}{more}", least.concat()), "").err()?;
    faults.iter().next().map(|fault| {
        let (problem, cure) = (fault.problem.to_string(), fault.problem.cure().into_owned());
        Doubt { problem, cure }
    })
}

type Setup = (Option<SecretString>, Option<SecretString>, bool);

fn setup(table: &mut Table<'_, '_>) -> Setup {
    let partner = table.required("partner_token", "partner_token = \"…\" under [setup]", token);
    let user = table.required("user_token", "user_token = \"…\" under [setup]", token);
    (partner, user, table.or("force", false, values::flag))
}

/// Reads a token that may stand in a header.
fn token(value: &DeValue<'_>) -> Result<SecretString, Problem> {
    let wanted = "the token, in double quotes";
    let text = value.as_str().ok_or(Problem::WrongType { found: type_of(value), wanted })?;
    secrets::checked(text.as_bytes()).map_err(|flaw| {
        let what = match flaw {
            Flaw::Empty => "is empty",
            Flaw::TooShort { .. } => "is too short",
            Flaw::TooLong => "is longer than any token",
            Flaw::Character => "has a character that no token has",
        };
        Problem::Unfit { what, cure: "write only the token" }
    })
}

/// Returns the text without the lines from the section's header to the next header.
fn without_setup(text: &str) -> String {
    let mut is_setup = false;
    let kept = text.lines().filter(|line| {
        let line = line.trim_start();
        if line.starts_with('[') {
            is_setup = line.starts_with(HEADER);
        }
        !is_setup
    });
    let kept: Vec<&str> = kept.collect();
    format!("{}\n", kept.join("\n").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATION: &str = "# dock\n[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n";
    const SETUP: &str = "[setup]\npartner_token = \"p4rtner\"\nuser_token = \"us3r\"\n";

    fn fault(text: &str) -> String {
        SetupFile::parse(text, "stockpoint.toml").unwrap_err().to_string()
    }

    #[test]
    fn the_tokens_are_cut_out_and_the_rest_stays_as_it_was_written() {
        // Text between the section and the next header may be about the section and is removed with it.
        let (_remark, bare) = STATION.split_once('\n').unwrap();
        let windows = format!("\u{feff}{SETUP}{STATION}").replace('\n', "\r\n");
        for (text, left) in [(format!("{STATION}\n{SETUP}"), STATION), (windows, bare)] {
            let file = SetupFile::parse(&text, "stockpoint.toml").unwrap();
            assert_eq!(file.text, left);
            assert_eq!((file.partner.expose_secret(), file.user.expose_secret()), ("p4rtner", "us3r"));
            assert_eq!((file.config.station.name.as_str(), file.force), ("dock-1", false));
        }
        let whole = SetupFile::parse(&format!("{STATION}{SETUP}force = true"), "x").unwrap();
        let again = SetupFile::whole(&whole.text, &whole.partner, &whole.user);
        assert_eq!(SetupFile::parse(again.expose_secret(), "x").unwrap().config, whole.config);
        assert!(whole.force);
    }

    #[test]
    fn a_token_outside_the_section_is_refused_and_not_repeated() {
        let elsewhere = [
            format!("{STATION}\n# us3r\n{SETUP}"),
            format!("{SETUP}# [\n{STATION}data_dir = \"us3r\"\n"),
            format!("setup.partner_token = \"p4rtner\"\nsetup.user_token = \"us3r\"\n{STATION}"),
            format!("setup = {{ partner_token = \"p4rtner\", user_token = \"us3r\" }}\n{STATION}"),
        ];
        for text in elsewhere {
            let fault = fault(&text);
            assert!(fault.contains("outside the section [setup]"), "{text}: {fault}");
            assert!(!fault.contains("us3r") && !fault.contains("p4rtner"), "{fault}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_reported_with_its_line() {
        assert_eq!(
            fault(STATION),
            "stockpoint.toml:1: setup.partner_token: is missing; add partner_token = \"…\" under [setup]\n\
             stockpoint.toml:1: setup.user_token: is missing; add user_token = \"…\" under [setup]"
        );
        let flawed = fault(&format!("{STATION}{}", SETUP.replace("us3r", "us3r us3r")));
        assert_eq!(
            flawed,
            "stockpoint.toml:8: setup.user_token: has a character that no token has; write only the token"
        );
        assert!(
            fault(&format!("{}{SETUP}", STATION.replace("4564", "0")))
                .contains("stockpoint.toml:4: station.location_id: 0")
        );
        assert!(fault(&format!("{STATION}{SETUP}user = \"us3r\"")).contains("did you mean user_token?"));
    }

    #[test]
    fn an_answer_is_doubted_in_the_words_of_a_fault() {
        let told = |key, answer| doubt_about(key, answer).unwrap().to_string();
        assert_eq!(doubt_about("name", "dock-1"), None);
        assert_eq!(doubt_about("name", "123"), None);
        assert_eq!(told("name", "Dock 1"), "is not a name; use 1 to 24 of a-z, 0-9 and -");
        assert_eq!(told("storage_id", "0"), "0 is out of range; use 1 to 9007199254740991");
        assert!(told("location_id", "dock").starts_with("is text"));
        assert_eq!((doubt_about("location_id", "7"), doubt_about("master_id", "7")), (None, None));
        assert!(told("master_id", "-7").contains("out of range"));
        assert!(told("mode", "in").contains("\"receipt\""));
        assert_eq!(doubt_about("time_zone", "Europe/Riga"), None);
        assert!(told("time_zone", "Riga").contains("IANA"));
        assert!(told("base_url", "http://example.com").contains("loopback"));
    }
}
