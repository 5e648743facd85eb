//! The set-up code: the code that a station without configuration reads from a screen or a paper.
//!
//! `$SP.SETUP1/STATION/LOCATION/ADDRESS/SECRET/NETWORK/PASSPHRASE/CHECK`, in characters that the small alphabet of QR codes
//! has (ISO/IEC 18004, 7.4.4) and every keyboard types. A running station removes the secret from a scan of it,
//! refuses the scan, and never looks it up or parks it ([`crate::domain::decode::secret`]). The secret, the network's
//! name and its passphrase are in base 32; the check is a digest over all before it, which also reveals the right
//! keyboard layout.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::config::doubt_about;
use crate::domain::aim::AimId;
use crate::domain::ids::LocationId;
use crate::setup::Bundle;
use crate::setup::Error;
use crate::setup::seal::OneTimeSecret;
use crate::setup::seal::SECRET_BYTES;
use crate::setup::seal::base32;
use crate::setup::seal::check_of;
use crate::setup::seal::from_base32;

/// The beginning of every set-up code, with the version of its form.
const PREFIX: &str = "$SP.SETUP1/";

/// The longest name of a wireless network, in bytes (IEEE 802.11, 9.4.2.2).
const SSID_BYTES_MAX: usize = 32;
/// The number of characters of a passphrase (IEEE 802.11, annex J.4.1).
const PASSPHRASE_CHARS: RangeInclusive<usize> = 8..=63;

/// A wireless network.
#[derive(Debug)]
pub struct Wifi {
    /// Its name, 1..=32 bytes without control characters.
    pub ssid: String,
    /// Its passphrase, 8..=63 printable ASCII characters.
    pub passphrase: SecretString,
}

impl Wifi {
    /// Returns a network, if its name and passphrase are possible ones.
    pub fn new(ssid: &str, passphrase: &SecretString) -> Option<Self> {
        let is_name = (1..=SSID_BYTES_MAX).contains(&ssid.len()) && !ssid.chars().any(char::is_control);
        let phrase = passphrase.expose_secret();
        let is_phrase =
            PASSPHRASE_CHARS.contains(&phrase.len()) && phrase.chars().all(|c| (' '..='~').contains(&c));
        (is_name && is_phrase).then(|| Self { ssid: ssid.to_owned(), passphrase: passphrase.clone() })
    }
}

/// The content of a set-up code.
#[derive(Debug)]
pub struct SetupCode {
    /// The name that the station will have.
    pub name: String,
    /// The location that it will book.
    pub location_id: LocationId,
    /// The address of the machine that has the rest; `None`: the rest is in a sealed file.
    pub address: Option<SocketAddr>,
    /// The network of the site, if the station has to join one.
    pub wifi: Option<Wifi>,
    /// The secret that opens the rest.
    pub secret: OneTimeSecret,
}

impl SetupCode {
    /// Returns the text to print as a QR code.
    pub fn text(&self) -> SecretString {
        let address = self.address.map(address_text).unwrap_or_default();
        let (ssid, phrase) = match &self.wifi {
            Some(wifi) => (base32(wifi.ssid.as_bytes()), base32(wifi.passphrase.expose_secret().as_bytes())),
            None => (String::new(), String::new()),
        };
        let secret = base32(self.secret.bytes());
        let text = format!("{PREFIX}{}/{address}/{secret}/{ssid}/{phrase}/", self.head());
        format!("{text}{}", check_of(&text)).into()
    }

    /// Returns the part that anybody may read; the sealed text is bound to it.
    pub fn head(&self) -> String {
        format!("{}/{}", self.name.to_ascii_uppercase(), self.location_id)
    }

    /// Seals the bundle of a station for everybody who has the code. Call it once for a code.
    ///
    /// # Errors
    /// It cannot be sealed.
    pub fn seal(&self, bundle: &Bundle) -> Result<Vec<u8>, Error> {
        self.secret.seal(&self.head(), &bundle.file())
    }

    /// Opens what was sealed for this code.
    ///
    /// # Errors
    /// It was damaged, is for another code, or is not the set-up of a station.
    pub fn open(&self, sealed: Vec<u8>) -> Result<Bundle, Error> {
        let text = self.secret.open(&self.head(), sealed)?;
        let bundle = Bundle::handed(text.expose_secret(), "what the code opened")?;
        // The seal binds the bytes to the code; the configuration inside them is compared, too.
        let station = &bundle.config.station;
        let is_ours = station.name == self.name && station.location_id == self.location_id;
        if is_ours { Ok(bundle) } else { Err(Error::OtherStation) }
    }

    /// Reads the text of a frame, with or without AIM prefix; `None` for anything except a whole set-up code.
    pub fn read(frame_text: &str) -> Option<Self> {
        let (_symbology, text) = AimId::split(frame_text);
        let (before, check) = text.rsplit_once('/')?;
        // The check comes first: it refuses a cut or misread code before any part is interpreted.
        if check_of(&format!("{before}/")) != check {
            return None;
        }
        let parts: Vec<&str> = before.strip_prefix(PREFIX)?.split('/').collect();
        let [name, location, address, secret, ssid, phrase] = parts.as_slice() else { return None };
        // The code has capitals, which the small alphabet of QR codes requires; a station's name has none.
        let name = name.to_ascii_lowercase();
        let location_id = LocationId(location.parse().ok()?);
        let is_fit = doubt_about("name", &name).or(doubt_about("location_id", location)).is_none();
        let bytes: [u8; SECRET_BYTES] = from_base32(secret)?.try_into().ok()?;
        let code = Self {
            name,
            location_id,
            address: if address.is_empty() { None } else { Some(read_address(address)?) },
            wifi: if ssid.is_empty() { None } else { Some(read_wifi(ssid, phrase)?) },
            secret: OneTimeSecret::of(bytes),
        };
        // The comparison with the code that this program would print allows only one spelling of a code.
        (is_fit && code.text().expose_secret() == text).then_some(code)
    }
}

