//! How the rest of a set-up gets from the machine that printed the code to the station that read it.
//!
//! One line is asked, over TCP: `STOCKPOINT-SETUP1 PROOF`, the proof in base 32. The answer is `OK LENGTH`, a line end and so
//! many sealed bytes, or `NO`. The machine answers one question at a time, and ends when the sealed bytes have gone
//! out once, when [`WRONG_PROOFS_MAX`] proofs were wrong, or when its time is over.

use std::io;
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

/// Wrong proofs after which the code is worth nothing.
pub const WRONG_PROOFS_MAX: u32 = 5;
/// Largest sealed text: a configuration with 32 scanners has some ten thousand bytes.
const SEALED_BYTES_MAX: usize = 256 * 1024;
/// Longest question, in bytes.
const LINE_BYTES_MAX: u64 = 128;
/// How long one question and its answer may take.
const TALK_MAX: Duration = Duration::from_secs(10);
/// How long a station tries to reach the machine: a wireless network takes its time to be joined.
const REACH_MAX: Duration = Duration::from_mins(2);
/// Between two tries.
const TRY_EVERY: Duration = Duration::from_secs(2);
/// What every question begins with.
const GREETING: &str = "STOCKPOINT-SETUP1 ";

/// How an offer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It went out, to this address.
    Delivered(SocketAddr),
    /// Its time is over.
    Expired,
    /// Too many proofs were wrong.
    Locked,
}

/// Hands `sealed` to the first who proves to know `secret`, once, until `ends`.
pub async fn offer(listener: &TcpListener, secret: &OneTimeSecret, sealed: &[u8], ends: Instant) -> Offered {
    let mut wrong = 0;
    while wrong < WRONG_PROOFS_MAX {
        let (stream, peer) = match timeout_at(ends, listener.accept()).await {
            Ok(Ok(accepted)) => accepted,
            // Out of descriptors, or the peer was quicker: neither is the end of the offer.
            Ok(Err(_passing)) => {
                sleep(TRY_EVERY).await;
                continue;
            }
            Err(_over) => return Offered::Expired,
        };
        match timeout(TALK_MAX, answer(stream, secret, sealed)).await {
            Ok(Ok(Answered::Sealed)) => return Offered::Delivered(peer),
            Ok(Ok(Answered::WrongProof)) => wrong += 1,
            // Not our question, or half a one: a neighbour that looks at ports does not use the tries up.
            Ok(Ok(Answered::Nothing) | Err(_)) | Err(_) => {}
        }
        if Instant::now() >= ends {
            return Offered::Expired;
        }
    }
    Offered::Locked
}

/// What became of one question.
enum Answered {
    Sealed,
    WrongProof,
    Nothing,
}

async fn answer(mut stream: TcpStream, secret: &OneTimeSecret, sealed: &[u8]) -> io::Result<Answered> {
    let (reading, mut writing) = stream.split();
    let mut line = String::new();
    BufReader::new(reading.take(LINE_BYTES_MAX)).read_line(&mut line).await?;
    let Some(proof) = line.trim_end().strip_prefix(GREETING).and_then(from_base32) else {
        return Ok(Answered::Nothing);
    };
    if !secret.is_proven_by(&proof) {
        writing.write_all(b"NO\n").await?;
        return Ok(Answered::WrongProof);
    }
    writing.write_all(format!("OK {}\n", sealed.len()).as_bytes()).await?;
    writing.write_all(sealed).await?;
    writing.shutdown().await?;
    Ok(Answered::Sealed)
}

/// Fetches what `code` opens from the machine that printed it, which may take a while to be reached.
///
/// # Errors
/// It cannot be reached in time, refuses, or sends what the code does not open.
pub async fn fetch(code: &SetupCode, address: SocketAddr) -> Result<Bundle, Error> {
    let ends = Instant::now() + REACH_MAX;
    loop {
        match timeout(TALK_MAX, ask(code, address)).await {
            Ok(Ok(Some(sealed))) => return code.open(sealed),
            Ok(Ok(None)) => return Err(Error::CodeRefused),
            Ok(Err(source)) if Instant::now() >= ends => return Err(Error::Unreached { address, source }),
            Err(_over) if Instant::now() >= ends => {
                return Err(Error::Unreached { address, source: io::ErrorKind::TimedOut.into() });
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                // The machine is there and listens no longer: the code was used, or its time is over.
                return Err(Error::CodeSpent);
            }
            Ok(Err(_)) | Err(_) => sleep(TRY_EVERY).await,
        }
    }
}

