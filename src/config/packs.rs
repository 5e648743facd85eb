//! Packs: the `[[pack]]` sections of the configuration, and the rows of the file that `packs_file` names.
//!
//! The file is a table as spreadsheets save it: a line of names, then one pack a line. Commas, semicolons or tabs
//! separate the columns; a value that holds one of them is in double quotes.

use crate::config::fault::FAULTS_MAX;
use crate::config::fault::Fault;
use crate::config::fault::Faults;
use crate::config::fault::Problem;
use crate::config::fault::shown;
use crate::config::reader::Table;
use crate::config::values;
use crate::config::values::ID_MAX;
use crate::config::values::whole;
use crate::domain::code::pack::BadCode;
use crate::domain::code::pack::Content;
use crate::domain::code::pack::FACTOR_MAX;
use crate::domain::code::pack::PACKS_MAX;
use crate::domain::code::pack::Pack;
use crate::domain::code::pack::Packs;
use crate::domain::ids::GoodId;

/// The columns of the file, for the fault of a missing one.
const COLUMNS: &str = "code, factor, and good_id or barcode";

/// The characters that can separate columns. The first one in this order that the first line contains is used.
const SEPARATORS: [char; 3] = [';', '\t', ','];

/// Adds a pack.
fn add(packs: &mut Packs, pack: Pack) -> Result<(), Problem> {
    packs.add(pack).map_err(|bad| match bad {
        BadCode::Length => Problem::Unfit { what: "is not a code", cure: "write its 1 to 80 characters" },
        BadCode::Control => Problem::Unfit {
            what: "begins like a control code, which a pack must not have",
            cure: "print another code on the carton",
        },
        BadCode::Taken(by) => Problem::PackTaken { by },
    })
}

/// Reads one `[[pack]]`.
pub(super) fn pack(table: &mut Table<'_, '_>, index: usize, packs: &mut Packs) -> Option<()> {
    let code = table.required("code", "code = \"…\" under this [[pack]]", values::code);
    let good = table.optional("good_id", values::id(GoodId)).map(Content::Good);
    let barcode = table.optional("barcode", values::code).map(Content::Barcode);
    let factor = whole(1..=FACTOR_MAX.into());
    let factor = table.required("factor", "factor = NUMBER, the pieces in it, under this [[pack]]", factor);
    // By presence and not by value: a good that is wrong has its fault already.
    let content = match (table.has("good_id"), table.has("barcode")) {
        (false, false) => {
            table.blame("good_id", Problem::Missing { example: "good_id = NUMBER, or barcode = \"…\"" });
            None
        }
        (true, true) => {
            let problem =
                Problem::Unfit { what: "is given in addition to good_id", cure: "keep one of the two" };
            table.blame("barcode", problem);
            None
        }
        (true, false) | (false, true) => good.or(barcode),
    };
    let pack = Pack { code: code?, content: content?, factor: factor?, place: format!("pack[{index}]") };
    add(packs, pack).map_err(|problem| table.blame("code", problem)).ok()
}

/// Adds the packs of a file, which faults call `name`.
///
/// # Errors
/// All faults of the file.
pub(super) fn add_rows(packs: &mut Packs, text: &str, name: &str) -> Result<(), Faults> {
    let mut faults = Vec::new();
    let mut left_out = 0_usize;
    // Spreadsheets mark UTF-8 with a byte order mark.
    let mut lines = text.trim_start_matches('\u{feff}').lines().zip(1_usize..);
    let head = lines.next().map(|(line, _)| line).unwrap_or_default();
    let columns = Columns::of(head).map_err(|problem| Faults::of_file(name, Some(1), problem))?;
    for (line, number) in lines.filter(|(line, _)| !line.trim().is_empty()) {
        let read = columns
            .pack(line, format!("{name}:{number}"))
            .and_then(|pack| add(packs, pack).map_err(|problem| ("code", problem)));
        let Err((key, problem)) = read else { continue };
        if faults.len() < FAULTS_MAX {
            faults.push(Fault { file: name.to_owned(), line: Some(number), key: key.to_owned(), problem });
        } else {
            left_out = left_out.saturating_add(1);
        }
    }
    // Checked at the end: one fault for the file and not one for each further row.
    if packs.len() > PACKS_MAX {
        let problem = Problem::OutOfRange {
            value: format!("{} packs", packs.len()),
            allowed: format!("at most {PACKS_MAX}"),
        };
        faults.push(Fault { file: name.to_owned(), line: None, key: String::new(), problem });
    }
    if faults.is_empty() { Ok(()) } else { Err(Faults::new(faults, left_out)) }
}

/// The positions of the columns in a line of the file.
struct Columns {
    separator: char,
    code: usize,
    factor: usize,
    good: Option<usize>,
    barcode: Option<usize>,
}

impl Columns {
    fn of(head: &str) -> Result<Self, Problem> {
        let separator = SEPARATORS.into_iter().find(|separator| head.contains(*separator)).unwrap_or(',');
        let names = cells(head, separator);
        let at = |name: &str| names.iter().position(|cell| cell.eq_ignore_ascii_case(name));
        let columns = (at("code"), at("factor"), at("good_id"), at("barcode"));
        let unfit = Problem::Unfit {
            what: "does not begin with the names of its columns",
            cure: "write a first line such as code,good_id,factor or code,barcode,factor",
        };
        match columns {
            (Some(code), Some(factor), good, barcode) if good.is_some() || barcode.is_some() => {
                Ok(Self { separator, code, factor, good, barcode })
            }
            _ => Err(unfit),
        }
    }

