//! The rules for codes: the formatting rules of a scanner, and the patterns of labels with a measure.

use crate::config::fault::Problem;
use crate::config::reader::Table;
use crate::config::values;
use crate::config::values::whole;
use crate::domain::code::rule::Replacement;
use crate::domain::code::rule::Rule;
use crate::domain::code::symbology::SYMBOLOGIES;
use crate::domain::code::variable::DECIMALS_MAX;
use crate::domain::code::variable::ItemCode;
use crate::domain::code::variable::Measured;
use crate::domain::code::variable::Pattern;

/// The words for the measures of a label.
pub(super) const MEASURES: [(&str, Measured); 3] =
    [("weight", Measured::Weight), ("count", Measured::Count), ("price", Measured::Price)];
/// The words for the codes that identify a label's good.
pub(super) const ITEMS: [(&str, ItemCode); 2] =
    [("zeroed", ItemCode::Zeroed), ("reference", ItemCode::Reference)];

/// The keys that change a code.
const ACTIONS: [&str; 8] =
    ["strip_prefix", "strip_suffix", "drop_first", "drop_last", "keep_first", "keep_last", "replace", "with"];

/// Reads one `[[scanner.rule]]`.
pub(super) fn rule(table: &mut Table<'_, '_>) -> Rule {
    let rule = Rule {
        if_prefix: table.optional("if_prefix", values::piece),
        if_suffix: table.optional("if_suffix", values::piece),
        if_length: table.optional("if_length", values::length),
        if_symbology: table.optional("if_symbology", values::word(&SYMBOLOGIES)),
        strip_prefix: table.optional("strip_prefix", values::piece),
        strip_suffix: table.optional("strip_suffix", values::piece),
        drop_first: table.optional("drop_first", values::characters),
        drop_last: table.optional("drop_last", values::characters),
        keep_first: table.optional("keep_first", values::characters),
        keep_last: table.optional("keep_last", values::characters),
        replace: replacement(table),
    };
    if !ACTIONS.iter().any(|key| table.has(key)) {
        let example = "strip_prefix, strip_suffix, drop_first, drop_last, keep_first, keep_last, or replace and with: \
                       without any of them the rule does nothing";
        table.blame("strip_prefix", Problem::Missing { example });
    }
    rule
}

fn replacement(table: &mut Table<'_, '_>) -> Option<Replacement> {
    let from = table.optional("replace", values::piece);
    let to = table.optional("with", values::piece_or_nothing);
    if table.has("replace") && !table.has("with") {
        table.blame(
            "with",
            Problem::Missing { example: "with = \"…\"; with = \"\" removes what is replaced" },
        );
    }
    if table.has("with") && !table.has("replace") {
        let cure = "add replace = \"…\", or remove it";
        table.blame("with", Problem::Unfit { what: "has no effect without replace", cure });
    }
    Some(Replacement { from: from?, to: to? })
}

/// Reads one `[[variable_measure]]`.
pub(super) fn variable_measure(table: &mut Table<'_, '_>) -> Option<Pattern> {
    let measured = table.required(
        "measure",
        "measure = \"weight\", \"count\" or \"price\" under this [[variable_measure]]",
        values::word(&MEASURES),
    );
    let usual = measured.map_or(0, Measured::usual_decimals);
    let decimals = table.or("decimals", usual, whole(0..=DECIMALS_MAX.into()));
    let item = table.or("item", ItemCode::Zeroed, values::word(&ITEMS));
    let example = "pattern = \"21IIIIIWWWWWC\" under this [[variable_measure]]";
    table.required("pattern", example, |value| {
        let cure = "write one such as \"21IIIIIWWWWWC\" or \"2IIIIIVPPPPC\"";
        let written = values::label(value)?;
        // Without a measure there is a fault already. The pattern is checked all the same, with the measure that it
        // suggests.
        let measured =
            measured.unwrap_or(if written.contains('P') { Measured::Price } else { Measured::Weight });
        Pattern::new(written, measured, decimals, item)
            .map_err(|bad| Problem::Unfit { what: bad.as_str(), cure })
    })
}
