//! Tests of documents: opening, filling, closing and cancelling them.

use super::*;

#[test]
fn the_first_good_opens_a_document_and_nothing_else_does() {
    assert_eq!(documents("qty:2 ok nobody twin noise close undo cancel write-off receipt"), "");
    assert_eq!(documents("pen"), "#1 receipt@91 open: 1 pen");
}

#[test]
fn scans_of_one_good_add_up_into_one_line() {
    assert_eq!(documents("pen cup qty:10 pen"), "#1 receipt@91 open: 11 pen 1 cup");
}

#[test]
fn one_document_is_open_for_each_mode_and_storage() {
    assert_eq!(
        documents("dock: pen yard: pen gate: pen till: pen yard: cup gate: cup"),
        "#1 receipt@91 open: 2 pen; #2 receipt@92 open: 1 pen 1 cup; #3 write-off@91 open: 1 pen 1 cup"
    );
}

#[test]
fn close_closes_the_document_of_the_scanner_that_read_it() {
    assert_eq!(
        documents("dock: pen yard: pen gate: pen till: close dock: cup"),
        "#1 receipt@91 closed by code: 1 pen; #2 receipt@92 open: 1 pen; #3 write-off@91 open: 1 pen; \
         #4 receipt@91 open: 1 cup"
    );
}

#[test]
fn close_with_nothing_open_is_a_command_all_the_same() {
    assert_eq!(play("close"), "control CLOSE");
    assert_eq!(play("lookup close"), "control LOOKUP [mode lookup]; control CLOSE");
}

#[test]
fn a_change_of_mode_closes_what_the_scanners_without_a_mode_had_open() {
    assert_eq!(
        documents("dock: pen yard: pen gate: pen till: write-off dock: cup"),
        "#1 receipt@91 closed by a change of mode: 1 pen; #2 receipt@92 closed by a change of mode: 1 pen; \
         #3 write-off@91 open: 1 pen 1 cup"
    );
    assert_eq!(documents("pen lookup"), "#1 receipt@91 closed by a change of mode: 1 pen");
}

#[test]
fn the_mode_in_force_commanded_again_closes_nothing() {
    assert_eq!(documents("pen receipt pen"), "#1 receipt@91 open: 2 pen");
}

#[test]
fn a_document_closes_after_idle_time_and_not_before() {
    assert_eq!(play("pen t:599999 tick"), "booked 1 receipt@91 [#1 +1 pen]; tick");
    assert_eq!(
        play("pen t:600000 tick"),
        "booked 1 receipt@91 [#1 +1 pen]; tick [#1 closed after idle time]"
    );
    assert_eq!(
        documents("pen t:400000 cup t:400000 tick yard: pen t:200000 tick"),
        "#1 receipt@91 closed after idle time: 1 pen 1 cup; #2 receipt@92 open: 1 pen"
    );
}

#[test]
fn without_an_idle_time_a_document_stays_open() {
    let rules = Rules { idle_close_ms: None, ..rules() };
    assert_eq!(documents_with(rules, "pen t:999999999 tick pen"), "#1 receipt@91 open: 2 pen");
}

#[test]
fn a_document_closes_at_its_limit_of_lines() {
    assert_eq!(
        documents("pen cup pen ink pen"),
        "#1 receipt@91 closed at its limit: 2 pen 1 cup 1 ink; #2 receipt@91 open: 1 pen"
    );
    let rules = Rules { lines_max: 1, ..rules() };
    assert_eq!(
        documents_with(rules, "pen pen"),
        "#1 receipt@91 closed at its limit: 1 pen; #2 receipt@91 closed at its limit: 1 pen"
    );
}

#[test]
fn a_line_that_was_undone_leaves_room_for_another() {
    assert_eq!(documents("pen cup undo ink"), "#1 receipt@91 open: 1 pen 1 ink");
}

