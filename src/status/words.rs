//! The words for states in the status, written and read.

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error as _;

use crate::domain::health::ApiState;
use crate::domain::health::ScannerState;

// The domain knows no format: the words are written and read here, for both states in the same way.

impl Serialize for ApiState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ApiState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let state = Self::ALL.into_iter().find(|state| state.as_str() == word);
        state.ok_or_else(|| D::Error::custom("this is no state of the connection to the service"))
    }
}

impl Serialize for ScannerState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ScannerState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let state = Self::ALL.into_iter().find(|state| state.as_str() == word);
        state.ok_or_else(|| D::Error::custom("this is no state of a scanner"))
    }
}
