//! The files of a database, by their paths.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Returns the size of a file in bytes; 0 if it does not exist.
pub(super) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Returns the path of a file that lies beside another, with an ending more.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}
