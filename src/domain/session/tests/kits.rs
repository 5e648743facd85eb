//! Tests of kits: one scan, several goods in several documents, taken back as one.

use super::*;

#[test]
fn a_kit_takes_its_materials_from_the_storages_its_card_names() {
    assert_eq!(
        play("gate: wash yard: write-off pen gate: set"),
        "booked 2.5 write-off@91 [#1 +2 pen, #2 +0.5 cup]; control WRITE-OFF [mode write-off]; \
         booked 1 write-off@92 [#2 +1 pen]; booked 1 write-off@91 [#3 +1 ink]"
    );
    assert_eq!(documents("gate: wash wash pen"), "#1 write-off@91 open: 5 pen; #2 write-off@92 open: 1 cup");
}

#[test]
fn a_quantity_multiplies_a_kit_and_is_used_up_by_it() {
    assert_eq!(
        documents("gate: qty:12 wash pen"),
        "#1 write-off@91 open: 25 pen; #2 write-off@92 open: 6 cup"
    );
    for frame in ["soon", "odd"] {
        assert_eq!(documents(&format!("gate: qty:12 {frame} pen")), "#1 write-off@91 open: 1 pen", "{frame}");
    }
    assert_eq!(documents("dock: qty:12 wash pen"), "#1 receipt@91 open: 1 pen");
}

#[test]
fn a_kit_is_refused_in_receipt_mode_and_only_looked_up_in_lookup_mode() {
    assert_eq!(play("dock: wash soon odd"), ["refused kit-in-receipt"; 3].join("; "));
    assert_eq!(signals("dock: wash"), "refused");
    assert_eq!(play("view: wash soon odd"), "lookup wash; lookup unknown; lookup unusable");
    assert_eq!(signals("view: wash soon odd"), "control unknown refused");
}

#[test]
fn an_unknown_kit_is_parked_and_one_that_cannot_be_booked_is_refused() {
    assert_eq!(
        play("gate: qty:3 soon odd"),
        "control QTY-3; parked 3 write-off@91; refused kit-needs-a-person"
    );
    assert_eq!(signals("gate: soon odd wash"), "unknown refused booked");
}

#[test]
fn an_undo_takes_a_whole_kit_back_out_of_every_document() {
    assert_eq!(
        play("gate: wash pen undo undo undo"),
        "booked 2.5 write-off@91 [#1 +2 pen, #2 +0.5 cup]; booked 1 write-off@91 [#1 +1 pen]; \
         control UNDO [#1 -1 pen]; control UNDO [#1 -2 pen, #2 -0.5 cup, #1 cancelled, #2 cancelled]; \
         refused nothing-to-undo"
    );
    assert_eq!(
        play("gate: set undo"),
        "booked 1 write-off@91 [#1 +1 ink]; control UNDO [#1 -1 ink, #1 cancelled]"
    );
}

#[test]
fn a_kit_that_stands_in_part_in_a_closed_document_is_not_taken_back() {
    assert_eq!(
        documents("gate: wash yard: write-off close gate: undo"),
        "#1 write-off@91 open: 2 pen; #2 write-off@92 closed by code: 0.5 cup"
    );
}

#[test]
fn nobody_takes_back_what_was_scanned_elsewhere() {
    let script = "yard: write-off pen gate: wash yard: undo";
    assert_eq!(documents(script), "#1 write-off@92 open: 0.5 cup; #2 write-off@91 open: 2 pen");
    assert_eq!(play("gate: wash yard: write-off undo").rsplit("; ").next(), Some("refused nothing-to-undo"));
}

#[test]
fn a_close_and_a_change_of_mode_close_what_kits_opened() {
    let closed = "#1 write-off@91 closed by code: 2 pen; #2 write-off@92 closed by code: 0.5 cup; \
                  #3 write-off@93 closed by code: 1 ink";
    assert_eq!(documents("gate: wash set close"), closed);
    assert_eq!(documents("dock: write-off set receipt"), "#1 write-off@93 closed by a change of mode: 1 ink");
    assert_eq!(
        documents("gate: set yard: write-off pen close"),
        "#1 write-off@93 open: 1 ink; #2 write-off@92 closed by code: 1 pen"
    );
}

