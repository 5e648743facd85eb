//! The tokens: the places where they are searched for, and a type that never shows them.
//!
//! Invariant: no token is in a configuration file, in an argument, in a `Debug` text or in an error. Messages about a
//! token name the place where it was found and its flaw.

use std::env;
use std::env::VarError;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use secrecy::ExposeSecret;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::config::Api;
use crate::config::Config;
use crate::config::Station;
use crate::config::Web;
use crate::domain::code::seal::Seal;

/// The longest token file, in bytes. A token has some tens of characters.
const TOKEN_BYTES_MAX: u64 = 4096;
/// The shortest token of the page, in bytes: anybody who reaches the page may try to guess it.
const WEB_TOKEN_BYTES_MIN: usize = 16;
/// The shortest secret of the sheet, in bytes. It need not be stronger than the check that it makes: one guess in
/// 46,656 is right, and each guess has to be printed.
const SHEET_SECRET_BYTES_MIN: usize = 6;
/// The variable with the folder of a unit's credentials (`LoadCredential=` in `systemd.exec(5)`).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The two tokens, found and fit for an HTTP header.
#[derive(Debug)]
pub struct Secrets {
    /// The partner token, which identifies the maker of the program.
    pub partner: SecretString,
    /// The user token, which identifies the user for whom the station books.
    pub user: SecretString,
}

impl Secrets {
    /// Finds each token in the first of these places: `$CREDENTIALS_DIRECTORY/{partner-token,user-token}`, the file
    /// named in the configuration, the environment's `STOCKPOINT_PARTNER_TOKEN` and `STOCKPOINT_USER_TOKEN`.
    ///
    /// # Errors
    /// A token is in none of these places, or the first place that has it cannot be read or holds no usable token.
    pub fn find(api: &Api) -> Result<Self, Error> {
        Self::find_with(api, &environment)
    }

    /// Returns every reason for which [`Secrets::find`] fails.
    pub fn faults(api: &Api) -> Vec<Error> {
        let both = [(Token::Partner, &api.partner_token_file), (Token::User, &api.user_token_file)];
        both.into_iter().filter_map(|(token, file)| find_at(token, file, &environment).err()).collect()
    }

    fn find_with(api: &Api, environment: &Environment) -> Result<Self, Error> {
        let partner = find_at(Token::Partner, &api.partner_token_file, environment)?.secret;
        let user = find_at(Token::User, &api.user_token_file, environment)?.secret;
        Ok(Self { partner, user })
    }
}

/// Returns the token that visitors of the station page must show, if the configuration requires one.
///
/// It is taken from the first of these places: `$CREDENTIALS_DIRECTORY/web-token`, the file named in the configuration,
/// the environment's `STOCKPOINT_WEB_TOKEN`.
///
/// # Errors
/// The configuration requires a token, and it is in none of these places, cannot be read or is unusable.
pub fn web_token(web: &Web) -> Result<Option<SecretString>, Error> {
    let found = find_web_token(web, &environment).transpose()?;
    Ok(found.map(|found| found.secret))
}

fn find_web_token(web: &Web, environment: &Environment) -> Option<Result<Found, Error>> {
    let file = web.token_file.as_ref()?;
    Some(
        find_at(Token::Web, file, environment)
            .and_then(|found| at_least(WEB_TOKEN_BYTES_MIN, Token::Web, found)),
    )
}

/// Returns the seal of this station's control codes.
///
/// Its secret is taken from the first of these places: `$CREDENTIALS_DIRECTORY/sheet-secret`, the file named in the
/// configuration, the environment's `STOCKPOINT_SHEET_SECRET`.
///
/// # Errors
/// The configuration requires a secret, and it is in none of these places, cannot be read or is unusable.
pub fn seal(station: &Station) -> Result<Seal, Error> {
    let found = find_sheet_secret(station, &environment).transpose()?;
    Ok(found.map_or_else(Seal::default, |found| Seal::keyed(&found.secret)))
}

fn find_sheet_secret(station: &Station, environment: &Environment) -> Option<Result<Found, Error>> {
    let file = station.sheet_secret_file.as_ref()?;
    let found = find_at(Token::Sheet, file, environment);
    Some(found.and_then(|found| at_least(SHEET_SECRET_BYTES_MIN, Token::Sheet, found)))
}