    /// Returns the pack of a line, or the column that is wrong and its problem.
    fn pack(&self, line: &str, place: String) -> Result<Pack, (&'static str, Problem)> {
        let cells = cells(line, self.separator);
        let cell = |at: usize| cells.get(at).map(String::as_str).unwrap_or_default();
        let given = |at: Option<usize>| at.map(cell).filter(|cell| !cell.is_empty());
        let content = match (given(self.good), given(self.barcode)) {
            (Some(good), None) => Content::Good(GoodId(number(good, ID_MAX.unsigned_abs(), "good_id")?)),
            (None, Some(barcode)) => Content::Barcode(barcode.to_owned()),
            (None, None) => return Err(("good_id", Problem::Missing { example: "good_id or barcode" })),
            (Some(_), Some(_)) => {
                let problem =
                    Problem::Unfit { what: "is given in addition to good_id", cure: "keep one of the two" };
                return Err(("barcode", problem));
            }
        };
        let factor = number(cell(self.factor), FACTOR_MAX.into(), "factor")?;
        let code = cell(self.code).to_owned();
        if code.is_empty() {
            return Err(("code", Problem::Missing { example: COLUMNS }));
        }
        Ok(Pack { code, content, factor, place })
    }
}

/// Reads a whole number from 1 to `max`.
fn number<T: TryFrom<u64>>(cell: &str, max: u64, column: &'static str) -> Result<T, (&'static str, Problem)> {
    // `parse` would accept a sign, which no spreadsheet means here.
    let is_plain = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    let number = cell.parse().ok().filter(|number| is_plain && (1..=max).contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
        (column, Problem::OutOfRange { value: shown(cell), allowed: format!("a whole number, 1 to {max}") })
    })
}

/// Returns the values of a line. Inside quotes, two quotes stand for one (RFC 4180, section 2).
fn cells(line: &str, separator: char) -> Vec<String> {
    let (mut cells, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // Two quotes inside quotes are one quote of the value; a single one ends or begins the quotes.
            '"' if is_quoted && chars.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => is_quoted = !is_quoted,
            c if c == separator && !is_quoted => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            c => cell.push(c),
        }
    }
    cells.push(cell.trim().to_owned());
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<String>, String> {
        let mut packs = Packs::default();
        add_rows(&mut packs, text, "packs.csv").map_err(|faults| faults.to_string())?;
        let text_of = |pack: &Pack| match &pack.content {
            Content::Good(good) => format!("{} = {} of {good}", pack.code, pack.factor),
            Content::Barcode(barcode) => format!("{} = {} of {barcode}", pack.code, pack.factor),
        };
        Ok(packs.iter().map(text_of).collect())
    }

    #[test]
    fn a_table_is_read_however_a_spreadsheet_saves_it() {
        let right = Ok(vec!["14006381333938 = 12 of 7".to_owned(), "CASE, 1 = 6 of 400".to_owned()]);
        for text in [
            "code,good_id,barcode,factor\n14006381333938,7,,12\n\"CASE, 1\",,400,6\n",
            "\u{feff}Code;Factor;Good_ID;Barcode\r\n14006381333938;12;7;\r\n\r\nCASE, 1;6;;\"400\"\r\n",
            "factor\tbarcode\tcode\tgood_id\n12\t\t14006381333938\t7\n6\t400\tCASE, 1\t\n",
        ] {
            assert_eq!(rows(text), right, "{text}");
        }
        assert_eq!(rows("code,good_id,factor\n\"a\"\"b\",1,2"), Ok(vec!["a\"b = 2 of 1".to_owned()]));
        assert_eq!(rows("code,good_id,factor\n"), Ok(Vec::new()));
    }

    #[test]
    fn each_wrong_row_is_reported_with_its_line_and_its_column() {
        let text = "code,good_id,barcode,factor\nA,1,,0\nB,1,,1.5\nC,,,2\nD,1,2,2\n,1,,2\nE,1,,2\nE,2,,2\n$SP.UNDO.M,1,,2\nF,x,,2\nG,1";
        let expected = "packs.csv:2: factor: 0 is out of range; use a whole number, 1 to 100000
packs.csv:3: factor: 1.5 is out of range; use a whole number, 1 to 100000
packs.csv:4: good_id: is missing; add good_id or barcode
packs.csv:5: barcode: is given in addition to good_id; keep one of the two
packs.csv:6: code: is missing; add code, factor, and good_id or barcode
packs.csv:8: code: is the code of packs.csv:7 already; keep one of the two
packs.csv:9: code: begins like a control code, which a pack must not have; print another code on the carton
packs.csv:10: good_id: x is out of range; use a whole number, 1 to 9007199254740991
packs.csv:11: factor:  is out of range; use a whole number, 1 to 100000";
        assert_eq!(rows(text).unwrap_err(), expected);
    }

    #[test]
    fn a_file_without_its_columns_is_reported_at_its_first_line() {
        for text in ["", "14006381333938,7,12\n", "code,factor\nA,2"] {
            let faults = rows(text).unwrap_err();
            assert!(
                faults.starts_with("packs.csv:1: does not begin with the names of its columns"),
                "{faults}"
            );
        }
    }
}
