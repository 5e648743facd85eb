//! Images of cards and disks: made, and looked into from outside.

use std::fs;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::machine::cache;

/// Of a file system as small as those of [`empty`].
const BLOCK_BYTES: u64 = 1024;

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

/// Leaves a last transaction in the journal whose commit block is not whole, as a power cut in the middle of it does.
pub(crate) fn tear_commit(image: &Path) {
    let (block, requests) = (image.with_extension("block"), image.with_extension("requests"));
    fs::write(&block, "torn".repeat(256)).unwrap();
    // Into blocks that no file has.
    let write = |number| format!("journal_write -b {number} {}\n", block.display());
    let transactions = [write(5000), write(5001)].concat();
    fs::write(&requests, format!("journal_open -c -v 3\n{transactions}journal_close\n")).unwrap();
    run(Command::new("debugfs").arg("-w").arg("-f").arg(&requests).arg(image));
    let log = debugfs(image, "logdump -S").unwrap();
    let (_, commit) = log.rsplit_once("(commit block) at block ").unwrap();
    let commit = commit.lines().next().unwrap();
    let at: u64 = debugfs(image, &format!("bmap <8> {commit}")).unwrap().trim().parse().unwrap();
    let file = File::options().write(true).open(image).unwrap();
    // What stood there before, in the half that did not get through.
    file.write_all_at(&[1; 512], at * BLOCK_BYTES + 512).unwrap();
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