/// Refuses a secret that a person has made too short.
fn at_least(bytes_min: usize, token: Token, found: Found) -> Result<Found, Error> {
    if found.secret.expose_secret().len() < bytes_min {
        return Err(Error::Unfit { token, origin: found.origin, flaw: Flaw::TooShort { bytes_min } });
    }
    Ok(found)
}

/// Returns the token and its place, as [`Secrets::find`] finds it if the configuration names `file`; `None` if no place
/// has it.
///
/// # Errors
/// The first place that has it cannot be read or holds no usable token.
pub fn find_one(token: Token, file: &Path) -> Result<Option<Found>, Error> {
    match find_at(token, file, &environment) {
        Ok(found) => Ok(Some(found)),
        Err(Error::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the token in a file.
///
/// # Errors
/// The file does not exist, cannot be read or holds no usable token.
pub fn from_file(token: Token, path: &Path) -> Result<SecretString, Error> {
    let origin = Origin::File(path.to_owned());
    match read(&origin, &environment) {
        Ok(Some(bytes)) => checked(&bytes).map_err(|flaw| Error::Unfit { token, origin, flaw }),
        Ok(None) => Err(Error::Missing { token, looked: vec![origin] }),
        Err(cause) => Err(Error::Unreadable { token, origin, cause }),
    }
}

/// A lookup of a variable of the environment.
pub(super) type Environment = dyn Fn(&str) -> Option<OsString>;

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// The partner token.
    Partner,
    /// The user token.
    User,
    /// The token of the station's page.
    Web,
    /// The secret of the control sheet.
    Sheet,
}

impl Token {
    const fn credential(self) -> &'static str {
        match self {
            Self::Partner => "partner-token",
            Self::User => "user-token",
            Self::Web => "web-token",
            Self::Sheet => "sheet-secret",
        }
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::Partner => "STOCKPOINT_PARTNER_TOKEN",
            Self::User => "STOCKPOINT_USER_TOKEN",
            Self::Web => "STOCKPOINT_WEB_TOKEN",
            Self::Sheet => "STOCKPOINT_SHEET_SECRET",
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Partner => "partner token",
            Self::User => "user token",
            Self::Web => "token of the page",
            Self::Sheet => "secret of the sheet",
        })
    }
}

/// A place that may hold a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A credential of the systemd unit.
    Credential(PathBuf),
    /// The file named in the configuration.
    File(PathBuf),
    /// A variable of the environment.
    Environment(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(path) => write!(f, "credential {}", path.display()),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(variable) => write!(f, "environment {variable}"),
        }
    }
}

/// A usable token and the place that has it.
#[derive(Debug)]
pub struct Found {
    /// The token.
    pub secret: SecretString,
    /// The place.
    pub origin: Origin,
}

/// The reason why there is no usable token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is in none of the searched places.
    #[error("no {token} in {}", places(.looked))]
    Missing {
        /// The token.
        token: Token,
        /// The places, in the order of the search.
        looked: Vec<Origin>,
    },
    /// The place has it but cannot be read. The next place is not tried: it may hold an older token.
    #[error("cannot read the {token} from {origin}")]
    Unreadable {
        /// The token.
        token: Token,
        /// The place.
        origin: Origin,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
    /// The place holds nothing that can be a token.
    #[error("cannot use the {token} from {origin}: {flaw}")]
    Unfit {
        /// The token.
        token: Token,
        /// The place.
        origin: Origin,
        /// The flaw of its value.
        flaw: Flaw,
    },
}

impl Error {
    /// Returns the action of a person that helps.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "put it into one of these places",
            Self::Unreadable { .. } => "let the service's user read it, or remove it",
            Self::Unfit { .. } => "put in the token alone, on one line",
        }
    }
}

/// The flaw of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is empty, or holds only an end of line.
    #[error("it is empty")]
    Empty,
    /// It is a secret that a person has invented, and too short.
    #[error("it is shorter than {bytes_min} characters")]
    TooShort {
        /// The length of the shortest one, in bytes.
        bytes_min: usize,
    },
    /// It has more than 4096 bytes.
    #[error("it is longer than 4096 bytes")]
    TooLong,
    /// It holds a character that cannot stand in the value of a header: only visible ASCII is accepted (RFC 9110,
    /// section 5.5), without spaces, which end a token in an `Authorization` header (section 11.4).
    #[error("it has a character that no token has")]
    Character,
}