#[test]
fn a_cancel_drops_the_document_and_takes_its_kits_out_of_the_others() {
    assert_eq!(
        play("yard: write-off pen gate: pen wash set cancel").rsplit("; ").next(),
        Some("control CANCEL [#2 -2 pen, #1 -0.5 cup, #3 -1 ink, #3 cancelled, #2 cancelled]")
    );
    assert_eq!(documents("gate: wash cancel"), "#1 write-off@91 cancelled:; #2 write-off@92 cancelled:");
}

#[test]
fn a_kit_that_does_not_fit_closes_the_document_and_stays_whole_in_the_next() {
    let two = Rules { lines_max: 2, ..rules() };
    assert_eq!(
        play_with(Rules { lines_max: 1, ..two.clone() }, "gate: wash"),
        "booked 2.5 write-off@91 [#1 +2 pen, #2 +0.5 cup, #1 closed at its limit, #2 closed at its limit]"
    );
    assert_eq!(
        documents_with(two, "gate: cup wash pen ink"),
        "#1 write-off@91 closed at its limit: 1 cup 2 pen; #2 write-off@92 open: 0.5 cup; \
         #3 write-off@91 closed at its limit: 1 pen 1 ink"
    );
}

#[test]
fn a_kit_closes_an_operation_that_it_would_overfill() {
    // Two kits of one storage, whose card has two goods of it.
    let mut player = Player::new(Rules { lines_max: 2, ..rules() }).play("gate: ink");
    let part = |good, quantity| Part {
        storage: StorageId(91),
        good: named(GoodId(good)),
        quantity: Quantity::from_millionths(quantity),
    };
    let kit = Kit { card: CardId(9), title: "pair".to_owned(), parts: vec![part(1, 1), part(2, 2)] };
    let gate = ScannerName::new("gate");
    let decision = player.session.decide(&gate, &Heard::Kit(CardId(9)), Resolution::Kit(kit));
    let mut opened = Vec::new();
    assert_eq!(
        player.write(&decision.changes, &mut opened),
        " [#1 closed at its limit, #2 +0.000001 pen, #2 +0.000002 cup, #2 closed at its limit]"
    );
    let frame = frame("pair");
    let done = Committed { decision: &decision, scan: ScanId(7), opened: &opened };
    player.session.settle(&gate, &frame, BootMillis(9000), &done);
    assert!(player.session.open.is_empty());
}

#[test]
fn what_a_kit_opened_closes_by_idle_time_and_outlives_a_restart() {
    let script = "gate: wash restart reconfigured undo";
    assert_eq!(documents(script), "#1 write-off@91 cancelled:; #2 write-off@92 cancelled:");
    assert_eq!(documents("gate: set t:600000 tick"), "#1 write-off@93 closed after idle time: 1 ink");
}

#[test]
fn a_kit_that_could_not_be_stored_leaves_no_trace() {
    assert_eq!(documents("gate: lost wash undo pen"), "#1 write-off@91 open: 1 pen");
}

#[test]
fn a_kit_that_may_not_be_booked_is_refused_known_or_not_and_still_looked_up() {
    let with = |kits| Rules { conventions: Conventions { kits, ..Conventions::default() }, ..rules() };
    let off = || with(KitScan::None);
    assert_eq!(play_with(off(), "gate: wash soon odd dock: wash"), ["refused kit-off"; 4].join("; "));
    assert_eq!(play_with(off(), "view: wash soon"), "lookup wash; lookup unknown");
    let others = || with(KitScan::Only([CardId(999)].into()));
    assert_eq!(play_with(others(), "gate: wash soon"), ["refused kit-off"; 2].join("; "));
    // The quantity before it is used up, as by any product.
    assert_eq!(documents_with(off(), "gate: qty:12 wash pen"), "#1 write-off@91 open: 1 pen");
}
