//! `stockpoint sheet`

use std::io::Write;

use super::args::SheetFormat;
use super::{Error, say};
use crate::sheet;

pub(super) fn sheet(out: &mut impl Write, format: SheetFormat) -> Result<(), Error> {
    match format {
        SheetFormat::Text => say(out, &sheet::text()),
    }
}