/// Finds the places of the secrets that the configuration requires.
pub(super) fn secret_places(config: &Config, environment: &Environment) -> SecretPlaces {
    let Config { api, web, station, .. } = config;
    let at = |token, file: &Path| place_or_reason(token, &find_at(token, file, environment));
    SecretPlaces {
        service: [at(Token::Partner, &api.partner_token_file), at(Token::User, &api.user_token_file)],
        page: find_web_token(web, environment).map(|found| place_or_reason(Token::Web, &found)),
        sheet: find_sheet_secret(station, environment).map(|found| place_or_reason(Token::Sheet, &found)),
    }
}

/// The places of a configuration's secrets, or the reasons why they cannot be used, each on one line.
pub(super) struct SecretPlaces {
    /// The tokens of the service.
    pub(super) service: [String; 2],
    /// The token of the page, if the configuration asks for one.
    pub(super) page: Option<String>,
    /// The secret of the sheet, if the configuration asks for one.
    pub(super) sheet: Option<String>,
}

/// Returns the place of a token, or the reason why it cannot be used, on one line and without the token.
fn place_or_reason(token: Token, found: &Result<Found, Error>) -> String {
    let text = match found {
        Ok(Found { origin, .. }) => format!("{token}: from {origin}"),
        Err(Error::Missing { looked, .. }) => format!("{token}: missing; looked at {}", places(looked)),
        Err(Error::Unreadable { origin, cause, .. }) => {
            format!("{token}: cannot be read from {origin}: {cause}")
        }
        Err(Error::Unfit { origin, flaw, .. }) => format!("{token}: unfit in {origin}: it {flaw}"),
    };
    // The text becomes a comment of a file: a line feed in a path must not end the comment.
    text.replace(char::is_control, "?")
}

/// Returns a variable of the process's environment.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(super) fn environment(variable: &str) -> Option<OsString> {
    match env::var(variable) {
        Ok(value) => Some(value.into()),
        Err(VarError::NotUnicode(value)) => Some(value),
        Err(VarError::NotPresent) => None,
    }
}

fn find_at(token: Token, file: &Path, environment: &Environment) -> Result<Found, Error> {
    // Not set outside a systemd unit, as for a command on a terminal.
    let folder = environment(CREDENTIALS_DIRECTORY).map(PathBuf::from);
    let credential = folder.map(|folder| Origin::Credential(folder.join(token.credential())));
    let file = Origin::File(file.to_owned());
    let mut looked = Vec::new();
    // The first place that has the token decides, even if the token there is unusable.
    for origin in credential.into_iter().chain([file, Origin::Environment(token.variable())]) {
        match read(&origin, environment) {
            Ok(Some(bytes)) => match checked_as(token, &bytes) {
                Ok(secret) => return Ok(Found { secret, origin }),
                Err(Flaw::Empty) if may_be_blank(token, &origin) => looked.push(origin),
                Err(flaw) => return Err(Error::Unfit { token, origin, flaw }),
            },
            Ok(None) => looked.push(origin),
            Err(cause) => return Err(Error::Unreadable { token, origin, cause }),
        }
    }
    Err(Error::Missing { token, looked })
}

/// Returns true if this place may be empty.
///
/// Without a file for the page's token or the sheet's secret, the unit passes a blank one, because it cannot leave one
/// out (`SetCredential=` in `systemd.exec(5)`).
const fn may_be_blank(token: Token, origin: &Origin) -> bool {
    matches!((token, origin), (Token::Web | Token::Sheet, Origin::Credential(_)))
}

/// Returns the content of the place, at most one byte more than is allowed; `None` if the place does not exist.
///
/// The bytes are wiped from memory after use.
fn read(origin: &Origin, environment: &Environment) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match origin {
        Origin::Credential(path) | Origin::File(path) => match File::open(path) {
            Ok(file) => {
                // Room for everything at once: a buffer that grows leaves unwiped copies behind.
                let room = usize::try_from(TOKEN_BYTES_MAX).unwrap_or_default().saturating_mul(2);
                let mut bytes = Zeroizing::new(Vec::with_capacity(room));
                file.take(TOKEN_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes)?;
                Ok(Some(bytes))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        },
        Origin::Environment(variable) => {
            Ok(environment(variable).map(|value| Zeroizing::new(value.into_encoded_bytes())))
        }
    }
}

