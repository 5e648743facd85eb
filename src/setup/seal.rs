//! The one-time secret of a set-up code, and the keys that are derived from it (HKDF-SHA-256, RFC 5869).
//!
//! The secret seals one text, with the tokens in it, with ChaCha20-Poly1305 (RFC 8439) under a key for that purpose
//! alone; a key that seals once needs only a fixed nonce. A second key proves to the machine that printed the code that
//! the asking station has read it, without revealing the secret.

use data_encoding::BASE32_NOPAD;
use ring::aead;
use ring::aead::Aad;
use ring::aead::CHACHA20_POLY1305;
use ring::aead::LessSafeKey;
use ring::aead::Nonce;
use ring::aead::UnboundKey;
use ring::digest;
use ring::hkdf;
use ring::hmac;
use ring::rand::SecureRandom;
use ring::rand::SystemRandom;
use secrecy::ExposeSecret;
use secrecy::SecretBox;
use secrecy::SecretString;

use crate::setup::Error;

/// The length of a secret, in bytes. One of 2^128 cannot be guessed.
pub(super) const SECRET_BYTES: usize = 16;
/// The length of a proof, in bytes: an HMAC-SHA-256.
pub(super) const PROOF_BYTES: usize = 32;

/// The salt of the key derivation: the protocol and its version.
const SALT: &[u8] = b"stockpoint set-up code 1";
/// The text that a proof is made of.
const ASK: &[u8] = b"the sealed set-up, please";
/// The text that a receipt is made of, in front of the sealed bytes that arrived.
const RECEIPT: &[u8] = b"the sealed set-up is here: ";

/// The one-time secret of a set-up code.
#[derive(Debug)]
pub struct OneTimeSecret(SecretBox<[u8; SECRET_BYTES]>);

impl OneTimeSecret {
    /// Returns a new random secret.
    ///
    /// # Errors
    /// The system provides no random numbers.
    pub fn fresh() -> Result<Self, Error> {
        let mut bytes = [0; SECRET_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_unspecified| Error::NoRandomness)?;
        Ok(Self::of(bytes))
    }

    /// Returns the secret in letters and digits, on a line of its own, for a file.
    pub fn line(&self) -> SecretString {
        format!("{}\n", BASE32_NOPAD.encode(self.bytes())).into()
    }

