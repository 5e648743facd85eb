//! The questions, in the order in which a person answers them. Each answer can be given in advance.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use super::InitArgs;
use super::person::Person;
use super::person::Question;
use super::service::Choice;
use super::service::Service;
use super::service::Told;
use super::tokens;
use crate::cli::Error;
use crate::config::Api;
use crate::config::Config;
use crate::config::Doubt;
use crate::config::doubt_about;
use crate::domain::decode::keymap::LAYOUTS;
use crate::domain::decode::keymap::LayoutName;
use crate::domain::ids::LocationId;
use crate::domain::ids::MasterId;
use crate::domain::ids::StorageId;
use crate::domain::printable::printable;
use crate::domain::stock::mode::Mode;
use crate::setup::Answers;
use crate::setup::Bundle;
use crate::setup::scanners;
use crate::setup::scanners::FoundScanner;
use crate::setup::scanners::ReadBy;

/// The most rows of a list that is shown to a person; more do not help on a console.
const ROWS_MAX: usize = 40;

/// The machine that the set-up is for. Scanners are asked for only if it is this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scanners {
    OfThisMachine,
    OfAnother,
}

/// Asks everything and makes a bundle of the answers. `api` has the address of the service and the places of existing
/// tokens.
pub(super) async fn bundle(
    person: &mut Person<'_, impl Write>,
    args: &InitArgs,
    api: &Api,
    scanners: Scanners,
    sheet_secret_file: &Path,
) -> Result<Bundle, Error> {
    let mut tokens = tokens::tokens(person, args, api).await?;
    // The first request shows whether the service accepts the tokens, so it may ask for others.
    let (locations, is_away) = loop {
        let mut service = if args.offline { Service::away(api, &tokens) } else { Service::new(api, &tokens) };
        match service.locations().await? {
            Told::NotAllowed(words) if person.is_asked() => {
                person.say(&format!("  the service does not take these tokens: {words}\n"))?;
                tokens = tokens::tokens(person, args, api).await?;
            }
            Told::NotAllowed(words) => return Err(tokens::no_login(&words)),
            told => break (told, service.is_away()),
        }
    };
    // If the service does not give one list, it may still give the others: each is requested by itself.
    let mut service = if is_away { Service::away(api, &tokens) } else { Service::new(api, &tokens) };
    let asked = Asked { person, args, service: &mut service, sheet_secret_file };
    let answers = asked.answers(locations, api, scanners).await?;
    Ok(Bundle::of(&answers, tokens.partner.clone(), tokens.user.clone())
        .map_err(crate::setup::Error::from)?)
}

/// A question for a number.
struct Wanted {
    flag: &'static str,
    key: &'static str,
    /// Its name, as in "the storage".
    what: &'static str,
    is_needed: bool,
}

/// The person, and everything that the questions need.
struct Asked<'a, 'p, 's, W> {
    person: &'a mut Person<'p, W>,
    args: &'a InitArgs,
    service: &'a mut Service<'s>,
    /// The file for the secret of the sheet.
    sheet_secret_file: &'a Path,
}

