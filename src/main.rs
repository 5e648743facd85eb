//! The `stockpoint` program: a thin shell around the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    stockpoint::cli::main()
}