/// Returns a token from its bytes, with or without an end of line behind it.
///
/// # Errors
/// The flaw of the token.
pub fn checked(bytes: &[u8]) -> Result<SecretString, Flaw> {
    let token = text_of(bytes)?.trim_end_matches(['\r', '\n']);
    if token.is_empty() {
        return Err(Flaw::Empty);
    }
    if token.chars().all(|c| c.is_ascii_graphic()) { Ok(token.into()) } else { Err(Flaw::Character) }
}

/// Returns the secret in the bytes. The one of the sheet stands in no header and may be a sentence.
fn checked_as(token: Token, bytes: &[u8]) -> Result<SecretString, Flaw> {
    if token != Token::Sheet {
        return checked(bytes);
    }
    match text_of(bytes)?.trim() {
        "" => Err(Flaw::Empty),
        text if text.chars().any(char::is_control) => Err(Flaw::Character),
        text => Ok(text.into()),
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, Flaw> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > TOKEN_BYTES_MAX) {
        return Err(Flaw::TooLong);
    }
    std::str::from_utf8(bytes).map_err(|_unseen| Flaw::Character)
}

fn places(looked: &[Origin]) -> String {
    let named: Vec<String> = looked.iter().map(Origin::to_string).collect();
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::*;

    const TOKEN: &str = "tok3n-of-the-partner";

    /// Returns a folder for both files and credentials, and the `[api]` section that names the files in it.
    fn place() -> (TempDir, Api) {
        let dir = TempDir::new().unwrap();
        let config =
            Config::parse("[station]\nname = \"a\"\nlocation_id = 1\nstorage_id = 2\n", "c").unwrap();
        let partner_token_file = dir.path().join("partner");
        let user_token_file = dir.path().join("user");
        let api = Api { partner_token_file, user_token_file, ..config.api };
        (dir, api)
    }

    fn env(values: Vec<(&'static str, OsString)>) -> Box<Environment> {
        Box::new(move |wanted| {
            values.iter().find(|(variable, _)| *variable == wanted).map(|(_, value)| value.clone())
        })
    }

    fn partner(api: &Api, environment: &Environment) -> Result<(String, Origin), Error> {
        find_at(Token::Partner, &api.partner_token_file, environment)
            .map(|found| (found.secret.expose_secret().to_owned(), found.origin))
    }

    fn place_of(token: Token, file: &Path, environment: &Environment) -> String {
        place_or_reason(token, &find_at(token, file, environment))
    }

    #[test]
    fn the_token_of_the_page_is_long_and_looked_for_only_where_the_configuration_asks_for_one() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("web");
        let found = |web: &Web, environment: &Environment| {
            find_web_token(web, environment).map(|found| match found {
                Ok(found) => found.origin.to_string(),
                Err(error) => error.to_string(),
            })
        };
        let credential = env(vec![("CREDENTIALS_DIRECTORY", dir.path().into())]);
        std::fs::write(dir.path().join("web-token"), "\n").unwrap();
        let web = Web { listen: None, token_file: Some(file.clone()) };
        assert!(found(&web, &credential).unwrap().starts_with("no token of the page in credential "));
        std::fs::write(dir.path().join("web-token"), "tok3n-of-16-bytes\n").unwrap();
        assert_eq!(found(&Web { listen: None, token_file: None }, &credential), None);
        let place = dir.path().display();
        assert_eq!(found(&web, &credential).unwrap(), format!("credential {place}/web-token"));
        assert!(found(&web, &env(vec![])).unwrap().starts_with("no token of the page in file "));
        std::fs::write(&file, "tok3n-of-15-byt\n").unwrap();
        std::fs::write(dir.path().join("web-token"), "\n").unwrap();
        assert_eq!(found(&web, &credential), found(&web, &env(vec![])), "a blank credential is none");
        let short = found(&web, &env(vec![])).unwrap();
        assert!(short.contains("it is shorter than 16 characters") && !short.contains("tok3n"), "{short}");
    }

    #[test]
    fn a_credential_goes_before_the_file_and_the_file_before_the_environment() {
        let (dir, api) = place();
        let environment = env(vec![
            ("CREDENTIALS_DIRECTORY", dir.path().into()),
            ("STOCKPOINT_PARTNER_TOKEN", "from-environment".into()),
        ]);
        let (token, origin) = partner(&api, &environment).unwrap();
        assert_eq!(
            (token.as_str(), origin.to_string().as_str()),
            ("from-environment", "environment STOCKPOINT_PARTNER_TOKEN")
        );

        std::fs::write(&api.partner_token_file, "from-file\n").unwrap();
        let (token, origin) = partner(&api, &environment).unwrap();
        assert_eq!((token, origin), ("from-file".into(), Origin::File(api.partner_token_file.clone())));

        let credential = dir.path().join("partner-token");
        std::fs::write(&credential, "from-credential\r\n").unwrap();
        let (token, origin) = partner(&api, &environment).unwrap();
        assert_eq!((token, origin), ("from-credential".into(), Origin::Credential(credential)));
    }

    #[test]
    fn both_tokens_are_found_and_neither_is_in_the_debug_text() {
        let (_dir, api) = place();
        std::fs::write(&api.partner_token_file, TOKEN).unwrap();
        let environment = env(vec![("STOCKPOINT_USER_TOKEN", "tok3n-of-the-user".into())]);
        let secrets = Secrets::find_with(&api, &environment).unwrap();
        assert_eq!(secrets.partner.expose_secret(), TOKEN);
        assert_eq!(secrets.user.expose_secret(), "tok3n-of-the-user");
        assert!(!format!("{secrets:?}").contains("tok3n"));
    }

    #[test]
    fn a_missing_token_names_every_place_that_was_searched() {
        let (dir, api) = place();
        let folder = dir.path().display();
        let error = partner(&api, &env(vec![])).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("no partner token in file {folder}/partner, environment STOCKPOINT_PARTNER_TOKEN")
        );
        let reason = place_of(
            Token::User,
            &api.user_token_file,
            &env(vec![("CREDENTIALS_DIRECTORY", dir.path().into())]),
        );
        assert_eq!(
            reason,
            format!(
                "user token: missing; looked at credential {folder}/user-token, file {folder}/user, environment STOCKPOINT_USER_TOKEN"
            )
        );
    }

    #[test]
    fn a_place_that_cannot_be_read_is_named_and_the_next_one_not_tried() {
        let (dir, mut api) = place();
        api.partner_token_file = dir.path().to_owned();
        let environment = env(vec![("STOCKPOINT_PARTNER_TOKEN", TOKEN.into())]);
        let error = partner(&api, &environment).unwrap_err();
        assert!(matches!(&error, Error::Unreadable { origin: Origin::File(path), .. } if path == dir.path()));
        assert!(
            place_of(Token::Partner, &api.partner_token_file, &environment)
                .contains(&dir.path().display().to_string())
        );
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_refused_without_being_shown() {
        let (_dir, api) = place();
        let too_long = "tok3n".repeat(1000);
        let flawed: [(&[u8], Flaw); 6] = [
            (b"", Flaw::Empty),
            (b"\n", Flaw::Empty),
            (b"tok3n with space", Flaw::Character),
            (b"tok3n\nX-Header: tok3n", Flaw::Character),
            (b"tok3n\xff", Flaw::Character),
            (too_long.as_bytes(), Flaw::TooLong),
        ];
        for (bytes, flaw) in flawed {
            std::fs::write(&api.partner_token_file, bytes).unwrap();
            let error = partner(&api, &env(vec![])).unwrap_err();
            assert!(matches!(error, Error::Unfit { flaw: found, .. } if found == flaw), "{error}");
            assert!(!format!("{error} {error:?}").contains("tok3n"));
            assert!(!place_of(Token::Partner, &api.partner_token_file, &env(vec![])).contains("tok3n"));

            std::fs::remove_file(&api.partner_token_file).unwrap();
            let value = OsString::from_vec(bytes.to_owned());
            let error = partner(&api, &env(vec![("STOCKPOINT_PARTNER_TOKEN", value)])).unwrap_err();
            assert!(matches!(error, Error::Unfit { flaw: found, .. } if found == flaw), "{error}");
        }
    }

    #[test]
    fn a_token_of_4096_bytes_is_the_longest() {
        let (_dir, api) = place();
        for (length, fits) in [(4096, true), (4097, false)] {
            std::fs::write(&api.partner_token_file, "t".repeat(length)).unwrap();
            assert_eq!(partner(&api, &env(vec![])).is_ok(), fits);
        }
    }

    #[test]
    fn the_environment_of_the_process_is_read() {
        assert!(environment("PATH").is_some());
        assert_eq!(environment("STOCKPOINT_NO_SUCH_VARIABLE"), None);
    }
}