impl<W: Write> Asked<'_, '_, '_, W> {
    /// Asks everything. The location comes first, because the service lists the rest for a location.
    async fn answers(
        mut self,
        locations: Told<Vec<Choice>>,
        api: &Api,
        scanners: Scanners,
    ) -> Result<Answers, Error> {
        let given = &self.args.answers;
        let (location, storage, master) = (&given.location_id, &given.storage_id, &given.master_id);
        let wanted = Wanted { flag: "--location-id", key: "location_id", what: "location", is_needed: true };
        let location_id = LocationId(self.id(location.as_ref(), &wanted, locations)?.unwrap_or_default());
        let wanted = Wanted { flag: "--storage-id", key: "storage_id", what: "storage", is_needed: true };
        let storages = self.service.storages(location_id).await?;
        let storage_id = StorageId(self.id(storage.as_ref(), &wanted, storages)?.unwrap_or_default());
        let mode = self.mode()?;
        let name = self.name()?;
        let wanted = Wanted {
            flag: "--master-id",
            key: "master_id",
            what: "staff member on documents",
            is_needed: false,
        };
        let masters = self.service.masters(location_id).await?;
        let master_id = self.id(master.as_ref(), &wanted, masters)?.map(MasterId);
        let time_zone = self.time_zone(location_id).await?;
        let file = self.sheet_secret_file;
        let sheet_secret_file =
            given.seal_sheet.then(|| std::path::absolute(file).unwrap_or_else(|_no_folder| file.to_owned()));
        // The default address stays out of the file.
        let base_url = given.base_url.as_ref().map(|_given| api.base_url.clone());
        let entries = match scanners {
            Scanners::OfThisMachine => self.scanners()?,
            Scanners::OfAnother => Vec::new(),
        };
        Ok(Answers {
            name,
            location_id,
            storage_id,
            mode,
            master_id,
            time_zone,
            sheet_secret_file,
            base_url,
            scanners: entries,
        })
    }

    /// Returns the number that is given or asked for. If the service listed numbers, it is one of them.
    fn id(
        &mut self,
        given: Option<&String>,
        wanted: &Wanted,
        told: Told<Vec<Choice>>,
    ) -> Result<Option<i64>, Error> {
        let choices = match told {
            Told::This(choices) => choices,
            Told::Not(why) | Told::NotAllowed(why) => {
                if !why.is_empty() {
                    let plural = if wanted.is_needed { "give it by hand" } else { "it can be left out" };
                    self.person
                        .say(&format!("the service does not tell the {}: {why}; {plural}\n", wanted.what))?;
                }
                Vec::new()
            }
        };
        if given.is_none() && self.person.is_asked() {
            self.list(wanted.what, &choices)?;
        }
        // A list of one is its own default; an optional number may stay empty.
        let only = match choices.as_slice() {
            [(id, _)] if wanted.is_needed => Some(id.to_string()),
            _ if wanted.is_needed => None,
            _ => Some(String::new()),
        };
        let text = match (choices.is_empty(), wanted.is_needed) {
            (true, true) => format!("id of the {}", wanted.what),
            (true, false) => format!("id of the {} (Enter: none, which most accounts allow)", wanted.what),
            (false, true) => format!("{} (its row or its id)", wanted.what),
            (false, false) => {
                format!("{} (its row or its id; Enter: none, which most accounts allow)", wanted.what)
            }
        };
        let question = Question { flag: wanted.flag, text: &text, default: only };
        let answer = self.person.answer(given, &question, |answer| doubt_in(wanted, &choices, answer))?;
        let meant = meant(&choices, &answer);
        // Without a list the number cannot be compared with anything.
        if let Some(id) = meant.filter(|_| choices.is_empty()) {
            self.person.say(&format!("not checked: {} {id}\n", wanted.what))?;
        }
        Ok(meant)
    }

    /// Shows the rows of a list to choose from.
    fn list(&mut self, what: &str, choices: &[Choice]) -> Result<(), Error> {
        if choices.is_empty() {
            return Ok(());
        }
        let mut text = format!("\n{what}:\n");
        for (row, (id, title)) in choices.iter().take(ROWS_MAX).enumerate() {
            let _written = writeln!(text, "  {:>2}  {id:>10}  {}", row + 1, printable(title));
        }
        if choices.len() > ROWS_MAX {
            text.push_str("  and more; give its id\n");
        }
        self.person.say(&text)
    }

    fn mode(&mut self) -> Result<Mode, Error> {
        let question = Question {
            flag: "--mode",
            text: "\nwhat scans do at first: receipt (goods in), write-off (goods out) or lookup",
            default: Some("receipt".to_owned()),
        };
        let answer = self
            .person
            .answer(self.args.answers.mode.as_ref(), &question, |mode| doubt_about("mode", mode))?;
        Ok(Mode::from_word(&answer).unwrap_or(Mode::Receipt))
    }

    fn name(&mut self) -> Result<String, Error> {
        let text = "name of this station; no two of a location may share one";
        let question = Question { flag: "--name", text, default: None };
        self.person.answer(self.args.answers.name.as_ref(), &question, |name| doubt_about("name", name))
    }

    /// Returns the time zone to configure; `None` if the service has one, which the station then uses.
    async fn time_zone(&mut self, location: LocationId) -> Result<Option<String>, Error> {
        let given = self.args.answers.time_zone.as_ref();
        let told = self.service.time_zone(location).await?;
        // The zone of the service is not written, so that a change there reaches the station.
        if let (Told::This(zone), None) = (&told, given)
            && doubt_about("time_zone", zone).is_none()
        {
            self.person.say(&format!("time zone: {zone}, as the service tells it\n"))?;
            return Ok(None);
        }
        let text = "time zone by its IANA name, such as Europe/Riga (Enter: ask the service later)";
        let question = Question { flag: "--time-zone", text, default: Some(String::new()) };
        let answer = self.person.answer(given, &question, |zone| doubt_about("time_zone", zone))?;
        Ok(Some(answer).filter(|zone| !zone.is_empty()))
    }

    /// Returns the entries of the scanners that this station reads.
    fn scanners(&mut self) -> Result<Vec<String>, Error> {
        let (named, layout) = (&self.args.answers.scanner, self.args.answers.layout());
        if !named.is_empty() {
            return named.iter().map(|node| Ok(scanners::at(node, layout)?.entry)).collect();
        }
        let found = scanners::found(layout)?;
        let rows = |wanted: fn(&FoundScanner) -> bool| -> Vec<String> {
            let rows = found.iter().enumerate().filter(|(_, found)| wanted(found));
            rows.map(|(row, _)| (row + 1).to_string()).collect()
        };
        if found.is_empty() {
            self.person.say(
                "\nno scanner is plugged in. Go on without: plug it in later, and run `stockpoint devices`\n",
            )?;
            return Ok(Vec::new());
        }
        let mut text = "\nscanners:\n".to_owned();
        for (row, found) in found.iter().enumerate() {
            let mark = if found.looks_like_scanner { '*' } else { ' ' };
            let _written = writeln!(text, "  {:>2} {mark} {}", row + 1, found.title);
        }
        if self.person.is_asked() {
            self.person.say(&text)?;
        }
        // The default are the devices that look like scanners, so that Enter suits most stations.
        let likely = rows(|found| found.looks_like_scanner).join(" ");
        let text = "rows of this station's scanners; 0 for none (* looks like one)";
        let question = Question {
            flag: "--scanner",
            text,
            default: Some(if likely.is_empty() { "0".to_owned() } else { likely }),
        };
        let all = rows(|_any| true);
        let answer = self.person.answer(None, &question, |answer| {
            let is_row = |word: &str| word == "0" || all.iter().any(|row| row == word);
            let is_fit = !answer.is_empty() && answer.split_whitespace().all(is_row);
            (!is_fit).then(|| Doubt {
                problem: "is not a list of rows".to_owned(),
                cure: format!("use 1 to {}, or 0", all.len()),
            })
        })?;
        let is_chosen = |row: usize| answer.split_whitespace().any(|word| word == (row + 1).to_string());
        let chosen = found.into_iter().enumerate().filter(|(row, _)| is_chosen(*row));
        let chosen: Vec<FoundScanner> = chosen.map(|(_, found)| found).collect();
        let layout = self.layout(&chosen)?;
        chosen.iter().map(|found| Ok(scanners::at(&found.node, layout)?.entry)).collect()
    }

    /// Returns the layout of the scanners that type, if one does.
    fn layout(&mut self, scanners: &[FoundScanner]) -> Result<LayoutName, Error> {
        let given = self.args.answers.layout.map(|layout| layout.as_str().to_owned());
        // A serial scanner sends characters and has no layout.
        if scanners.iter().all(|found| found.way == ReadBy::Serial) {
            return Ok(self.args.answers.layout());
        }
        let words: Vec<&str> = LAYOUTS.iter().map(|(word, _)| *word).collect();
        let question = Question {
            flag: "--layout",
            text: "keyboard layout that the scanner is set to",
            default: Some(LayoutName::US.as_str().to_owned()),
        };
        let answer = self.person.answer(given.as_ref(), &question, |word| {
            LayoutName::from_word(word).is_none().then(|| Doubt {
                problem: "is not known".to_owned(),
                cure: format!("use {}", words.join(", ")),
            })
        })?;
        Ok(LayoutName::from_word(&answer).unwrap_or(LayoutName::US))
    }
}

