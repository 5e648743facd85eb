//! The bounds of single values: each function takes one value of the file and returns it checked and typed, or its
//! problem.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use reqwest::Url;
use toml::Spanned;
use toml::de::DeInteger;
use toml::de::DeValue;

use crate::config::KITS_MAX;
use crate::config::SIGNAL_BYTES_MAX;
use crate::config::fault::Problem;
use crate::config::fault::may_be_token;
use crate::config::fault::shown;
use crate::config::reader::type_of;
use crate::domain::code::pack::CODE_CHARS_MAX;
use crate::domain::code::rule::Length;
use crate::domain::code::rule::TEXT_CHARS_MAX;
use crate::domain::ids::CardId;
use crate::domain::stock::kit::KitScan;
use crate::domain::stock::mode::Mode;

/// The largest server id that is accepted: the largest whole number that every JSON reader keeps exactly (RFC 8259,
/// section 6).
pub(super) const ID_MAX: i64 = 9_007_199_254_740_991;
/// The longest text in a configuration, in bytes: that of the longest path on Linux (`PATH_MAX`, limits.h).
const TEXT_BYTES_MAX: usize = 4096;
/// The longest name of a station or a scanner, in characters. Names travel in every document's comment.
const NAME_CHARS_MAX: usize = 24;
/// The longest name of a storage, in characters: the length of a line beside its printed code.
const TITLE_CHARS_MAX: usize = 34;
/// The longest USB serial number, in characters. The length of its descriptor is one byte and counts two bytes of
/// header and two for each character (USB 2.0, section 9.6.7).
const USB_SERIAL_CHARS_MAX: usize = 126;
/// The longest USB port name: a bus and at most six hubs, each with up to three digits (USB 2.0, section 4.1.1).
const USB_PORT_CHARS_MAX: usize = 32;

/// The longest code that a rule can require, in characters: as many as a frame has bytes.
const LENGTH_MAX: u64 = 512;
/// The only control character that a code may hold.
const GROUP_SEPARATOR: char = '\u{1d}';
/// The most words of a command. More of them belong into a script.
const COMMAND_WORDS_MAX: usize = 16;

type Value<'a, 't> = &'a DeValue<'t>;

/// Reads a whole number within `allowed`.
pub(super) fn whole<T: TryFrom<u64>>(
    allowed: RangeInclusive<u64>,
) -> impl Fn(Value<'_, '_>) -> Result<T, Problem> {
    move |value| {
        let number = integer(value)?;
        // The bounds go first, so that a fault names them and not the limits of the type.
        let fits = parsed(number).filter(|number| allowed.contains(number));
        fits.and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| out_of_range(number, format!("{} to {}", allowed.start(), allowed.end())))
    }
}

/// Reads one of a few numbers.
pub(super) fn one_of(allowed: &'static [u8]) -> impl Fn(Value<'_, '_>) -> Result<u8, Problem> {
    move |value| {
        let number = integer(value)?;
        let found = allowed.iter().find(|known| parsed(number) == Some(u64::from(**known)));
        found.copied().ok_or_else(|| {
            let words: Vec<String> = allowed.iter().map(u8::to_string).collect();
            out_of_range(number, words.join(" or "))
        })
    }
}

/// Reads a number of seconds that is 0 or within `allowed`; 0 becomes `None`.
pub(super) fn seconds_or_off(
    allowed: RangeInclusive<u64>,
) -> impl Fn(Value<'_, '_>) -> Result<Option<Duration>, Problem> {
    move |value| {
        let number = integer(value)?;
        match parsed(number) {
            Some(0) => Ok(None),
            Some(seconds) if allowed.contains(&seconds) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(out_of_range(number, format!("0, or {} to {}", allowed.start(), allowed.end()))),
        }
    }
}

/// Reads a number of milliseconds within `allowed`.
pub(super) fn millis(allowed: RangeInclusive<u64>) -> impl Fn(Value<'_, '_>) -> Result<Duration, Problem> {
    move |value| whole(allowed.clone())(value).map(Duration::from_millis)
}

/// Reads a server's id, 1..=[`ID_MAX`].
pub(super) fn id<T>(made: impl Fn(i64) -> T) -> impl Fn(Value<'_, '_>) -> Result<T, Problem> {
    move |value| whole(1..=ID_MAX.unsigned_abs())(value).map(&made)
}

/// Reads `true` or `false`.
pub(super) fn flag(value: Value<'_, '_>) -> Result<bool, Problem> {
    value.as_bool().ok_or_else(|| wrong_type(value, "true or false"))
}

