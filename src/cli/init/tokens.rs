//! The two tokens: given, found, typed without being shown, or obtained with a login.

use std::io::Write;
use std::path::Path;

use secrecy::ExposeSecret;
use secrecy::SecretString;
use tokio::time::Instant;

use super::InitArgs;
use super::person::DefaultAnswer;
use super::person::Person;
use super::person::Question;
use crate::api::Budget;
use crate::api::Client;
use crate::api::Login;
use crate::api::Outcome;
use crate::api::seed;
use crate::app;
use crate::cli::Error;
use crate::config::Api;
use crate::config::secrets;
use crate::config::secrets::Origin;
use crate::config::secrets::Token;
use crate::domain::text::error_chain;

/// The name that stands for the standard input in place of a file.
const STANDARD_INPUT: &str = "-";

/// The two tokens.
pub(super) struct Tokens {
    pub(super) partner: SecretString,
    pub(super) user: SecretString,
}

/// Finds both tokens, or asks for them. `api` has the address of the service and the places of existing tokens.
pub(super) async fn tokens(
    person: &mut Person<'_, impl Write>,
    args: &InitArgs,
    api: &Api,
) -> Result<Tokens, Error> {
    let answers = &args.answers;
    let partner = match given(person, Token::Partner, answers.partner_token_file.as_deref(), api)? {
        Some(token) => token,
        None if !person.is_asked() => return Err(Error::required(&["--partner-token-file"])),
        None => typed(person, Token::Partner)?,
    };
    // A login that was given wins over a user token that is found.
    if let Some(login) = &answers.login {
        let user = logged_in(person, args, api, &partner, Some(login)).await?;
        return Ok(Tokens { partner, user });
    }
    let user = match given(person, Token::User, answers.user_token_file.as_deref(), api)? {
        Some(token) => token,
        None => logged_in(person, args, api, &partner, None).await?,
    };
    Ok(Tokens { partner, user })
}

/// Returns the token from the named file or, without one, from the places where a station searches for it.
fn given(
    person: &mut Person<'_, impl Write>,
    token: Token,
    file: Option<&Path>,
    api: &Api,
) -> Result<Option<SecretString>, Error> {
    match file {
        Some(file) if file == Path::new(STANDARD_INPUT) => typed(person, token).map(Some),
        Some(file) => Ok(Some(secrets::from_file(token, file)?)),
        None => {
            let file = match token {
                Token::Partner => &api.partner_token_file,
                Token::User | Token::Web | Token::Sheet => &api.user_token_file,
            };
            let Some(found) = secrets::find_one(token, file)? else { return Ok(None) };
            let origin = &found.origin;
            let is_taken = match origin {
                // The environment was set for this run, so its token needs no question.
                Origin::Environment(_) if person.is_asked() => {
                    person.say(&format!("the {token} is that of {origin}\n"))?;
                    true
                }
                Origin::Environment(_) => true,
                Origin::Credential(_) | Origin::File(_) => {
                    person.agrees(&format!("use the {token} from {origin}"), DefaultAnswer::Yes)?
                }
            };
            Ok(is_taken.then_some(found.secret))
        }
    }
}

/// Reads a token that is typed or piped in; a person is asked again until the text can be a token.
fn typed(person: &mut Person<'_, impl Write>, token: Token) -> Result<SecretString, Error> {
    let flag = match token {
        Token::Partner => "--partner-token-file",
        Token::User | Token::Web | Token::Sheet => "--user-token-file, or --login",
    };
    loop {
        let secret = person.secret(&token.to_string())?.ok_or_else(|| Error::required(&[flag]))?;
        match secrets::checked(secret.expose_secret().as_bytes()) {
            Ok(token) => return Ok(token),
            Err(wrong) if person.is_asked() => {
                person.say(&format!("  {wrong}; type or paste the token alone\n"))?;
            }
            // An empty input is a missing token, not a wrong one.
            Err(_) if secret.expose_secret().is_empty() => return Err(Error::required(&[flag])),
            Err(why) => {
                return Err(Error::usage(format!("cannot use the {token} of {flag}: {why}"))
                    .hint("pass the token alone, on one line"));
            }
        }
    }
}

/// Returns the user token, obtained with a login and a password or entered as it is.
async fn logged_in(
    person: &mut Person<'_, impl Write>,
    args: &InitArgs,
    api: &Api,
    partner: &SecretString,
    login: Option<&String>,
) -> Result<SecretString, Error> {
    let mut client = Client::partner_only(api, partner).map_err(app::Error::Client)?;
    let mut budget = Budget::new(90, 2, seed(), Instant::now());
    loop {
        let question = Question {
            flag: "--login or --user-token-file",
            text: "login (telephone number or e-mail; Enter to paste a user token instead)",
            default: person.is_asked().then(String::new),
        };
        let login = person.answer(login, &question, |_any| None)?;
        // Enter means that the person has a user token.
        if login.is_empty() {
            return typed(person, Token::User);
        }
        let password = password(person, args)?;
        let answer = client.log_in(budget.wait().await, &login, &password).await;
        let (why, cure) = match answer {
            Ok(Login::Token(token)) => {
                return secrets::checked(token.expose_secret().as_bytes())
                    .map_err(|flaw| no_login(&format!("cannot use the token that it sent: {flaw}")));
            }
            Ok(Login::NoTokenYet) => (
                "the account has a second factor, which this API does not take".to_owned(),
                Some(
                    "make a user without one for the station and log in as that, or paste a user token that \
                     Altegio shows",
                ),
            ),
            Err(error) => match error.outcome() {
                Outcome::NotAllowed { status: 401, .. } => {
                    ("login or password is wrong, or the partner token is".to_owned(), None)
                }
                _ => (error_chain(&error), error.hint()),
            },
        };
        // A second try with the same file would fail, too.
        if !person.is_asked() || args.answers.password_file.is_some() {
            return Err(no_login(&why).hint_if(cure));
        }
        let cure = cure.map(|cure| format!("  {cure}\n")).unwrap_or_default();
        person.say(&format!("  {why}\n{cure}"))?;
    }
}

/// Returns the error of a login or of tokens that the service does not take.
pub(super) fn no_login(why: &str) -> Error {
    Error::failure(format!("the service does not log the station in: {why}"))
}

/// Returns the password from its file or from the person.
fn password(person: &mut Person<'_, impl Write>, args: &InitArgs) -> Result<SecretString, Error> {
    match &args.answers.password_file {
        Some(file) if file != Path::new(STANDARD_INPUT) => super::secret_file(file),
        None if !person.is_asked() => Err(Error::required(&["--password-file"])),
        _ => person.secret("password")?.ok_or_else(Error::no_answer),
    }
}