/// Returns the id for an answer: that of a row of the list, or the number itself.
fn meant(choices: &[Choice], answer: &str) -> Option<i64> {
    let number: i64 = answer.parse().ok()?;
    let row = usize::try_from(number).ok().and_then(|row| choices.get(row.checked_sub(1)?));
    // An id that is also a row number is the id.
    let is_id = choices.iter().any(|(id, _)| *id == number);
    Some(row.filter(|_| !is_id).map_or(number, |(id, _)| *id))
}

/// Returns the problem with the answer to a question for a number.
fn doubt_in(wanted: &Wanted, choices: &[Choice], answer: &str) -> Option<Doubt> {
    if answer.is_empty() && !wanted.is_needed {
        return None;
    }
    let id = meant(choices, answer).map_or(answer.to_owned(), |id| id.to_string());
    let unknown = || {
        let is_known = choices.is_empty() || choices.iter().any(|(known, _)| known.to_string() == id);
        (!is_known).then(|| {
            let rows: Vec<String> = choices
                .iter()
                .take(ROWS_MAX)
                .map(|(id, title)| format!("{id} ({})", printable(title)))
                .collect();
            Doubt {
                problem: "is none of those that the service lists".to_owned(),
                cure: format!("use {}", rows.join(", ")),
            }
        })
    };
    doubt_about(wanted.key, &id).or_else(unknown)
}

