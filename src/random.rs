//! Randomness, from the TLS library's own source: the system's.

use ring::rand::SecureRandom;
use ring::rand::SystemRandom;

/// Sixteen random bytes as a number.
///
/// # Panics
/// The system gives no randomness, which Linux always does once it has booted (`getrandom(2)`).
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