/// Reads one of a few words.
pub(super) fn word<T: Copy>(words: &[(&'static str, T)]) -> impl Fn(Value<'_, '_>) -> Result<T, Problem> {
    move |value| {
        let written = text(value)?;
        let found = words.iter().find(|(word, _)| *word == written);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let allowed: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            Problem::UnknownWord { value: shown(written), allowed: allowed.join(" or ") }
        })
    }
}

/// Reads the kits that may be booked: a word, or a list of cards.
pub(super) fn kits(value: Value<'_, '_>) -> Result<KitScan, Problem> {
    let Some(list) = value.as_array() else {
        let what = "\"none\", \"all\" or a list of cards, [410, 500]";
        return match value.as_str().ok_or_else(|| wrong_type(value, what))? {
            "none" => Ok(KitScan::None),
            "all" => Ok(KitScan::All),
            word => Err(Problem::UnknownWord { value: shown(word), allowed: what.to_owned() }),
        };
    };
    if list.is_empty() {
        return Err(Problem::Unfit { what: "names no card", cure: "write \"none\", or the cards' numbers" });
    }
    if list.len() > KITS_MAX {
        return Err(Problem::Unfit {
            what: "is too long",
            cure: "name 1000 cards at most, or write \"all\"",
        });
    }
    list.iter().map(|card| id(CardId)(card.get_ref())).collect::<Result<_, _>>().map(KitScan::Only)
}

/// Reads the mode of scans, which is their effect on the books.
pub(super) fn mode(value: Value<'_, '_>) -> Result<Mode, Problem> {
    let written = text(value)?;
    Mode::from_word(written).ok_or_else(|| Problem::UnknownWord {
        value: shown(written),
        allowed: "\"receipt\" or \"write-off\" or \"lookup\"".to_owned(),
    })
}

/// Reads the name of a station or a scanner: 1..=24 of `a-z 0-9 -`.
pub(super) fn name(value: Value<'_, '_>) -> Result<String, Problem> {
    let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let unfit = Problem::Unfit { what: "is not a name", cure: "use 1 to 24 of a-z, 0-9 and -" };
    checked(value, |name| (1..=NAME_CHARS_MAX).contains(&name.len()) && name.chars().all(is_fit), unfit)
}

/// Reads a path.
pub(super) fn path(value: Value<'_, '_>) -> Result<PathBuf, Problem> {
    let unfit = Problem::Unfit { what: "is empty", cure: "write a path, or remove the key" };
    checked(value, |path| !path.is_empty(), unfit).map(PathBuf::from)
}

/// Reads the path of a token's file. A word without any `/` is refused and not repeated: it may be the token itself.
pub(super) fn token_path(value: Value<'_, '_>) -> Result<PathBuf, Problem> {
    let unfit = Problem::Unfit {
        what: "is not a path with a folder; it is not shown because it may be the token itself",
        cure: "put the token into a file and write the path of that file",
    };
    checked(value, |path| path.contains('/'), unfit).map(PathBuf::from)
}

/// Reads the address of an HTTP proxy, `http://HOST:PORT`.
pub(super) fn proxy(value: Value<'_, '_>) -> Result<String, Problem> {
    let unfit =
        |what| Problem::Unfit { what, cure: "write one such as http://192.168.1.1:3128, or remove the key" };
    let url = Url::parse(text(value)?).map_err(|_unseen| unfit("is not an address"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unfit("holds a user name or a password"));
    }
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    match (url.scheme(), url.host_str(), url.port_or_known_default()) {
        // The parser drops a default port; it is written out again.
        ("http", Some(host), Some(port)) if is_bare => Ok(format!("http://{host}:{port}")),
        _ => Err(unfit("is not http://HOST:PORT")),
    }
}