/// Returns the address of the service and the places of existing tokens: from the existing configuration, otherwise in
/// the folder of `path`.
pub(super) fn api_before(args: &InitArgs, path: &Path) -> Result<Api, Error> {
    let mut api = match Config::load(path) {
        Ok(config) => config.api,
        Err(_none_or_faulty) => {
            // The defaults of the API come from the parser, which requires these keys.
            let least = "[station]\nname = \"a\"\nlocation_id = 1\nstorage_id = 1\n";
            let mut api = Config::parse(least, "")?.api;
            if let Some(folder) = path.parent() {
                api.partner_token_file = folder.join("partner-token");
                api.user_token_file = folder.join("user-token");
            }
            api
        }
    };
    if let Some(base_url) = &args.answers.base_url {
        if let Some(doubt) = doubt_about("base_url", base_url) {
            return Err(Error::doubtful("--base-url", &doubt));
        }
        base_url.trim_end_matches('/').clone_into(&mut api.base_url);
    }
    Ok(api)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_row_or_an_id_and_an_id_comes_first() {
        let choices = [(91_271, "Products".to_owned()), (2, "Bar".to_owned()), (7, "Cellar".to_owned())];
        let means = |answer| meant(&choices, answer);
        assert_eq!(
            [means("1"), means("3"), means("91272"), means("x")],
            [Some(91_271), Some(7), Some(91_272), None]
        );
        assert_eq!(means("2"), Some(2), "the storage with this id, and not the second row");
        let wanted = Wanted { flag: "--storage-id", key: "storage_id", what: "storage", is_needed: true };
        assert_eq!(doubt_in(&wanted, &choices, "3"), None);
        assert_eq!(
            doubt_in(&wanted, &choices, "8").unwrap().to_string(),
            "is none of those that the service lists; use 91271 (Products), 2 (Bar), 7 (Cellar)"
        );
        assert!(doubt_in(&wanted, &choices, "").unwrap().problem.starts_with("is text"));
        assert_eq!(doubt_in(&wanted, &[], "8"), None);
        assert!(doubt_in(&wanted, &[], "0").unwrap().cure.contains("1 to"));
    }
}
