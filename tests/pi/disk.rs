//! A disk that forgets: what was written and not flushed is lost, kept or torn when the power is cut.
//!
//! Killing an emulator leaves its host's cache as it was, and so loses nothing that a guest wrote. This disk is
//! served to the emulator over NBD (<https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md>, fixed
//! newstyle, simple replies) and keeps unflushed writes apart from the image. It can also be slow to flush.

use std::fmt;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::ops::AddAssign;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::chance::Chance;
use crate::machine::Machine;

/// What is never torn: a sector reaches a disk whole or not at all.
const SECTOR_BYTES: usize = 512;

/// How often, once a millisecond, a write is looked for.
const LOOKS_MAX: usize = 1000;

const OPTION_MAGIC: u64 = 0x4948_4156_454f_5054;
const REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
const REQUEST_MAGIC: u32 = 0x2560_9513;
const ANSWER_MAGIC: u32 = 0x6744_6698;
/// The disk has these flags, takes a flush, and takes a write that is itself flushed.
const ABILITIES: u16 = 1 | 4 | 8;

/// The disk, served for as long as the program runs.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    socket: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    let_go: Condvar,
}

#[derive(Debug)]
struct State {
    image: File,
    size: u64,
    /// In the order in which they came.
    unflushed: Vec<Write>,
    /// Whether an emulator has it.
    is_held: bool,
    /// Whether it has power.
    is_on: bool,
    flush_takes: Duration,
}

#[derive(Debug)]
struct Write {
    at: u64,
    bytes: Vec<u8>,
}

/// What a cut did to the writes that were not flushed.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) kept: usize,
    pub(crate) torn: usize,
    pub(crate) dropped: usize,
}

impl AddAssign for Cut {
    fn add_assign(&mut self, other: Self) {
        self.kept += other.kept;
        self.torn += other.torn;
        self.dropped += other.dropped;
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept, torn, dropped } = self;
        write!(f, "unflushed writes: {kept} kept, {torn} torn, {dropped} dropped")
    }
}

