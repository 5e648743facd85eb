//! The tokens: whether they are there, and whether others can read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::Finding;
use crate::config::Api;
use crate::config::secrets::Secrets;

const SECTION: &str = "tokens";

/// The permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

pub(super) fn examine(api: &Api) -> Vec<Finding> {
    let mut findings = match Secrets::find(api) {
        Ok(_secrets) => vec![Finding::ok(SECTION, "both are there")],
        Err(error) => vec![Finding::fault(
            SECTION,
            format!("failed to {error}"),
            "put both tokens where the configuration says; run this as root to see what the service sees",
        )],
    };
    for file in [&api.partner_token_file, &api.user_token_file] {
        let Ok(metadata) = fs::metadata(file) else { continue };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & OTHERS != 0 {
            findings.push(Finding::warning(
                SECTION,
                format!("{} can be read or written by others (mode {mode:03o})", file.display()),
                format!("chmod 600 {}", file.display()),
            ));
        }
    }
    findings
}