#[test]
fn a_document_closes_at_its_limit_of_scans() {
    let mut player = Player::new(rules()).play("pen");
    let place = Place { kind: Kind::Receipt, storage: StorageId(91) };
    let open = player.session.open.get_mut(&place).unwrap();
    let scan = open.scans[0];
    open.scans = vec![scan; OPERATION_SCANS_MAX - 2];
    player = player.play("pen pen pen");
    assert_eq!(
        player.told[1..].join("; "),
        "booked 1 receipt@91 [#1 +1 pen]; booked 1 receipt@91 [#1 +1 pen, #1 closed at its limit]; \
         booked 1 receipt@91 [#2 +1 pen]"
    );
}

#[test]
fn undo_takes_back_the_last_scan_and_then_the_one_before() {
    assert_eq!(
        play("pen qty:5 cup pen undo undo"),
        "booked 1 receipt@91 [#1 +1 pen]; control QTY-5; booked 5 receipt@91 [#1 +5 cup]; \
         booked 1 receipt@91 [#1 +1 pen]; control UNDO [#1 -1 pen]; control UNDO [#1 -5 cup]"
    );
}

#[test]
fn a_document_emptied_by_undo_is_cancelled_and_the_next_scan_opens_another() {
    assert_eq!(
        play("pen undo undo pen"),
        "booked 1 receipt@91 [#1 +1 pen]; control UNDO [#1 -1 pen, #1 cancelled]; refused nothing-to-undo; \
         booked 1 receipt@91 [#2 +1 pen]"
    );
}

#[test]
fn undo_acts_on_the_document_of_the_scanner_that_read_it() {
    assert_eq!(
        documents("dock: pen gate: pen cup till: pen yard: undo gate: undo dock: undo"),
        "#1 receipt@91 open: 1 pen; #2 write-off@91 open: 1 pen"
    );
}

#[test]
fn a_closed_document_cannot_be_undone() {
    assert_eq!(
        play("pen close undo"),
        "booked 1 receipt@91 [#1 +1 pen]; control CLOSE [#1 closed by code]; refused document-closed"
    );
    assert_eq!(play("lookup undo"), "control LOOKUP [mode lookup]; refused nothing-to-undo");
}

#[test]
fn undo_takes_back_what_its_scanner_scanned_last_booked_or_parked() {
    assert_eq!(
        play("pen nobody undo t:1000 undo undo"),
        "booked 1 receipt@91 [#1 +1 pen]; parked 1 receipt@91; control UNDO [-parked]; \
         control UNDO [#1 -1 pen, #1 cancelled]; refused nothing-to-undo"
    );
    assert_eq!(documents("dock: pen till: cup dock: undo"), "#1 receipt@91 open: 1 cup");
    assert_eq!(documents("dock: pen till: undo"), "#1 receipt@91 open: 1 pen");
    assert_eq!(
        play("nobody lookup undo"),
        "parked 1 receipt@91; control LOOKUP [mode lookup]; control UNDO [-parked]"
    );
}

#[test]
fn undo_does_not_reach_behind_a_scan_that_cannot_be_taken_back() {
    assert_eq!(
        play("nobody pen close undo"),
        "parked 1 receipt@91; booked 1 receipt@91 [#1 +1 pen]; control CLOSE [#1 closed by code]; \
         refused document-closed"
    );
}

#[test]
fn what_was_looked_up_is_not_undone() {
    assert_eq!(documents("pen view: pen undo"), "#1 receipt@91 open: 1 pen");
}

#[test]
fn last_sets_the_quantity_of_the_scan_before_as_if_qty_had_been_read_before_it() {
    assert_eq!(documents("pen last:12"), "#1 receipt@91 open: 12 pen");
    assert_eq!(documents("pen qty:5 pen last:2"), "#1 receipt@91 open: 3 pen");
    assert_eq!(documents("pen cup last:3 last:4 undo"), "#1 receipt@91 open: 1 pen");
    assert_eq!(
        documents("write-off wash last:3"),
        "#1 write-off@91 open: 6 pen; #2 write-off@92 open: 1.5 cup"
    );
    assert_eq!(documents("dock: pen till: cup dock: last:2"), "#1 receipt@91 open: 2 pen 1 cup");
    assert_eq!(
        play("pen last:12 t:100 last:12"),
        "booked 1 receipt@91 [#1 +1 pen]; control LAST-12 [#1 1->12 pen]; refused repeat"
    );
}

