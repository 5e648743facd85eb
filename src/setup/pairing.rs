//! The transfer of the rest of a set-up from the machine that printed the code to the station that read it.
//!
//! Over TCP, in lines:
//!
//! | sender | line |
//! |---|---|
//! | station | `STOCKPOINT-SETUP2 PROOF`, the proof in base 32 |
//! | machine | `OK LENGTH`, a line end and so many sealed bytes; or `NO`, `TAKEN`, `VERSION 2` |
//! | station | `HAVE RECEIPT`, once it has opened them: a proof, in base 32, over these bytes |
//! | machine | `DONE` |
//!
//! The sealed bytes are for one address: the first one that proves that it has the secret. It may fetch them again
//! until it has acknowledged them, because a network may lose them on the way; any other address with such a proof gets
//! `TAKEN`. The machine answers one question at a time, and ends with the acknowledgement, when [`WRONG_PROOFS_MAX`]
//! proofs were wrong, or when its time is over.
//!
//! The number in the question is the protocol's version. Version 1 had no acknowledgement: a station of that version
//! gets `NO`, the only refusal in its protocol, and a machine of that version closes the connection to ours.

use std::io;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio::time::timeout_at;

use crate::setup::Bundle;
use crate::setup::Error;
use crate::setup::code::SetupCode;
use crate::setup::seal::OneTimeSecret;
use crate::setup::seal::base32;
use crate::setup::seal::from_base32;

/// The number of wrong proofs after which the code is no longer valid.
pub const WRONG_PROOFS_MAX: u32 = 5;
/// The largest sealed text, in bytes; a configuration with 32 scanners has about ten thousand.
const SEALED_BYTES_MAX: usize = 256 * 1024;
/// The longest question, in bytes.
const LINE_BYTES_MAX: u64 = 128;
/// The longest time for one question and its answer.
const TALK_MAX: Duration = Duration::from_secs(10);
/// The longest time in which a station tries to reach the machine; joining a wireless network takes time.
const REACH_MAX: Duration = Duration::from_mins(2);
/// The pause between two tries.
const TRY_EVERY: Duration = Duration::from_secs(2);
/// The beginning of every question; the version follows.
const GREETING: &str = "STOCKPOINT-SETUP";
/// The version of the protocol.
const VERSION: u32 = 2;
/// The version that had no acknowledgement.
const VERSION_WITHOUT_RECEIPT: u32 = 1;
/// The number of questions answered by a closed connection alone, at which the machine counts as one of another
/// version.
const HANG_UPS_MAX: u32 = 3;

/// The end of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It arrived at this address, which has acknowledged it.
    Delivered(SocketAddr),
    /// It was sent to this address, which has not acknowledged it in time.
    Unacknowledged(SocketAddr),
    /// The station at this address speaks another version.
    OtherVersion(SocketAddr),
    /// Its time is over, and no station fetched it.
    Expired,
    /// Too many proofs were wrong.
    Locked,
}

/// Offers `sealed` to the first address that proves that it has `secret`, until the acknowledgement or until `ends`.
pub async fn offer(listener: &TcpListener, secret: &OneTimeSecret, sealed: &[u8], ends: Instant) -> Offered {
    let mut server = OfferServer { secret, sealed, taker: None };
    let mut wrong = 0;
    while wrong < WRONG_PROOFS_MAX {
        let (stream, peer) = match timeout_at(ends, listener.accept()).await {
            Ok(Ok(accepted)) => accepted,
            // The process is out of descriptors, or the peer was quicker: neither ends the offer.
            Ok(Err(_passing)) => {
                sleep(TRY_EVERY).await;
                continue;
            }
            Err(_over) => return server.over(),
        };
        match timeout(TALK_MAX, server.answer(stream, peer)).await {
            Ok(Ok(Answered::Acknowledged)) => return Offered::Delivered(peer),
            Ok(Ok(Answered::OtherVersion)) => return Offered::OtherVersion(peer),
            Ok(Ok(Answered::WrongProof)) => wrong += 1,
            // It was not our question, or only a part of one: a neighbour that scans ports does not use up the tries.
            // Or the answer was lost on its way, and the station asks again.
            Ok(Ok(Answered::Nothing) | Err(_)) | Err(_) => {}
        }
        if Instant::now() >= ends {
            return server.over();
        }
    }
    Offered::Locked
}

