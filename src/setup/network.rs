//! Joining the wireless network that a set-up code names, by `NetworkManager`, which Raspberry Pi OS has.
//!
//! The passphrase goes into a file that root alone reads, as `NetworkManager` keeps it itself, and never into an
//! argument (`nm-settings-keyfile(5)`).

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use secrecy::SecretString;

use crate::child;
use crate::setup::Error;
use crate::setup::Wifi;
use crate::setup::install::put;

/// The folder in which `NetworkManager` keeps its connections.
const FOLDER: &str = "/etc/NetworkManager/system-connections";
/// The name of the connection, for every network.
const CONNECTION: &str = "stockpoint";
/// The longest wait for one nmcli command. nmcli itself waits for 90 s for a network that it cannot join.
const NMCLI_TIME_MAX: Duration = Duration::from_secs(100);
/// The file's mode: `NetworkManager` ignores a file that others may read.
const MODE: u32 = 0o600;

/// Makes `NetworkManager` join the network, now and at each start. A network out of reach is no error: it is joined as
/// soon as it is in reach.
///
/// # Errors
/// `NetworkManager` is not there, or its file cannot be written.
pub fn join(wifi: &Wifi) -> Result<(), Error> {
    let folder = Path::new(FOLDER);
    if !folder.is_dir() {
        return Err(Error::NoNetworkManager(wifi.ssid.clone()));
    }
    let file = folder.join(format!("{CONNECTION}.nmconnection"));
    put(&file, keyfile(wifi).expose_secret().as_bytes(), MODE)?;
    for words in [&["connection", "reload"][..], &["connection", "up", CONNECTION]] {
        match child::run(child::command("nmcli").args(words), NMCLI_TIME_MAX) {
            // The exit status is not checked: nmcli fails where the network is out of reach, and the connection stays.
            Ok(_) => {}
            // The connection is saved, and is joined as soon as it can be.
            Err(why @ child::Error::Hung(_)) => tracing::warn!(%why, "nmcli was asked to join the network"),
            Err(child::Error::Start(_)) => return Err(Error::NoNetworkManager(wifi.ssid.clone())),
        }
    }
    Ok(())
}

/// Returns the file of the connection (`nm-settings-keyfile(5)`).
fn keyfile(wifi: &Wifi) -> SecretString {
    let text = format!(
        "[connection]\nid={CONNECTION}\ntype=wifi\n\n[wifi]\nmode=infrastructure\nssid={}\n\n[wifi-security]\nkey-mgmt=wpa-psk\n\
         psk={}\n\n[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n",
        bytes(&wifi.ssid),
        escaped(wifi.passphrase.expose_secret())
    );
    text.into()
}

/// Returns a name as the list of its bytes, in which no character can be misread.
fn bytes(name: &str) -> String {
    let numbers: Vec<String> = name.bytes().map(|byte| byte.to_string()).collect();
    format!("{};", numbers.join(";"))
}

/// Returns a value in the form of `GLib`'s key files: backslashes doubled, and spaces at the front written as `\s`.
fn escaped(value: &str) -> String {
    let spaces = value.chars().take_while(|c| *c == ' ').count();
    let rest = value.trim_start_matches(' ').replace('\\', "\\\\");
    format!("{}{rest}", "\\s".repeat(spaces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_written_so_that_no_sign_in_it_means_anything_else() {
        let wifi = Wifi::new("Bay;2", &"  p\\ss;#word".into()).unwrap();
        let text = keyfile(&wifi);
        let text = text.expose_secret();
        assert!(text.contains("\nssid=66;97;121;59;50;\n"), "{text}");
        assert!(text.contains("\npsk=\\s\\sp\\\\ss;#word\n"), "{text}");
    }
}