    pub(super) fn of(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// Returns its bytes, for the code itself.
    pub(super) fn bytes(&self) -> &[u8; SECRET_BYTES] {
        self.0.expose_secret()
    }

    /// Returns the proof that this side has the secret. It does not reveal the secret.
    pub(super) fn proof(&self) -> [u8; PROOF_BYTES] {
        let mut proof = [0; PROOF_BYTES];
        proof.copy_from_slice(hmac::sign(&self.ask_key(), ASK).as_ref());
        proof
    }

    /// Returns true if `proof` is that of this secret; the time that it takes does not depend on where the proof is
    /// wrong.
    pub(super) fn is_proven_by(&self, proof: &[u8]) -> bool {
        hmac::verify(&self.ask_key(), ASK, proof).is_ok()
    }

    /// Returns the proof that sealed bytes arrived at a station that has the secret.
    pub(super) fn receipt(&self, sealed: &[u8]) -> [u8; PROOF_BYTES] {
        let mut receipt = [0; PROOF_BYTES];
        receipt.copy_from_slice(hmac::sign(&self.ask_key(), &[RECEIPT, sealed].concat()).as_ref());
        receipt
    }

    /// Returns true if `receipt` is that of these bytes; the time that it takes does not depend on where the receipt is
    /// wrong.
    pub(super) fn is_received_by(&self, sealed: &[u8], receipt: &[u8]) -> bool {
        hmac::verify(&self.ask_key(), &[RECEIPT, sealed].concat(), receipt).is_ok()
    }

    /// Seals `text` for everybody who has the code. `head` is the part of the code that anybody may read: a text sealed
    /// for one station opens at no other. Call it once for a secret.
    pub(super) fn seal(&self, head: &str, text: &SecretString) -> Result<Vec<u8>, Error> {
        // The bytes are encrypted in place, so that no unencrypted copy stays in memory.
        let mut sealed = text.expose_secret().as_bytes().to_vec();
        let key = self.seal_key()?;
        key.seal_in_place_append_tag(once(), Aad::from(head.as_bytes()), &mut sealed)
            .map_err(|_unspecified| Error::NotSealed)?;
        Ok(sealed)
    }

    /// Opens a sealed text; if anything is wrong with it, nothing of it is returned.
    pub(super) fn open(&self, head: &str, mut sealed: Vec<u8>) -> Result<SecretString, Error> {
        let key = self.seal_key()?;
        let plain = key
            .open_in_place(once(), Aad::from(head.as_bytes()), &mut sealed)
            .map_err(|_unspecified| Error::NotSealed)?;
        let text = std::str::from_utf8(plain).map_err(|_unseen| Error::NotSealed)?;
        Ok(text.into())
    }

    fn ask_key(&self) -> hmac::Key {
        let key = self.stretched().expand(&[b"ask"], hmac::HMAC_SHA256).map(hmac::Key::from);
        key.expect("a key of 32 bytes is within what HKDF gives")
    }

    fn seal_key(&self) -> Result<LessSafeKey, Error> {
        let key = self.stretched().expand(&[b"seal"], &CHACHA20_POLY1305).map(UnboundKey::from);
        key.map(LessSafeKey::new).map_err(|_unspecified| Error::NotSealed)
    }

    /// Returns the key from which the others are derived, one for each purpose.
    fn stretched(&self) -> hkdf::Prk {
        hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(self.bytes())
    }
}

/// Returns the nonce of a key that seals once.
fn once() -> Nonce {
    Nonce::assume_unique_for_key([0; aead::NONCE_LEN])
}

/// Returns a short digest of a text, which reveals a misread text: 25 bits of SHA-256.
pub(super) fn check_of(text: &str) -> String {
    base32(digest::digest(&digest::SHA256, text.as_bytes()).as_ref()).chars().take(5).collect()
}

/// Returns bytes in base 32 (RFC 4648, section 6), without padding: every scanner and every QR code handles its digits.
pub(super) fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes)
}

/// Returns the bytes that [`base32`] writes in this way; each has only one spelling.
pub(super) fn from_base32(text: &str) -> Option<Vec<u8>> {
    BASE32_NOPAD.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(byte: u8) -> OneTimeSecret {
        OneTimeSecret::of([byte; SECRET_BYTES])
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_secret_and_head_alone() {
        let text = SecretString::from("partner_token = \"p4rtner\"");
        let sealed = secret(1).seal("dock-1/4564", &text).unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("p4rtner"));
        let opened = secret(1).open("dock-1/4564", sealed.clone()).unwrap();
        assert_eq!(opened.expose_secret(), text.expose_secret());
        assert!(secret(2).open("dock-1/4564", sealed.clone()).is_err());
        assert!(secret(1).open("dock-2/4564", sealed.clone()).is_err());
        for at in 0..sealed.len() {
            let mut spoiled = sealed.clone();
            spoiled[at] ^= 1;
            assert!(secret(1).open("dock-1/4564", spoiled).is_err(), "{at}");
        }
        assert!(secret(1).open("dock-1/4564", Vec::new()).is_err());
    }

    #[test]
    fn a_proof_is_of_one_secret_and_is_not_the_secret() {
        let proof = secret(1).proof();
        assert!(secret(1).is_proven_by(&proof) && !secret(2).is_proven_by(&proof));
        assert!(!secret(1).is_proven_by(&proof[..31]) && !secret(1).is_proven_by(&[]));
        assert!(proof.windows(4).all(|part| part != [1; 4]));
        assert_ne!(OneTimeSecret::fresh().unwrap().bytes(), OneTimeSecret::fresh().unwrap().bytes());
    }

    #[test]
    fn base_32_is_that_of_the_standard() {
        // RFC 4648, section 10, without the padding.
        for (plain, spelled) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), spelled);
            assert_eq!(from_base32(spelled).unwrap(), plain.as_bytes());
        }
        for wrong in ["M", "MZ", "my", "M1", "MZXW6=", "MZXR"] {
            assert_eq!(from_base32(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_bytes_are_read_back(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(from_base32(&base32(&bytes)), Some(bytes));
        }
    }
}
