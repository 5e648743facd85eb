//! Tests of the reconciliation with a reading of the server's records.

use super::*;

/// Returns a line of the test's operation, with its comment.
fn line(id: i64, number: u16) -> FoundLine {
    let comment = Some(operation(3).marker.of_line(number));
    FoundLine { id: TransactionId(id), good: good(number), quantity: quantity(number), comment }
}

fn document(id: i64, lines: &[FoundLine]) -> FoundDocument {
    FoundDocument { id: DocumentId(id), lines: lines.to_vec() }
}

/// Returns the result of a reading of an operation of three lines, in words.
fn finding(documents: &[FoundDocument]) -> String {
    match reconcile(&operation(3), documents.to_vec()) {
        Finding::Absent => "absent".to_owned(),
        Finding::Conflict(why) => format!("conflict: {why}"),
        Finding::Found(found) => {
            let lines: Vec<_> =
                found.transactions.iter().map(|(number, id)| format!("{number}={id}")).collect();
            let transactions: Vec<_> = found.surplus.transactions.iter().map(ToString::to_string).collect();
            let documents: Vec<_> = found.surplus.documents.iter().map(ToString::to_string).collect();
            format!(
                "document {} lines [{}] surplus lines [{}] documents [{}]",
                found.document,
                lines.join(" "),
                transactions.join(" "),
                documents.join(" ")
            )
        }
    }
}

#[test]
fn nothing_with_the_marker_is_absence() {
    assert_eq!(finding(&[]), "absent");
}

#[test]
fn a_document_without_lines_is_found_without_lines() {
    assert_eq!(finding(&[document(5, &[])]), "document 5 lines [] surplus lines [] documents []");
}

#[test]
fn of_equal_twins_the_older_is_kept() {
    let younger = document(9, &[line(91, 1), line(92, 2), line(93, 3)]);
    let older = document(5, &[line(51, 1), line(52, 2), line(53, 3)]);
    assert_eq!(
        finding(&[younger, older]),
        "document 5 lines [1=51 2=52 3=53] surplus lines [91 92 93] documents [9]"
    );
}

#[test]
fn of_unequal_twins_the_more_complete_is_kept() {
    let part = document(5, &[line(51, 1)]);
    let whole = document(9, &[line(91, 1), line(92, 2), line(93, 3)]);
    assert_eq!(finding(&[part, whole]), "document 9 lines [1=91 2=92 3=93] surplus lines [51] documents [5]");
}

#[test]
fn of_three_documents_two_go() {
    let documents = [document(7, &[line(71, 1)]), document(5, &[line(51, 1)]), document(9, &[])];
    assert_eq!(finding(&documents), "document 5 lines [1=51] surplus lines [71] documents [7 9]");
}

#[test]
fn of_a_line_that_stands_twice_in_one_document_the_younger_goes() {
    let doubled = document(5, &[line(54, 2), line(51, 1), line(52, 2)]);
    assert_eq!(finding(&[doubled]), "document 5 lines [1=51 2=52] surplus lines [54] documents []");
}

#[test]
fn a_document_or_line_told_twice_is_one() {
    let told = document(5, &[line(51, 1), line(51, 1)]);
    assert_eq!(finding(&[told.clone(), told]), "document 5 lines [1=51] surplus lines [] documents []");
}

#[test]
fn a_line_without_a_comment_is_known_by_its_good() {
    for comment in [None, Some(String::new()), Some("looked at by hand".to_owned())] {
        let nameless = FoundLine { comment, ..line(52, 2) };
        assert_eq!(
            finding(&[document(5, &[nameless])]),
            "document 5 lines [2=52] surplus lines [] documents []"
        );
    }
}

#[test]
fn words_around_the_comment_do_not_hide_the_line() {
    let comment = Some(format!("ok: {} (seen)", operation(3).marker.of_line(2)));
    let noted = FoundLine { comment, ..line(52, 2) };
    assert_eq!(finding(&[document(5, &[noted])]), "document 5 lines [2=52] surplus lines [] documents []");
}

#[test]
fn another_quantity_is_a_conflict() {
    let changed = FoundLine { quantity: quantity(7), ..line(52, 2) };
    assert_eq!(
        finding(&[document(5, &[line(51, 1), changed])]),
        "conflict: document 5 has line 52 of 7 x good 102, which was never sent"
    );
}

#[test]
fn another_good_under_a_line_s_number_is_a_conflict() {
    let changed = FoundLine { good: good(3), ..line(52, 2) };
    assert_eq!(
        finding(&[document(5, &[changed])]),
        "conflict: document 5 has line 52 of 2 x good 103, which was never sent"
    );
}

#[test]
fn a_line_number_that_was_never_given_is_a_conflict() {
    assert_eq!(
        finding(&[document(5, &[line(54, 4)])]),
        "conflict: document 5 has line 54 of 4 x good 104, which was never sent"
    );
}

#[test]
fn a_good_that_was_never_sent_is_a_conflict_in_any_twin() {
    let foreign = FoundLine { comment: None, ..line(94, 4) };
    assert_eq!(
        finding(&[document(5, &[line(51, 1)]), document(9, &[foreign])]),
        "conflict: document 9 has line 94 of 4 x good 104, which was never sent"
    );
}
