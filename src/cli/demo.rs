//! `stockpoint demo`

use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::path::Path;

use super::run::{interrupted, runtime};
use super::{Error, read_error};
use crate::config::wants_colour;
use crate::demo::{Wish, run};

pub(super) fn demo(scans: Option<&Path>, dir: Option<&Path>) -> Result<(), Error> {
    let file = scans.map(|path| File::open(path).map_err(read_error(path))).transpose()?;
    let temporary = std::env::temp_dir().join(format!("stockpoint-demo-{}", std::process::id()));
    let kept = dir.unwrap_or(&temporary);
    let wish = Wish {
        dir: kept,
        is_terminal: file.is_none() && io::stdin().is_terminal(),
        is_coloured: io::stdout().is_terminal() && wants_colour(),
        scans: file,
    };
    let balances = runtime()?.block_on(async {
        let stop = interrupted()?;
        Ok::<_, Error>(run(wish, &mut io::stdout(), stop).await?)
    });
    if dir.is_none() && temporary.exists() {
        fs::remove_dir_all(&temporary).map_err(read_error(&temporary))?;
    }
    if balances? { Ok(()) } else { Err(Error::Unbalanced) }
}