async fn ask(code: &SetupCode, address: SocketAddr) -> io::Result<Option<Vec<u8>>> {
    let mut stream = TcpStream::connect(address).await?;
    let (reading, mut writing) = stream.split();
    writing.write_all(format!("{GREETING}{}\n", base32(&code.secret.proof())).as_bytes()).await?;
    let mut reading = BufReader::new(reading);
    let mut line = String::new();
    (&mut reading).take(LINE_BYTES_MAX).read_line(&mut line).await?;
    if line.trim_end() == "NO" {
        return Ok(None);
    }
    let length = line.trim_end().strip_prefix("OK ").and_then(|length| length.parse().ok());
    let length: usize =
        length.filter(|length| *length <= SEALED_BYTES_MAX).ok_or(io::ErrorKind::InvalidData)?;
    let mut sealed = vec![0; length];
    reading.read_exact(&mut sealed).await?;
    Ok(Some(sealed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::LocationId;

    const FILE: &str = "[station]\nname = \"dock-1\"\nlocation_id = 4564\nstorage_id = 91271\n\
                        [setup]\npartner_token = \"p4rtner\"\nuser_token = \"us3r\"\n";
    const LONG: Duration = Duration::from_mins(1);

    struct Desk {
        listener: TcpListener,
        code: SetupCode,
        sealed: Vec<u8>,
    }

    impl Desk {
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

        async fn offer(&self, time: Duration) -> Offered {
            offer(&self.listener, &self.code.secret, &self.sealed, Instant::now() + time).await
        }

        /// A code for the same place with another secret.
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
        let desk = Desk::new().await;
        let (offered, fetched) = tokio::join!(desk.offer(LONG), fetch(&desk.code, desk.address()));
        assert!(matches!(offered, Offered::Delivered(peer) if peer.ip().is_loopback()));
        assert_eq!(fetched.unwrap().config().station.name, "dock-1");
        let address = desk.address();
        drop(desk.listener);
        assert!(matches!(fetch(&desk.code, address).await, Err(Error::CodeSpent)));
    }

    #[tokio::test]
    async fn five_wrong_proofs_lock_the_offer_and_four_do_not() {
        let desk = Desk::new().await;
        let wrong = async {
            for _ in 0..WRONG_PROOFS_MAX {
                assert!(matches!(fetch(&desk.guess(), desk.address()).await, Err(Error::CodeRefused)));
            }
        };
        let (offered, ()) = tokio::join!(desk.offer(LONG), wrong);
        assert_eq!(offered, Offered::Locked);
        let mixed = async {
            for _ in 1..WRONG_PROOFS_MAX {
                assert!(fetch(&desk.guess(), desk.address()).await.is_err());
            }
            fetch(&desk.code, desk.address()).await
        };
        let (offered, fetched) = tokio::join!(desk.offer(LONG), mixed);
        assert!(matches!(offered, Offered::Delivered(_)) && fetched.is_ok());
    }

    #[tokio::test]
    async fn an_offer_ends_with_its_time() {
        let desk = Desk::new().await;
        assert_eq!(desk.offer(Duration::from_millis(20)).await, Offered::Expired);
    }

    #[tokio::test]
    async fn a_neighbour_that_says_something_else_uses_no_try_up() {
        let desk = Desk::new().await;
        let noise = async {
            for said in ["", "GET / HTTP/1.1\r\n\r\n", "STOCKPOINT-SETUP1 !\n", &"x".repeat(1000)] {
                for _ in 0..WRONG_PROOFS_MAX {
                    let mut stream = TcpStream::connect(desk.address()).await.unwrap();
                    // It may have been hung up on already.
                    let _sent = stream.write_all(said.as_bytes()).await;
                }
            }
            fetch(&desk.code, desk.address()).await
        };
        let (offered, fetched) = tokio::join!(desk.offer(LONG), noise);
        assert!(matches!(offered, Offered::Delivered(_)) && fetched.is_ok());
    }

    #[tokio::test]
    async fn what_goes_over_the_network_says_neither_token_nor_secret() {
        let desk = Desk::new().await;
        let spy = async {
            let mut stream = TcpStream::connect(desk.address()).await.unwrap();
            let question = format!("{GREETING}{}\n", base32(&desk.code.secret.proof()));
            stream.write_all(question.as_bytes()).await.unwrap();
            let mut heard = question.into_bytes();
            stream.read_to_end(&mut heard).await.unwrap();
            heard
        };
        let (_offered, heard) = tokio::join!(desk.offer(LONG), spy);
        let secret = base32(desk.code.secret.bytes());
        for said in ["p4rtner", "us3r", "dock-1", &secret] {
            assert!(heard.windows(said.len()).all(|part| part != said.as_bytes()), "{said}");
        }
        assert!(heard.ends_with(&desk.sealed));
    }

    #[tokio::test]
    async fn an_answer_for_another_station_is_not_taken() {
        let mut desk = Desk::new().await;
        let other = Bundle::read(&FILE.replace("dock-1", "dock-2"), "x").unwrap();
        desk.sealed = desk.code.seal(&other).unwrap();
        let (_offered, fetched) = tokio::join!(desk.offer(LONG), fetch(&desk.code, desk.address()));
        assert!(matches!(fetched, Err(Error::OtherStation)), "{fetched:?}");
    }
}
