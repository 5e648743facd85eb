//! `stockpoint init --print-qr`: a set-up code for another station, and the rest of the set-up for the station that
//! scans it.

use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::InitArgs;
use super::secret_file;
use crate::cli::Error;
use crate::cli::say;
use crate::config::wants_colour;
use crate::setup;
use crate::setup::Bundle;
use crate::setup::Offered;
use crate::setup::OneTimeSecret;
use crate::setup::SetupCode;
use crate::setup::Wifi;
use crate::setup::offer;
use crate::setup::private_file;
use crate::sheet::qr_on_terminal;
use crate::sheet::qr_picture;

/// An address outside (TEST-NET-1, RFC 5737): nothing is sent there, the system only returns the source address that it
/// would use.
const OUTSIDE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// Prints the code and hands over the bundle.
pub(super) async fn print(out: &mut impl Write, args: &InitArgs, bundle: &Bundle) -> Result<(), Error> {
    let listener = match args.code.sealed_file {
        Some(_) => None,
        None => Some(listener(args).await?),
    };
    let address = listener.as_ref().map(|listener| listener.address);
    let station = &bundle.config().station;
    let code = SetupCode {
        name: station.name.clone(),
        location_id: station.location_id,
        address,
        wifi: wifi(args)?,
        secret: OneTimeSecret::fresh()?,
    };
    // One secret seals once: this is the only call for this code.
    let sealed = code.seal(bundle)?;
    if let Some(file) = &args.code.sealed_file {
        private_file(file, &sealed)?;
    }
    show(out, args, &code)?;
    match listener {
        None => say(
            out,
            "The sealed file and this code together are the tokens: destroy one of them afterwards.\n",
        ),
        Some(listener) => {
            let handover = Handover { listener, secret: &code.secret, sealed: &sealed };
            hand_over(out, args.code.minutes, &handover).await
        }
    }
}

/// The socket at which the station asks for the rest of its set-up.
struct Listener {
    socket: TcpListener,
    /// The address at which the station reaches the socket.
    address: SocketAddr,
}

/// The rest of a set-up, for the station that proves that it has the code's secret.
struct Handover<'a> {
    listener: Listener,
    secret: &'a OneTimeSecret,
    /// The sealed bundle.
    sealed: &'a [u8],
}

/// Waits for the station that scans the code, and prints the outcome.
async fn hand_over(out: &mut impl Write, minutes: u8, handover: &Handover<'_>) -> Result<(), Error> {
    let Listener { socket, address } = &handover.listener;
    say(
        out,
        &format!(
            "Scan it at the station, where `stockpoint init --scan` waits. Keep this running: the station gets the rest \
             from here ({address}),\nwithin {minutes} minutes. Nobody else may see the code.\n"
        ),
    )?;
    let ends = Instant::now() + Duration::from_secs(60 * u64::from(minutes));
    match offer(socket, handover.secret, handover.sealed, ends).await {
        Offered::Delivered(peer) => say(
            out,
            &format!(
                "handed over to {}. The code is worth nothing any more. If that is not the station, revoke the tokens.\n",
                peer.ip()
            ),
        ),
        Offered::Unacknowledged(peer) => Err(Error::failure(format!(
            "the set-up went to {peer}, which did not acknowledge it"
        ))
        .hint("see whether the station is set up; if it is not, print a new code and revoke the tokens")),
        Offered::OtherVersion(peer) => Err(Error::from(setup::Error::OtherVersion(peer))),
        Offered::Expired => {
            Err(Error::failure("nobody scanned the set-up code in its time").hint("print a new one"))
        }
        Offered::Locked => {
            let proofs = setup::WRONG_PROOFS_MAX;
            Err(Error::failure(format!("the set-up code is locked: {proofs} proofs were wrong"))
                .hint("somebody in this network guesses codes: find out who, then print a new one"))
        }
    }
}

/// Prints the code, and writes its picture if one is wanted.
fn show(out: &mut impl Write, args: &InitArgs, code: &SetupCode) -> Result<(), Error> {
    let text = code.text();
    let fits = "the longest set-up code is shorter than the longest QR code";
    if let Some(file) = &args.code.output {
        let picture = qr_picture(text.expose_secret()).expect(fits);
        private_file(file, picture.as_bytes())?;
    }
    let drawn = qr_on_terminal(text.expose_secret()).expect(fits);
    // The blocks are light on a dark ground, whatever colours the terminal has.
    let (begin, end) =
        if io::stdout().is_terminal() && wants_colour() { ("\x1b[97;40m", "\x1b[0m") } else { ("", "") };
    let drawn: Vec<String> = drawn.lines().map(|line| format!("{begin}{line}{end}\n")).collect();
    let drawn = drawn.concat();
    let station = format!("Set-up code for {}, location {}:\n\n", code.name, code.location_id);
    let pasted = "\nThe same as text, for `stockpoint init --scan -`:\n";
    say(out, &format!("{station}{drawn}{pasted}{}\n\n", text.expose_secret()))
}

/// Opens the socket at the given address, or else at the one of this machine.
async fn listener(args: &InitArgs) -> Result<Listener, Error> {
    let wanted = match &args.code.address {
        Some(address) => address.0,
        None => SocketAddr::new(own_address()?, 0),
    };
    let failed = |source| Error::io(format!("cannot listen at {wanted}"), source);
    let socket = TcpListener::bind(wanted).await.map_err(failed)?;
    // Port 0 lets the system choose one, and the code needs the chosen port.
    let port = socket.local_addr().map_err(failed)?.port();
    Ok(Listener { socket, address: SocketAddr::new(wanted.ip(), port) })
}

/// Returns the address of this machine in the network through which it reaches others.
fn own_address() -> Result<IpAddr, Error> {
    let ask = || -> io::Result<IpAddr> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(OUTSIDE)?;
        Ok(socket.local_addr()?.ip())
    };
    ask().map_err(|_no_way| {
        Error::usage("this machine has no address in a network, and --address is not given")
            .hint("connect it to the network of the station, or pass --address")
    })
}

/// Returns the wireless network for the code, if one is given.
fn wifi(args: &InitArgs) -> Result<Option<Wifi>, Error> {
    let (Some(ssid), Some(file)) = (&args.code.wifi, &args.code.wifi_passphrase_file) else {
        return Ok(None);
    };
    let passphrase = secret_file(file)?;
    Wifi::new(ssid, &passphrase).map(Some).ok_or_else(|| {
        Error::usage("--wifi or its passphrase cannot be of a wireless network")
            .hint("the name has 1 to 32 bytes, the passphrase 8 to 63 characters of ASCII")
    })
}
