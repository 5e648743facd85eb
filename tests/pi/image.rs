//! Images of cards and disks: made, and looked into from outside.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::machine::cache;

/// A copy of the fresh system.
pub(crate) fn system(folder: &Path) -> PathBuf {
    let image = folder.join("system.img");
    run(Command::new("cp").arg("--sparse=always").arg(cache().join("card.img")).arg(&image));
    image
}

/// An empty file system under a name of its own. The size of a card must be a power of two.
pub(crate) fn empty(folder: &Path, label: &str, size: &str) -> PathBuf {
    let image = folder.join("empty.img");
    run(Command::new("mkfs.ext4").args(["-q", "-L", label]).arg(&image).arg(size));
    image
}

/// Gives the file system in it another name.
pub(crate) fn rename(image: &Path, label: &str) {
    run(Command::new("tune2fs").args(["-L", label]).arg(image));
}

/// Has `debugfs` do this with the file system in it; what it prints. Nothing, if that is beyond reading.
pub(crate) fn debugfs(image: &Path, request: &str) -> Option<String> {
    let output = Command::new("debugfs").args(["-R", request]).arg(image).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
