//! The station page as HTML.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, html};
use ring::digest::{SHA256, digest};

use crate::domain::printable::harmless;
use crate::feedback::Announcement;
use crate::status::Status;

/// The interval between two refreshes of the page, in seconds.
const REFRESH_S: u8 = 2;

const STYLE: &str = "
:root { color-scheme: light dark; font: 18px/1.4 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 44rem; padding: 0 1rem }
h1 { margin: 0 } h1 small { font-weight: normal; opacity: .7 }
.mode { font-size: 3rem; font-weight: bold; margin: .5rem 0 1.5rem }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin: 0 0 1.5rem }
dl div { border: 1px solid #8886; border-radius: .5rem; padding: .5rem .75rem }
dt { opacity: .7; font-size: .8rem } dd { margin: 0; font-size: 1.6rem; font-variant-numeric: tabular-nums }
.trouble { border-color: #c33; border-width: 3px }
.alarm { border: 3px solid #c33; border-radius: .5rem; padding: .5rem .75rem; font-weight: bold }
.recent { list-style: none; padding: 0; font: 1rem/1.6 ui-monospace, monospace; white-space: pre-wrap }
.recent li { border-left: .5rem solid #888; padding-left: .75rem }
.recent .booked, .recent .posted { border-color: #2a2 }
.recent .unknown { border-color: #d90 } .recent .refused, .recent .person { border-color: #c33 }
";

/// The rights of the page (Content Security Policy Level 3): it may use no style but [`STYLE`], which its digest
/// identifies, and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    // The digest must be of exactly the bytes between the tags of `style`, which `PreEscaped` leaves alone.
    let style = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    );
    HeaderValue::from_str(&policy).expect("a digest in base 64 is ASCII")
});

/// Returns the policy, which every answer carries.
pub(super) fn policy() -> HeaderValue {
    POLICY.clone()
}

/// Renders the page for one moment. It refreshes itself and needs no script.
pub(super) fn render(status: &Status, recent: &[Announcement]) -> String {
    let page: Markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                meta http-equiv="refresh" content=(REFRESH_S);
                title { (status.station()) " – stockpoint" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { (status.station()) " " small { "stockpoint " (env!("CARGO_PKG_VERSION")) } }
                p.mode { (status.modes()) }
                @for (what, is_seen) in status.alarms() {
                    p.alarm role="alert" { (what) @if is_seen { " (seen)" } }
                }
                ol.recent {
                    @for announcement in recent {
                        li class=(announcement.signal.as_str()) { (announcement.to_string()) }
                    }
                }
                @for (title, figures) in status.tables() {
                    h2 { (title) }
                    dl {
                        @for figure in figures {
                            div.trouble[figure.is_trouble] { dt { (figure.name) } dd { (figure.value) } }
                        }
                    }
                }
            }
        }
    };
    // `maud` escapes HTML; this covers what a terminal obeys, for whoever reads the page with `curl`.
    harmless(&page.into_string()).into_owned()
}
