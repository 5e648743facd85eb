//! The message to the owner's program about an announcement: one JSON object on its standard input.
//!
//! | member | what it is |
//! |---|---|
//! | `signal` | the signal's name |
//! | `scanner` | the scanner that is answered; `null`: it concerns everybody |
//! | `words` | what the station page says, on one line |
//! | `code` | the code, where one was read that is not booked |
//! | `reason` | why a scan was refused |
//! | `good_id`, `title`, `quantity` | the good that was booked or looked up, and how much was booked, as decimal text |
//!
//! A member that does not apply is `null`; programs ignore members that they do not know.

use serde_json::json;

use super::{Announcement, What};
use crate::domain::ids::ScannerName;
use crate::domain::printable::harmless;

/// Returns the object on one line.
pub(super) fn json(announcement: &Announcement) -> String {
    // A repeat describes the first read; its own announcement only adds that it does not count again.
    let what = match &announcement.what {
        What::Repeat(first) => first.as_ref(),
        what => what,
    };
    let good = match what {
        What::Booked { good, .. } | What::Lookup { good: Some(good), .. } => Some(good),
        _ => None,
    };
    let title = good.map(|good| good.title.as_str()).or(match what {
        What::BookedKit { title, .. } | What::LookupKit { title, .. } => Some(title.as_str()),
        _ => None,
    });
    let quantity = match what {
        What::Booked { quantity, .. } | What::BookedKit { quantity, .. } | What::Parked { quantity, .. } => {
            Some(quantity.to_string())
        }
        _ => None,
    };
    let (code, reason) = match what {
        What::Refused { code, reason, .. } => (Some(code.as_str()), Some(reason.as_str())),
        What::Parked { code, .. } | What::Lookup { code, .. } | What::LookupKit { code, .. } => {
            (Some(code.as_str()), None)
        }
        _ => (None, None),
    };
    // The columns are for a terminal; a program gets the words separated by single spaces.
    let words: Vec<String> = announcement.to_string().split_whitespace().map(str::to_owned).collect();
    let text = json!({
        "signal": announcement.signal.as_str(),
        "scanner": announcement.scanner.as_ref().map(ScannerName::as_str),
        "words": words.join(" "),
        "code": code,
        "reason": reason,
        "good_id": good.map(|good| good.id.0),
        "title": title,
        "quantity": quantity,
    })
    .to_string();
    harmless(&text).into_owned()
}