/// Reads the base address of the API, without a slash at its end.
pub(super) fn base_url(value: Value<'_, '_>) -> Result<String, Problem> {
    let unfit = |what| Problem::Unfit { what, cure: "write one such as https://api.alteg.io/api/v1" };
    let written = text(value)?;
    let url = Url::parse(written).map_err(|_unseen| unfit("is not an address"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(unfit("holds a user name or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(unfit("holds a query or a fragment, which begin with ? and #"));
    }
    // A host has dots and a token has none, but a token with dots may stand in the path.
    let mut parts = url.host_str().into_iter().chain(url.path().split('/'));
    if parts.any(|part| !part.contains('.') && may_be_token(part)) {
        return Err(unfit("holds text that may be a token"));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if url.host_str().is_some_and(is_loopback) => Ok(()),
        "http" => Err(unfit("is http, which only a loopback address may be")),
        _ => Err(unfit("is not https")),
    }?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Reads a time zone by its name in the IANA database.
pub(super) fn time_zone(value: Value<'_, '_>) -> Result<TimeZone, Problem> {
    let unfit = || Problem::Unfit {
        what: "is not a time zone known here",
        cure: "write its IANA name, such as \"Europe/Riga\", or remove the key to ask the API",
    };
    let zone = TimeZone::get(text(value)?).map_err(|_unseen| unfit())?;
    // A zone without a name could not be written back.
    if zone.iana_name().is_some() { Ok(zone) } else { Err(unfit()) }
}

/// Reads the USB port of a device in the kernel's notation: `1-1.3`.
pub(super) fn usb_port(value: Value<'_, '_>) -> Result<String, Problem> {
    let is_fit = |c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | ':');
    let unfit = Problem::Unfit { what: "is not a USB port", cure: "write one such as \"1-1.3\"" };
    checked(value, |port| (1..=USB_PORT_CHARS_MAX).contains(&port.len()) && port.chars().all(is_fit), unfit)
}

/// Reads a device's serial number.
pub(super) fn usb_serial(value: Value<'_, '_>) -> Result<String, Problem> {
    let unfit = Problem::Unfit { what: "is not a serial number", cure: "use 1 to 126 characters" };
    checked(value, |serial| (1..=USB_SERIAL_CHARS_MAX).contains(&serial.chars().count()), unfit)
}

/// Reads a piece of a code, as formatting rules search for it and write it: at most 64 characters, and no control
/// character except the group separator, which TOML writes as `\u001D`.
pub(super) fn piece(value: Value<'_, '_>) -> Result<String, Problem> {
    let unfit = Problem::Unfit { what: "is empty", cure: "write what is meant, or remove the key" };
    piece_or_nothing(value).and_then(|piece| if piece.is_empty() { Err(unfit) } else { Ok(piece) })
}

/// Reads a piece of a code that may be empty.
pub(super) fn piece_or_nothing(value: Value<'_, '_>) -> Result<String, Problem> {
    let piece = value.as_str().ok_or_else(|| wrong_type(value, "text in double quotes"))?;
    if piece.chars().any(|c| c.is_control() && c != GROUP_SEPARATOR) {
        let cure = "remove it; the only one that a code may hold is the group separator, \"\\u001D\"";
        return Err(Problem::Unfit { what: "holds a control character", cure });
    }
    if piece.chars().count() > TEXT_CHARS_MAX {
        return Err(Problem::Unfit { what: "is too long", cure: "use 64 characters at most" });
    }
    Ok(piece.to_owned())
}

/// Reads the text of a pattern, which its caller checks.
pub(super) fn label<'a>(value: Value<'a, '_>) -> Result<&'a str, Problem> {
    text(value)
}

/// Reads a code as it is in a goods table: 1 to 80 visible characters, in quotes, because `007` is not `7`.
pub(super) fn code(value: Value<'_, '_>) -> Result<String, Problem> {
    let unfit = Problem::Unfit { what: "is not a code", cure: "write its 1 to 80 characters, in quotes" };
    let is_fit = |code: &str| {
        let count = code.trim().chars().count();
        (1..=CODE_CHARS_MAX).contains(&count) && !code.chars().any(|c| c.is_control() && c != GROUP_SEPARATOR)
    };
    checked(value, is_fit, unfit)
}

/// Reads a number of characters of a code, from 1 to the length of the longest code.
pub(super) fn characters(value: Value<'_, '_>) -> Result<usize, Problem> {
    whole(1..=LENGTH_MAX)(value)
}

/// Reads a number of characters, or a list of the least and the most.
pub(super) fn length(value: Value<'_, '_>) -> Result<Length, Problem> {
    let count = whole(1..=LENGTH_MAX);
    let ends: Vec<_> = match value {
        // A single number is the least and the most.
        DeValue::Integer(_) => vec![value, value],
        DeValue::Array(list) => list.iter().map(Spanned::get_ref).collect(),
        other => return Err(wrong_type(other, "a whole number, or the least and the most as in [8, 14]")),
    };
    let unfit = |what| Problem::Unfit { what, cure: "write the least and the most, as in [8, 14]" };
    let [min, max] = ends[..] else { return Err(unfit("does not have two numbers")) };
    let length = Length { min: count(min)?, max: count(max)? };
    if length.min <= length.max { Ok(length) } else { Err(unfit("has the greater number first")) }
}

/// Reads a name for people: 1..=[`TITLE_CHARS_MAX`] printable characters.
pub(super) fn title(value: Value<'_, '_>) -> Result<String, Problem> {
    let unfit =
        Problem::Unfit { what: "is not a name to print", cure: "use 1 to 34 characters, on one line" };
    let is_fit = |title: &str| {
        (1..=TITLE_CHARS_MAX).contains(&title.chars().count()) && !title.chars().any(char::is_control)
    };
    checked(value, is_fit, unfit)
}

/// Reads the ALSA name of a sound card; an empty text becomes `None`.
pub(super) fn sound(value: Value<'_, '_>) -> Result<Option<String>, Problem> {
    // `aplay` would read such a name as an option.
    let unfit = Problem::Unfit {
        what: "begins with -, like an option",
        cure: "write a name that `aplay -L` lists, such as \"default\", or \"\" for off",
    };
    let name = checked(value, |name| !name.starts_with('-'), unfit)?;
    Ok(Some(name).filter(|name| !name.is_empty()))
}

/// Reads a program by its full path, and its arguments; an empty list means none.
pub(super) fn command(value: Value<'_, '_>) -> Result<Vec<String>, Problem> {
    let list = value.as_array().ok_or_else(|| wrong_type(value, "a list, [\"/usr/local/bin/signal\"]"))?;
    let words = list.iter().map(|word| text(word.get_ref()).map(str::to_owned));
    // One word more than allowed is enough to find out that there are too many.
    let words = words.take(COMMAND_WORDS_MAX + 1).collect::<Result<Vec<_>, _>>()?;
    if words.first().is_some_and(|program| !program.starts_with('/')) {
        let cure = "begin it with the program's path, as in \"/usr/local/bin/signal\"";
        return Err(Problem::Unfit { what: "does not begin with a full path", cure });
    }
    if words.len() > COMMAND_WORDS_MAX {
        return Err(Problem::Unfit { what: "is too long", cure: "use 16 words at most, or a script" });
    }
    Ok(words)
}

/// Reads bytes as pairs of hexadecimal digits, at most [`SIGNAL_BYTES_MAX`] bytes.
pub(super) fn hex_bytes(value: Value<'_, '_>) -> Result<Vec<u8>, Problem> {
    let cure = "write each byte as two digits, such as \"1B372C\", 64 bytes at most";
    let written = text(value)?;
    let digits: Option<Vec<u32>> = written.chars().map(|c| c.to_digit(16)).collect();
    // An odd number of digits is not a whole number of bytes.
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2));
    let digits = digits.ok_or(Problem::Unfit { what: "is not hexadecimal", cure })?;
    let pair =
        |pair: &[u32]| pair.iter().fold(0_u32, |byte, digit| byte.saturating_mul(16).saturating_add(*digit));
    let bytes: Vec<u8> = digits.chunks(2).filter_map(|digits| u8::try_from(pair(digits)).ok()).collect();
    if bytes.len() <= SIGNAL_BYTES_MAX {
        Ok(bytes)
    } else {
        Err(Problem::Unfit { what: "is too long", cure })
    }
}

fn integer<'a, 't>(value: Value<'a, 't>) -> Result<&'a DeInteger<'t>, Problem> {
    value.as_integer().ok_or_else(|| wrong_type(value, "a whole number, without quotes"))
}

/// Returns the number; `None` if it is negative or beyond 64 bits.
fn parsed(number: &DeInteger<'_>) -> Option<u64> {
    // TOML writes numbers in bases 2, 8, 10 and 16; the parser has removed the prefix.
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn out_of_range(number: &DeInteger<'_>, allowed: String) -> Problem {
    Problem::OutOfRange { value: shown(&number.to_string()), allowed }
}

/// Reads a text that can stand on one line.
pub(super) fn text<'a>(value: Value<'a, '_>) -> Result<&'a str, Problem> {
    let text = value.as_str().ok_or_else(|| wrong_type(value, "text in double quotes"))?;
    if text.chars().any(char::is_control) {
        return Err(Problem::Unfit { what: "holds a control character", cure: "remove it" });
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(Problem::Unfit { what: "is too long", cure: "use 4096 bytes at most" });
    }
    Ok(text)
}

fn checked(
    value: Value<'_, '_>,
    is_fit: impl FnOnce(&str) -> bool,
    unfit: Problem,
) -> Result<String, Problem> {
    let text = text(value)?;
    if is_fit(text) { Ok(text.to_owned()) } else { Err(unfit) }
}

fn wrong_type(value: Value<'_, '_>, wanted: &'static str) -> Problem {
    Problem::WrongType { found: type_of(value), wanted }
}

/// Returns true if a host can only be this machine. IPv6 addresses stand in brackets (RFC 3986, section 3.2.2).
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    // Other names may resolve to this machine today and to another one tomorrow.
    host == "localhost" || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