impl Disk {
    /// Serves the image at a socket beside it.
    pub(crate) fn serve(image: &Path) -> Self {
        let socket = image.with_extension("nbd");
        let listener = UnixListener::bind(&socket).unwrap();
        let file = File::options().read(true).write(true).open(image).unwrap();
        let size = file.metadata().unwrap().len();
        let state = State {
            image: file,
            size,
            unflushed: Vec::new(),
            is_held: false,
            is_on: true,
            flush_takes: Duration::ZERO,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), let_go: Condvar::new() });
        let disk = Self { socket, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                shared.state.lock().unwrap().is_held = true;
                // The emulator was killed, which is what the disk is for.
                let _cut = converse(&mut stream.unwrap(), &shared.state);
                shared.state.lock().unwrap().is_held = false;
                shared.let_go.notify_all();
            }
        });
        disk
    }

    /// The address, as the emulator takes it.
    pub(crate) fn address(&self) -> String {
        format!("nbd+unix:///?socket={}", self.socket.display())
    }

    /// From now on a flush takes this long.
    pub(crate) fn flush_takes(&self, time: Duration) {
        self.shared.state.lock().unwrap().flush_takes = time;
    }

    /// Waits until something is written and not flushed, for a while.
    pub(crate) fn wait_for_write(&self) {
        for _ in 0..LOOKS_MAX {
            if !self.shared.state.lock().unwrap().unflushed.is_empty() {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Cuts the power of the board, and so of the disk, in the middle of a flush if need be. Of the writes that were
    /// not flushed a random part stays, one is torn, and the rest are gone.
    pub(crate) fn cut(&self, machine: Machine, chance: &mut Chance) -> Cut {
        self.shared.state.lock().unwrap().is_on = false;
        drop(machine);
        let state = self.shared.state.lock().unwrap();
        let mut state = self.shared.let_go.wait_while(state, |state| state.is_held).unwrap();
        state.is_on = true;
        let writes = std::mem::take(&mut state.unflushed);
        let torn = chance.below(writes.len().max(1));
        let mut cut = Cut::default();
        for (number, write) in writes.iter().enumerate() {
            let whole = write.bytes.len();
            let stays = if number == torn {
                cut.torn += 1;
                chance.below(whole / SECTOR_BYTES + 1) * SECTOR_BYTES
            } else if chance.below(2) == 0 {
                cut.kept += 1;
                whole
            } else {
                cut.dropped += 1;
                0
            };
            state.image.write_all_at(&write.bytes[..stays], write.at).unwrap();
        }
        cut
    }
}

impl State {
    fn flush(&mut self) -> io::Result<()> {
        self.unflushed.drain(..).try_for_each(|write| self.image.write_all_at(&write.bytes, write.at))
    }

    /// Reads what is there, the newest over the older.
    fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.image.read_exact_at(bytes, at)?;
        let end = at + bytes.len() as u64;
        for write in &self.unflushed {
            let (from, to) = (write.at.max(at), (write.at + write.bytes.len() as u64).min(end));
            if from < to {
                let place = |position: u64, start: u64| usize::try_from(position - start).unwrap();
                let new = &write.bytes[place(from, write.at)..place(to, write.at)];
                bytes[place(from, at)..place(to, at)].copy_from_slice(new);
            }
        }
        Ok(())
    }
}

/// Serves one emulator to its end.
fn converse(stream: &mut UnixStream, state: &Mutex<State>) -> io::Result<()> {
    negotiate(stream, state.lock().unwrap().size)?;
    loop {
        if number::<4>(stream)? != u64::from(REQUEST_MAGIC) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let (flags, kind) = (number::<2>(stream)?, number::<2>(stream)?);
        let (handle, at, length) = (number::<8>(stream)?, number::<8>(stream)?, number::<4>(stream)?);
        let mut bytes = vec![0; if kind <= 1 { usize::try_from(length).unwrap() } else { 0 }];
        if kind == 1 {
            stream.read_exact(&mut bytes)?;
        }
        if kind == 3 {
            let takes = state.lock().unwrap().flush_takes;
            thread::sleep(takes);
        }
        let mut state = state.lock().unwrap();
        if !state.is_on {
            return Ok(());
        }
        match kind {
            0 => state.read(at, &mut bytes)?,
            1 => {
                state.unflushed.push(Write { at, bytes: std::mem::take(&mut bytes) });
                // A write that is to be flushed takes those before it along: they must not come back over it.
                if flags & 1 == 1 {
                    state.flush()?;
                }
            }
            3 => state.flush()?,
            _ => return Ok(()),
        }
        drop(state);
        let mut answer = ANSWER_MAGIC.to_be_bytes().to_vec();
        answer.extend(0_u32.to_be_bytes());
        answer.extend(handle.to_be_bytes());
        answer.extend(bytes);
        stream.write_all(&answer)?;
    }
}

/// Agrees with the emulator on the one disk there is.
fn negotiate(stream: &mut UnixStream, size: u64) -> io::Result<()> {
    stream.write_all(b"NBDMAGIC")?;
    stream.write_all(&OPTION_MAGIC.to_be_bytes())?;
    // Fixed newstyle, and no 124 zeros at the end of it.
    stream.write_all(&3_u16.to_be_bytes())?;
    number::<4>(stream)?;
    loop {
        number::<8>(stream)?;
        let (option, length) = (number::<4>(stream)?, number::<4>(stream)?);
        stream.read_exact(&mut vec![0; usize::try_from(length).unwrap()])?;
        let mut reply = |kind: u32, data: &[u8]| {
            let mut reply = REPLY_MAGIC.to_be_bytes().to_vec();
            reply.extend(u32::try_from(option).unwrap().to_be_bytes());
            reply.extend(kind.to_be_bytes());
            reply.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
            reply.extend(data);
            stream.write_all(&reply)
        };
        // Info and go; of anything else the disk knows nothing.
        if option == 6 || option == 7 {
            let mut export = 0_u16.to_be_bytes().to_vec();
            export.extend(size.to_be_bytes());
            export.extend(ABILITIES.to_be_bytes());
            reply(3, &export)?;
            reply(1, &[])?;
        } else {
            reply(1 << 31 | 1, &[])?;
        }
        if option == 7 {
            return Ok(());
        }
    }
}

/// A number of so many bytes, the highest first.
fn number<const BYTES: usize>(stream: &mut UnixStream) -> io::Result<u64> {
    let mut bytes = [0; BYTES];
    stream.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