/// The result of one question.
enum Answered {
    Acknowledged,
    OtherVersion,
    WrongProof,
    Nothing,
}

/// The sealed bytes on offer, and the address that may have them.
struct OfferServer<'a> {
    secret: &'a OneTimeSecret,
    sealed: &'a [u8],
    /// The first address that proved that it has the secret.
    taker: Option<SocketAddr>,
}

impl OfferServer<'_> {
    /// Returns the end of an offer whose time is over.
    fn over(&self) -> Offered {
        self.taker.map_or(Offered::Expired, Offered::Unacknowledged)
    }

    /// Answers one question of a station.
    async fn answer(&mut self, mut stream: TcpStream, peer: SocketAddr) -> io::Result<Answered> {
        let (reading, mut writing) = stream.split();
        let mut reading = BufReader::new(reading);
        let line = read_line(&mut reading).await?;
        let Some((version, proof)) = question(&line) else { return Ok(Answered::Nothing) };
        if !self.secret.is_proven_by(&proof) {
            writing.write_all(b"NO\n").await?;
            return Ok(Answered::WrongProof);
        }
        if version != VERSION {
            let told = if version == VERSION_WITHOUT_RECEIPT {
                "NO\n".to_owned()
            } else {
                format!("VERSION {VERSION}\n")
            };
            writing.write_all(told.as_bytes()).await?;
            return Ok(Answered::OtherVersion);
        }
        // The IP address alone is compared: each try of a station has another port.
        if self.taker.is_some_and(|taker| taker.ip() != peer.ip()) {
            writing.write_all(b"TAKEN\n").await?;
            return Ok(Answered::Nothing);
        }
        // It is noted before the bytes are sent: from the first byte on, this address may have them.
        self.taker = Some(peer);
        writing.write_all(format!("OK {}\n", self.sealed.len()).as_bytes()).await?;
        writing.write_all(self.sealed).await?;
        let line = read_line(&mut reading).await?;
        let receipt = line.trim_end().strip_prefix("HAVE ").and_then(from_base32);
        if !receipt.is_some_and(|receipt| self.secret.is_received_by(self.sealed, &receipt)) {
            return Ok(Answered::Nothing);
        }
        // The bytes arrived, even if the station does not get this confirmation.
        let _told = writing.write_all(b"DONE\n").await;
        Ok(Answered::Acknowledged)
    }
}

/// Returns the version and the proof of a question.
fn question(line: &str) -> Option<(u32, Vec<u8>)> {
    let (version, proof) = line.trim_end().strip_prefix(GREETING)?.split_once(' ')?;
    Some((version.parse().ok()?, from_base32(proof)?))
}

/// Reads a line of bounded length.
async fn read_line(reading: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<String> {
    let mut line = String::new();
    reading.take(LINE_BYTES_MAX).read_line(&mut line).await?;
    Ok(line)
}

/// The networks in which the machine that printed a code may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In this machine's own networks.
    PrivateNetworks,
    /// Anywhere.
    Anywhere,
}

impl Reach {
    /// Returns true for an address that may be asked. The private ones are those of RFC 1918 and RFC 4193, of the
    /// link (RFC 3927, RFC 4291) and of this machine.
    fn includes(self, address: IpAddr) -> bool {
        self == Self::Anywhere
            || match address.to_canonical() {
                IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
                IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
            }
    }
}

/// Fetches the bundle that `code` opens from the machine that printed the code, and acknowledges it. Tries for two
/// minutes to reach the machine.
///
/// # Errors
/// The address is out of `reach`, cannot be reached in time, refuses, speaks another version, or sends bytes that the
/// code does not open.
pub async fn fetch(code: &SetupCode, address: SocketAddr, reach: Reach) -> Result<Bundle, Error> {
    if !reach.includes(address.ip()) {
        return Err(Error::PublicAddress(address));
    }
    let ends = Instant::now() + REACH_MAX;
    let mut hang_ups = 0;
    loop {
        let source = match timeout(TALK_MAX, ask(code, address)).await {
            Ok(Ok(Told::Opened(bundle))) => return *bundle,
            Ok(Ok(Told::No)) => return Err(Error::CodeRefused),
            Ok(Ok(Told::Taken)) => return Err(Error::CodeTaken(address)),
            Ok(Ok(Told::OtherVersion)) => return Err(Error::OtherVersion(address)),
            // A machine of version 1 closes the connection without an answer, and so may a bad network: it is asked
            // again before the version is blamed.
            Ok(Ok(Told::Nothing)) => {
                hang_ups += 1;
                if hang_ups >= HANG_UPS_MAX {
                    return Err(Error::OtherVersion(address));
                }
                io::ErrorKind::UnexpectedEof.into()
            }
            // The machine is there and no longer listens: the code was used, or its time is over.
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(Error::CodeSpent);
            }
            Ok(Err(error)) => error,
            Err(_over) => io::ErrorKind::TimedOut.into(),
        };
        if Instant::now() >= ends {
            return Err(Error::Unreached { address, source });
        }
        sleep(TRY_EVERY).await;
    }
}

