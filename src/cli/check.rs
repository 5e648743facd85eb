//! `stockpoint check`

use std::io::Write;

use super::{Error, say};
use crate::config::Config;

pub(super) fn check(out: &mut impl Write, config: &Config) -> Result<(), Error> {
    say(out, &config.show())
}
