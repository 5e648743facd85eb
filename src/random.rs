//! Random numbers from the system's source, through the TLS library.

use ring::rand::SecureRandom;
use ring::rand::SystemRandom;

/// Returns sixteen random bytes as a number.
///
/// # Panics
/// If the system has no randomness; Linux always has, once it has booted (`getrandom(2)`).
pub fn random() -> u128 {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system gives randomness");
    u128::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_numbers_are_alike() {
        let mut numbers: Vec<u128> = (0..1000).map(|_| random()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 1000);
    }
}