#[test]
fn last_changes_nothing_where_nothing_can_be_changed() {
    assert_eq!(play("last:5"), "refused nothing-to-undo");
    assert_eq!(play("nobody last:5"), "parked 1 receipt@91; refused last-is-parked");
    assert_eq!(
        play("pen close last:5"),
        "booked 1 receipt@91 [#1 +1 pen]; control CLOSE [#1 closed by code]; refused document-closed"
    );
    let counting = Rules { gs1_counts: true, ..rules() };
    let many = "]C10104006381333931\u{1d}301000000";
    assert_eq!(
        play_with(counting, &format!("{many} last:2")),
        "booked 1000000 receipt@91 [#1 +1000000 pen]; refused quantity"
    );
}

#[test]
fn an_undone_scan_of_a_kit_is_taken_back_whole_after_last() {
    assert_eq!(
        documents("write-off wash last:3 undo"),
        "#1 write-off@91 cancelled:; #2 write-off@92 cancelled:"
    );
}

#[test]
fn cancel_drops_a_pending_quantity_before_it_cancels_the_document() {
    assert_eq!(
        play("pen qty:5 cancel cancel"),
        "booked 1 receipt@91 [#1 +1 pen]; control QTY-5; control CANCEL; control CANCEL [#1 cancelled]"
    );
}

#[test]
fn cancel_acts_on_the_document_of_the_scanner_that_read_it() {
    assert_eq!(
        documents("dock: pen yard: pen gate: pen yard: cancel"),
        "#1 receipt@91 open: 1 pen; #2 receipt@92 cancelled: 1 pen; #3 write-off@91 open: 1 pen"
    );
    assert_eq!(play("cancel"), "control CANCEL");
}

#[test]
fn the_quantity_of_one_scanner_does_not_save_the_document_from_another() {
    assert_eq!(documents("pen qty:5 till: cancel"), "#1 receipt@91 cancelled: 1 pen");
}

#[test]
fn ok_changes_nothing() {
    assert_eq!(play("pen ok pen").matches("[#1 +1 pen]").count(), 2);
    assert_eq!(play("ok"), "control OK");
}

#[test]
fn open_documents_go_on_after_a_restart_and_can_be_undone() {
    assert_eq!(documents("pen cup restart pen undo undo"), "#1 receipt@91 open: 1 pen");
}

#[test]
fn the_end_of_input_closes_every_document() {
    assert_eq!(
        documents("dock: pen yard: pen gate: pen end"),
        "#1 receipt@91 closed at the end of input: 1 pen; #2 receipt@92 closed at the end of input: 1 pen; \
         #3 write-off@91 closed at the end of input: 1 pen"
    );
}

#[test]
fn a_document_that_no_scanner_adds_to_any_more_is_closed_at_the_start() {
    let mut player = Player::new(rules()).play("dock: pen yard: pen gate: pen reconfigured");
    player.session.rules.bindings.remove(&ScannerName::new("yard"));
    player = player.play("restart reconfigured");
    assert_eq!(
        player.told[3..].join("; "),
        "reconfigured; reconfigured [#2 closed by a change of configuration]"
    );
}

#[test]
fn the_session_tells_what_the_scanner_adds_to() {
    let player = Player::new(rules()).play("qty:3 pen");
    let lines = |scanner: &str| {
        player.session.operation_of(&ScannerName::new(scanner)).map(|open| open.lines.clone())
    };
    let three = BTreeMap::from([(GoodId(1), Quantity::units(3).unwrap())]);
    assert_eq!(lines("till"), Some(three));
    assert_eq!(lines("yard"), None);
    assert_eq!(lines("view"), None);
    assert_eq!(lines("nobody"), None);
}