/// Returns an address without characters that the small alphabet of QR codes lacks: `FD00::1+8481`.
fn address_text(address: SocketAddr) -> String {
    format!("{}+{}", address.ip(), address.port()).to_ascii_uppercase()
}

fn read_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once('+')?;
    let ip: IpAddr = ip.parse().ok()?;
    Some(SocketAddr::new(ip, port.parse().ok().filter(|port| *port > 0)?))
}

fn read_wifi(ssid: &str, passphrase: &str) -> Option<Wifi> {
    let text = |spelled| String::from_utf8(from_base32(spelled)?).ok();
    Wifi::new(&text(ssid)?, &text(passphrase)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::control::Control;
    use crate::domain::code::control::ControlReading;

    fn code(name: &str, address: Option<&str>, wifi: Option<(&str, &str)>) -> SetupCode {
        SetupCode {
            name: name.to_owned(),
            location_id: LocationId(4564),
            address: address.map(|address| address.parse().unwrap()),
            wifi: wifi.map(|(ssid, phrase)| Wifi::new(ssid, &phrase.into()).unwrap()),
            secret: OneTimeSecret::of([7; SECRET_BYTES]),
        }
    }

    fn text(code: &SetupCode) -> String {
        code.text().expose_secret().to_owned()
    }

    #[test]
    fn a_code_reads_back_with_everything_it_says() {
        let wifi = Some(("Склад 2", "correct horse / battery"));
        let code = code("dock-1", Some("192.168.1.10:8481"), wifi);
        assert_eq!(
            text(&code),
            "$SP.SETUP1/DOCK-1/4564/192.168.1.10+8481/A4DQOBYHA4DQOBYHA4DQOBYHA4/2CQ5BOWQXPILBUFUEAZA/MNXXE4TFMN2CA2DPOJZWKIBPEBRGC5DUMVZHS/XV5MR"
        );
        let read = SetupCode::read(&format!("]Q1{}", text(&code))).unwrap();
        assert_eq!(
            (read.name.as_str(), read.location_id, read.address),
            ("dock-1", LocationId(4564), code.address)
        );
        assert_eq!(read.secret.bytes(), &[7; SECRET_BYTES]);
        let wifi = read.wifi.unwrap();
        assert_eq!(
            (wifi.ssid.as_str(), wifi.passphrase.expose_secret()),
            ("Склад 2", "correct horse / battery")
        );
    }

    #[test]
    fn addresses_of_both_kinds_and_none_are_read_back() {
        for address in [None, Some("[fd00::12:1]:1"), Some("10.0.0.1:65535")] {
            let code = code("a", address, None);
            assert_eq!(SetupCode::read(&text(&code)).unwrap().address, code.address);
        }
    }

    #[test]
    fn the_longest_code_fits_a_frame_and_the_small_alphabet_of_qr_codes() {
        let mut longest = code(&"a".repeat(24), None, Some((&"ж".repeat(16), &"~".repeat(63))));
        longest.location_id = LocationId(9_007_199_254_740_991);
        longest.address = Some("[fd00:1111:2222:3333:4444:5555:6666:7777]:65535".parse().unwrap());
        let text = text(&longest);
        assert!(text.len() < 400, "{}", text.len());
        assert!(
            text.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase() || "$ %*+-./:".contains(c)),
            "{text}"
        );
        assert!(SetupCode::read(&text).is_some());
    }

    #[test]
    fn a_running_station_takes_it_for_a_malformed_control_code() {
        assert_eq!(
            Control::read(&text(&code("dock-1", Some("10.0.0.1:1"), None))),
            ControlReading::Malformed
        );
    }

    #[test]
    fn no_single_wrong_character_and_no_other_spelling_is_a_code() {
        let text = text(&code("dock-1", Some("10.0.0.1:1"), None));
        for (at, right) in text.char_indices() {
            for wrong in (' '..='~').filter(|wrong| *wrong != right) {
                let mut spoiled = text.clone();
                spoiled.replace_range(at..=at, &wrong.to_string());
                assert!(SetupCode::read(&spoiled).is_none(), "{spoiled}");
            }
        }
        let (front, _check) = text.rsplit_once('/').unwrap();
        for other in [
            front.replace("4564", "04564"),
            front.replace("4564", "0"),
            front.replace("DOCK-1", "DÖCK"),
            front.to_lowercase(),
        ] {
            let other = format!("{other}/");
            assert!(SetupCode::read(&format!("{other}{}", check_of(&other))).is_none(), "{other}");
        }
        for other in ["", "4006381333931", "$SP.OK.C", "$SP.SETUP1/"] {
            assert!(SetupCode::read(other).is_none());
        }
    }

    #[test]
    fn a_network_has_a_name_and_a_passphrase_that_can_be_ones() {
        let fits = |ssid: &str, phrase: &str| Wifi::new(ssid, &phrase.into()).is_some();
        assert!(fits("x", "12345678") && fits(&"x".repeat(32), &"x".repeat(63)));
        assert!(!fits("", "12345678") && !fits(&"x".repeat(33), "12345678") && !fits("a\nb", "12345678"));
        assert!(!fits("x", "1234567") && !fits("x", &"x".repeat(64)) && !fits("x", "1234567é"));
    }
}