/// The machine's answer.
enum Told {
    /// The result for the sealed bytes: opened and acknowledged, or not ours.
    Opened(Box<Result<Bundle, Error>>),
    No,
    Taken,
    OtherVersion,
    /// It closed the connection.
    Nothing,
}

/// Asks the machine once, and acknowledges the sealed bytes if they open.
async fn ask(code: &SetupCode, address: SocketAddr) -> io::Result<Told> {
    let mut stream = TcpStream::connect(address).await?;
    let (reading, mut writing) = stream.split();
    let question = format!("{GREETING}{VERSION} {}\n", base32(&code.secret.proof()));
    writing.write_all(question.as_bytes()).await?;
    let mut reading = BufReader::new(reading);
    let line = read_line(&mut reading).await?;
    match line.trim_end() {
        "NO" => return Ok(Told::No),
        "TAKEN" => return Ok(Told::Taken),
        "" => return Ok(Told::Nothing),
        other if other.starts_with("VERSION ") => return Ok(Told::OtherVersion),
        _ => {}
    }
    let length = line.trim_end().strip_prefix("OK ").and_then(|length| length.parse().ok());
    // The length comes from the network: it is limited before it becomes a buffer.
    let length: usize =
        length.filter(|length| *length <= SEALED_BYTES_MAX).ok_or(io::ErrorKind::InvalidData)?;
    let mut sealed = vec![0; length];
    reading.read_exact(&mut sealed).await?;
    let receipt = base32(&code.secret.receipt(&sealed));
    let opened = code.open(sealed);
    if opened.is_ok() {
        // If this is lost, it costs the other machine its wait, and this one nothing: the set-up is here.
        let acknowledged = writing.write_all(format!("HAVE {receipt}\n").as_bytes()).await;
        if acknowledged.is_ok() {
            let _done = read_line(&mut reading).await;
        }
    }
    Ok(Told::Opened(Box::new(opened)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::LocationId;

    const FILE: &str = "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n\
                        [setup]\npartner_token = \"p4rtner\"\nuser_token = \"us3r\"\n";
    const NEAR: Reach = Reach::PrivateNetworks;
    const LONG: Duration = Duration::from_mins(1);

    struct Table {
        listener: TcpListener,
        code: SetupCode,
        sealed: Vec<u8>,
    }

    impl Table {
        async fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = Some(listener.local_addr().unwrap());
            let secret = OneTimeSecret::fresh().unwrap();
            let code = SetupCode {
                name: "dock-1".to_owned(),
                location_id: LocationId(4564),
                address,
                wifi: None,
                secret,
            };
            let sealed = code.seal(&Bundle::read(FILE, "x").unwrap()).unwrap();
            Self { listener, code, sealed }
        }

        fn address(&self) -> SocketAddr {
            self.listener.local_addr().unwrap()
        }

        fn question(&self, version: u32) -> String {
            format!("{GREETING}{version} {}\n", base32(&self.code.secret.proof()))
        }

        /// Asks by hand, from this address of the loopback, and closes the connection after the first line.
        async fn ask_from(&self, from: &str, version: u32) -> String {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(from.parse().unwrap()).unwrap();
            let mut stream = socket.connect(self.address()).await.unwrap();
            stream.write_all(self.question(version).as_bytes()).await.unwrap();
            read_line(&mut BufReader::new(&mut stream)).await.unwrap()
        }

        async fn offer(&self, time: Duration) -> Offered {
            offer(&self.listener, &self.code.secret, &self.sealed, Instant::now() + time).await
        }

        /// Returns a code for the same place with another secret.
        fn guess(&self) -> SetupCode {
            SetupCode {
                name: "dock-1".to_owned(),
                location_id: LocationId(4564),
                address: self.code.address,
                wifi: None,
                secret: OneTimeSecret::fresh().unwrap(),
            }
        }
    }

    #[tokio::test]
    async fn who_has_the_code_gets_the_rest_and_that_ends_the_offer() {
        let server = Table::new().await;
        let (offered, fetched) =
            tokio::join!(server.offer(LONG), fetch(&server.code, server.address(), NEAR));
        assert!(matches!(offered, Offered::Delivered(peer) if peer.ip().is_loopback()));
        assert_eq!(fetched.unwrap().config().station.name, "dock-1");
        let address = server.address();
        drop(server.listener);
        assert!(matches!(fetch(&server.code, address, NEAR).await, Err(Error::CodeSpent)));
    }

    #[tokio::test]
    async fn five_wrong_proofs_lock_the_offer_and_four_do_not() {
        let server = Table::new().await;
        let wrong = async {
            for _ in 0..WRONG_PROOFS_MAX {
                assert!(matches!(
                    fetch(&server.guess(), server.address(), NEAR).await,
                    Err(Error::CodeRefused)
                ));
            }
        };
        let (offered, ()) = tokio::join!(server.offer(LONG), wrong);
        assert_eq!(offered, Offered::Locked);
        let mixed = async {
            for _ in 1..WRONG_PROOFS_MAX {
                assert!(fetch(&server.guess(), server.address(), NEAR).await.is_err());
            }
            fetch(&server.code, server.address(), NEAR).await
        };
        let (offered, fetched) = tokio::join!(server.offer(LONG), mixed);
        assert!(matches!(offered, Offered::Delivered(_)) && fetched.is_ok());
    }

    #[tokio::test]
    async fn a_public_address_is_not_asked_unless_that_is_allowed() {
        for near in
            ["10.1.2.3", "172.31.0.1", "192.168.1.5", "169.254.9.9", "127.0.0.1", "::1", "fd00::1", "fe80::1"]
        {
            assert!(NEAR.includes(near.parse().unwrap()), "{near}");
        }
        for public in
            ["8.8.8.8", "172.32.0.1", "100.64.0.1", "0.0.0.0", "2001:db8::1", "::ffff:8.8.8.8", "::"]
        {
            assert!(!NEAR.includes(public.parse().unwrap()), "{public}");
            assert!(Reach::Anywhere.includes(public.parse().unwrap()));
        }
        let server = Table::new().await;
        let fetched = fetch(&server.code, "192.0.2.1:9".parse().unwrap(), NEAR).await;
        assert!(matches!(fetched, Err(Error::PublicAddress(_))), "{fetched:?}");
    }

    #[tokio::test]
    async fn an_offer_ends_with_its_time() {
        let server = Table::new().await;
        assert_eq!(server.offer(Duration::from_millis(20)).await, Offered::Expired);
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_is_fetched_again_by_the_same_station_and_nobody_else() {
        let server = Table::new().await;
        let station = async {
            // The bytes are in the kernel of the machine, and the station is gone.
            assert!(server.ask_from("127.0.0.1:0", VERSION).await.starts_with("OK "));
            assert_eq!(server.ask_from("127.0.0.2:0", VERSION).await, "TAKEN\n");
            assert!(server.ask_from("127.0.0.1:0", VERSION).await.starts_with("OK "));
            fetch(&server.code, server.address(), NEAR).await
        };
        let (offered, fetched) = tokio::join!(server.offer(LONG), station);
        assert!(matches!(offered, Offered::Delivered(_)) && fetched.is_ok(), "{offered:?}");
    }

    #[tokio::test]
    async fn whoever_comes_second_is_told_that_the_set_up_is_taken() {
        let server = Table::new().await;
        let late = async {
            assert!(server.ask_from("127.0.0.2:0", VERSION).await.starts_with("OK "));
            fetch(&server.code, server.address(), NEAR).await
        };
        let (offered, fetched) = tokio::join!(server.offer(Duration::from_secs(2)), late);
        assert!(matches!(fetched, Err(Error::CodeTaken(_))), "{fetched:?}");
        assert!(matches!(offered, Offered::Unacknowledged(_)), "{offered:?}");
    }

    #[tokio::test]
    async fn a_receipt_of_something_else_acknowledges_nothing() {
        let server = Table::new().await;
        let liar = async {
            let mut stream = TcpStream::connect(server.address()).await.unwrap();
            stream.write_all(server.question(VERSION).as_bytes()).await.unwrap();
            let receipt = base32(&server.code.secret.receipt(b"something else"));
            stream.write_all(format!("HAVE {receipt}\n").as_bytes()).await.unwrap();
        };
        let (offered, ()) = tokio::join!(server.offer(Duration::from_secs(1)), liar);
        assert!(matches!(offered, Offered::Unacknowledged(_)), "{offered:?}");
    }

    #[tokio::test]
    async fn ends_of_different_versions_say_so() {
        for (version, told) in [(1, "NO\n"), (3, "VERSION 2\n")] {
            let server = Table::new().await;
            let (offered, heard) = tokio::join!(server.offer(LONG), server.ask_from("127.0.0.1:0", version));
            assert!(matches!(offered, Offered::OtherVersion(_)), "{offered:?}");
            assert_eq!(heard, told);
        }
        // A machine of version 1 closes the connection; one of version 3 names its version.
        for (answer, asked) in [("", HANG_UPS_MAX), ("VERSION 3\n", 1)] {
            let server = Table::new().await;
            let other = async {
                for _ in 0..asked {
                    let (mut stream, _from) = server.listener.accept().await.unwrap();
                    read_line(&mut BufReader::new(&mut stream)).await.unwrap();
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            };
            let (fetched, ()) = tokio::join!(fetch(&server.code, server.address(), NEAR), other);
            assert!(matches!(fetched, Err(Error::OtherVersion(_))), "{fetched:?}");
        }
    }

    #[tokio::test]
    async fn a_neighbour_that_says_something_else_uses_no_try_up() {
        let server = Table::new().await;
        let noise = async {
            for said in [
                "",
                "GET / HTTP/1.1\r\n\r\n",
                "STOCKPOINT-SETUP2 !\n",
                "STOCKPOINT-SETUP AAAA\n",
                &"x".repeat(1000),
            ] {
                for _ in 0..WRONG_PROOFS_MAX {
                    let mut stream = TcpStream::connect(server.address()).await.unwrap();
                    // The peer may have closed it already.
                    let _sent = stream.write_all(said.as_bytes()).await;
                }
            }
            fetch(&server.code, server.address(), NEAR).await
        };
        let (offered, fetched) = tokio::join!(server.offer(LONG), noise);
        assert!(matches!(offered, Offered::Delivered(_)) && fetched.is_ok());
    }

    #[tokio::test]
    async fn what_goes_over_the_network_says_neither_token_nor_secret() {
        let server = Table::new().await;
        let spy = async {
            let mut stream = TcpStream::connect(server.address()).await.unwrap();
            let question = server.question(VERSION);
            stream.write_all(question.as_bytes()).await.unwrap();
            let mut heard = question.into_bytes();
            heard
                .resize(heard.len() + format!("OK {}\n", server.sealed.len()).len() + server.sealed.len(), 0);
            let from = server.question(VERSION).len();
            stream.read_exact(&mut heard[from..]).await.unwrap();
            heard
        };
        let (_offered, heard) = tokio::join!(server.offer(Duration::from_secs(1)), spy);
        let secret = base32(server.code.secret.bytes());
        for said in ["p4rtner", "us3r", "dock-1", &secret] {
            assert!(heard.windows(said.len()).all(|part| part != said.as_bytes()), "{said}");
        }
        assert!(heard.ends_with(&server.sealed));
    }

    #[tokio::test]
    async fn an_answer_for_another_station_is_not_taken() {
        let mut server = Table::new().await;
        let other = Bundle::read(&FILE.replace("dock-1", "dock-2"), "x").unwrap();
        server.sealed = server.code.seal(&other).unwrap();
        let (_offered, fetched) =
            tokio::join!(server.offer(Duration::from_secs(1)), fetch(&server.code, server.address(), NEAR));
        assert!(matches!(fetched, Err(Error::OtherStation)), "{fetched:?}");
    }
}
