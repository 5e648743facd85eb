//! Tests of single frames: modes, quantities, repeats, refusals.

use super::*;

#[test]
fn a_day_at_the_dock() {
    assert_eq!(
        play("dock: pen t:200 pen qty:12 pen undo close cup"),
        "booked 1 receipt@91 [#1 +1 pen]; refused repeat; control QTY-12; \
         booked 12 receipt@91 [#1 +12 pen]; control UNDO [#1 -12 pen]; \
         control CLOSE [#1 closed by code]; booked 1 receipt@91 [#2 +1 cup]"
    );
}

#[test]
fn each_outcome_has_its_signal() {
    assert_eq!(
        signals("pen nobody twin smudge noise undo undo qty:2 ok close lookup pen nobody twin"),
        "booked unknown refused refused refused control control control refused control control control \
         unknown refused"
    );
}

#[test]
fn a_repeat_is_answered_as_what_it_repeats() {
    for (word, signal) in [
        ("pen", "booked"),
        ("nobody", "unknown"),
        ("twin", "refused"),
        ("smudge", "refused"),
        ("ok", "control"),
        ("qty:2", "control"),
        ("close", "control"),
        ("cancel", "control"),
        ("write-off", "control"),
        ("store:92", "control"),
    ] {
        let script = format!("{word} t:200 {word} t:0 noise t:99 {word}");
        assert_eq!(signals(&script), format!("{signal} {signal} refused {signal}"), "{word}");
    }
    assert_eq!(signals("pen undo t:150 undo"), "booked control control");
    assert_eq!(signals("pen last:3 t:150 last:3"), "booked control control");
    assert_eq!(signals("view: pen t:150 pen"), "control control");
    assert_eq!(signals("qty:5 close t:150 close"), "control refused refused");
}

#[test]
fn a_double_read_within_a_burst_is_a_repeat_unless_another_line_was_between() {
    let burst = |text: &str| Frame { raw: text.as_bytes().to_vec(), verdict: Err(Refusal::Burst) };
    let mut player = Player::new(rules()).play("pen");
    for (text, outcome) in [("pen", "refused repeat"), ("cup", "refused burst"), ("pen", "refused burst")] {
        player.wait_ms = 10;
        player.frame(&burst(text));
        assert_eq!(player.told.last().unwrap(), outcome, "{text}");
    }
    assert_eq!(player.signals, ["booked", "booked", "refused", "refused"]);
}

#[test]
fn a_command_that_drops_a_quantity_is_carried_out_and_sounds_refused() {
    for (command, outcome) in [
        ("close", "control CLOSE [#1 closed by code]"),
        ("undo", "control UNDO [#1 -1 pen, #1 cancelled]"),
        ("ok", "control OK"),
        ("last:3", "control LAST-3 [#1 1->3 pen]"),
        ("receipt", "control RECEIPT [mode receipt]"),
    ] {
        let player = Player::new(rules()).play(&format!("pen qty:12 {command}"));
        assert_eq!(player.told.last().unwrap(), outcome);
        assert_eq!((player.signals.last(), &player.dropped[..]), (Some(&"refused"), &[12][..]), "{command}");
    }
    let cancelled = Player::new(rules()).play("qty:12 cancel");
    assert_eq!((cancelled.signals, cancelled.dropped), (vec!["control", "control"], vec![12]));
    let replaced = Player::new(rules()).play("qty:12 qty:5");
    assert_eq!((replaced.signals, replaced.dropped), (vec!["control", "control"], vec![]));
    let refused = Player::new(rules()).play("gate: qty:12 receipt");
    assert_eq!((refused.signals, refused.dropped), (vec!["control", "refused"], vec![12]));
}

#[test]
fn a_quantity_lapses_for_its_scanner_alone_after_its_time() {
    let rules = || Rules { quantity_expires_ms: Some(30_000), ..rules() };
    assert_eq!(play_with(rules(), "qty:12 t:29999 pen"), "control QTY-12; booked 12 receipt@91 [#1 +12 pen]");
    assert_eq!(
        play_with(rules(), "qty:12 t:30000 pen"),
        "control QTY-12; dock lapsed 12; booked 1 receipt@91 [#1 +1 pen]"
    );
    assert_eq!(
        play_with(rules(), "dock: qty:12 t:20000 till: qty:5 t:10000 tick t:1 till: pen"),
        "control QTY-12; control QTY-5; dock lapsed 12; tick; booked 5 receipt@91 [#1 +5 pen]"
    );
    assert_eq!(documents("qty:12 t:9999999 pen"), "#1 receipt@91 open: 12 pen");
}

#[test]
fn mode_and_storage_fall_back_after_their_time_without_a_scan() {
    let rules = || Rules { mode_reverts_ms: Some(60_000), idle_close_ms: None, ..rules() };
    assert_eq!(
        play_with(rules(), "write-off store:92 pen t:59999 tick t:1 tick t:1 tick pen"),
        "control WRITE-OFF [mode write-off]; control STORAGE-92 [storage 92]; \
         booked 1 write-off@92 [#1 +1 pen]; tick; \
         tick [as configured, #1 closed by a change of mode]; tick; booked 1 receipt@91 [#2 +1 pen]"
    );
    let kept = "write-off t:59999 till: nobody t:59999 tick t:0 pen";
    assert_eq!(documents_with(rules(), kept), "#1 write-off@91 open: 1 pen");
    assert_eq!(documents("write-off t:9999999 tick pen"), "#1 write-off@91 open: 1 pen");
}

#[test]
fn neither_noise_nor_a_scanner_with_a_mode_and_a_storage_of_its_own_keeps_a_mode_alive() {
    let rules = || Rules { mode_reverts_ms: Some(60_000), ..rules() };
    for script in ["write-off t:50000 noise t:10000 tick", "write-off t:50000 gate: pen t:10000 tick"] {
        let told = play_with(rules(), script);
        assert!(told.contains("tick [as configured"), "{told}");
    }
}

#[test]
fn what_was_commanded_before_a_time_that_nobody_knows_falls_back_at_the_start() {
    let rules = Rules { mode_reverts_ms: Some(60_000), ..rules() };
    let commanded = |last_scan| Commanded { mode: Some(Mode::WriteOff), storage: None, last_scan };
    let reverts = |last_scan: Option<i64>| {
        let commanded = commanded(last_scan.map(BootMillis));
        Session::new(rules.clone(), commanded, BTreeMap::new()).reverts(BootMillis(100_000))
    };
    assert_eq!(reverts(None), [Change::Revert]);
    assert_eq!(reverts(Some(40_000)), [Change::Revert]);
    assert_eq!(reverts(Some(40_001)), []);
    assert_eq!(reverts(Some(-500_000)), [Change::Revert]);
    let uncommanded = Session::new(rules.clone(), Commanded::default(), BTreeMap::new());
    assert_eq!(uncommanded.reverts(BootMillis(100_000)), []);
}

#[test]
fn the_next_product_uses_the_quantity_up() {
    assert_eq!(
        play("qty:12 pen pen"),
        "control QTY-12; booked 12 receipt@91 [#1 +12 pen]; booked 1 receipt@91 [#1 +1 pen]"
    );
}

#[test]
fn of_two_quantities_the_last_one_wins() {
    assert_eq!(documents("qty:12 qty:5 pen"), "#1 receipt@91 open: 5 pen");
}

#[test]
fn a_product_uses_the_quantity_up_whatever_comes_of_it() {
    for product in ["nobody", "twin"] {
        assert_eq!(documents(&format!("qty:12 {product} pen")), "#1 receipt@91 open: 1 pen", "{product}");
    }
    assert_eq!(documents("lookup qty:12 pen receipt cup"), "#1 receipt@91 open: 1 cup");
    assert_eq!(documents("lookup qty:12 nobody receipt cup"), "#1 receipt@91 open: 1 cup");
}

#[test]
fn what_is_no_product_and_no_command_leaves_the_quantity() {
    for frame in ["noise", "smudge", "t:100 qty:12"] {
        assert_eq!(documents(&format!("qty:12 {frame} pen")), "#1 receipt@91 open: 12 pen", "{frame}");
    }
}

#[test]
fn any_other_command_drops_the_quantity_even_a_refused_one() {
    for command in ["ok", "close", "cancel", "undo", "receipt"] {
        assert_eq!(documents(&format!("qty:12 {command} pen")), "#1 receipt@91 open: 1 pen", "{command}");
    }
    assert_eq!(documents("gate: qty:12 receipt pen"), "#1 write-off@91 open: 1 pen");
}

#[test]
fn a_quantity_is_of_the_scanner_that_read_it() {
    assert_eq!(documents("dock: qty:12 till: pen dock: cup"), "#1 receipt@91 open: 1 pen 12 cup");
}

#[test]
fn a_quantity_does_not_outlive_a_restart() {
    assert_eq!(documents("qty:12 restart pen"), "#1 receipt@91 open: 1 pen");
}

#[test]
fn an_unknown_code_is_parked_with_its_quantity_and_place() {
    assert_eq!(play("qty:7 nobody"), "control QTY-7; parked 7 receipt@91");
    assert_eq!(play("gate: nobody"), "parked 1 write-off@91");
    assert_eq!(documents("nobody"), "");
}

#[test]
fn a_code_of_two_goods_is_booked_to_neither() {
    assert_eq!(play("twin"), "refused ambiguous");
}

#[test]
fn looking_up_books_nothing_and_counts_as_lookup() {
    assert_eq!(
        play("lookup pen nobody twin"),
        "control LOOKUP [mode lookup]; lookup pen; lookup unknown; lookup ambiguous"
    );
    assert_eq!(play("view: pen"), "lookup pen");
}

#[test]
fn a_scanner_with_a_mode_of_its_own_takes_no_other() {
    assert_eq!(
        play("gate: receipt lookup write-off pen"),
        "refused fixed-mode; refused fixed-mode; control WRITE-OFF; booked 1 write-off@91 [#1 +1 pen]"
    );
    assert_eq!(play("gate: write-off dock: pen"), "control WRITE-OFF; booked 1 receipt@91 [#1 +1 pen]");
}

#[test]
fn a_mode_holds_for_every_scanner_without_one() {
    assert_eq!(
        documents("dock: write-off till: pen yard: cup gate: ink"),
        "#1 write-off@91 open: 1 pen 1 ink; #2 write-off@92 open: 1 cup"
    );
}

#[test]
fn the_mode_commanded_last_outlives_a_restart() {
    assert_eq!(documents("write-off restart pen"), "#1 write-off@91 open: 1 pen");
}

#[test]
fn a_mode_commanded_is_remembered_even_where_it_is_in_force_already() {
    let mut player = Player::new(rules()).play("receipt");
    player.session.rules.mode = Mode::WriteOff;
    assert_eq!(player.play("restart").session.mode(), Mode::Receipt);
}

#[test]
fn without_a_command_the_configured_mode_holds() {
    let session =
        Session::new(Rules { mode: Mode::WriteOff, ..rules() }, Commanded::default(), BTreeMap::new());
    assert_eq!(session.mode(), Mode::WriteOff);
    assert_eq!(session.mode_of(&ScannerName::new("dock")), Mode::WriteOff);
    assert_eq!(session.mode_of(&ScannerName::new("view")), Mode::Lookup);
}

#[test]
fn the_same_code_sooner_than_the_guard_is_one_scan() {
    assert_eq!(documents("pen t:299 pen"), "#1 receipt@91 open: 1 pen");
    assert_eq!(documents("pen t:300 pen"), "#1 receipt@91 open: 2 pen");
    assert_eq!(documents("nobody t:299 nobody t:299 pen"), "#1 receipt@91 open: 1 pen");
}

#[test]
fn a_label_left_under_the_scanner_stays_one_scan() {
    assert_eq!(documents("pen t:200 pen t:200 pen t:200 pen t:300 pen"), "#1 receipt@91 open: 2 pen");
}

#[test]
fn another_code_or_another_scanner_is_another_scan() {
    assert_eq!(documents("pen t:10 cup t:10 pen"), "#1 receipt@91 open: 2 pen 1 cup");
    assert_eq!(documents("dock: pen t:10 till: pen"), "#1 receipt@91 open: 2 pen");
}

#[test]
fn noise_between_two_reads_does_not_make_them_two() {
    assert_eq!(
        play("pen t:100 noise t:100 pen"),
        "booked 1 receipt@91 [#1 +1 pen]; refused unfinished; refused repeat"
    );
}

#[test]
fn a_command_read_twice_is_one_command() {
    assert_eq!(documents("pen pen undo t:100 undo"), "#1 receipt@91 open: 1 pen");
}

#[test]
fn without_a_guard_every_read_counts() {
    let rules = Rules { repeat_guard_ms: 0, ..rules() };
    assert_eq!(documents_with(rules, "pen t:0 pen t:0 pen"), "#1 receipt@91 open: 3 pen");
}

#[test]
fn a_smudged_command_is_neither_obeyed_nor_looked_up() {
    assert_eq!(play("pen smudge"), "booked 1 receipt@91 [#1 +1 pen]; refused malformed-control");
}

const PEN_TWELVE: &str = "0104006381333931\u{1d}3012";

#[test]
fn a_count_in_the_code_is_the_quantity_only_where_configured() {
    assert_eq!(documents(&format!("]C1{PEN_TWELVE}")), "#1 receipt@91 open: 1 pen");
    let counting = Rules { gs1_counts: true, ..rules() };
    assert_eq!(documents_with(counting, &format!("]C1{PEN_TWELVE}")), "#1 receipt@91 open: 12 pen");
}

#[test]
fn a_count_in_the_code_is_multiplied_by_the_quantity_commanded() {
    let counting = Rules { gs1_counts: true, ..rules() };
    assert_eq!(documents_with(counting, &format!("qty:5 ]C1{PEN_TWELVE}")), "#1 receipt@91 open: 60 pen");
}

#[test]
fn a_count_beyond_reason_is_refused_and_uses_the_quantity_up() {
    let play = |script: &str| play_with(Rules { gs1_counts: true, ..rules() }, script);
    assert_eq!(play("]C10104006381333931\u{1d}301000000"), "booked 1000000 receipt@91 [#1 +1000000 pen]");
    assert_eq!(
        play("qty:2 ]C10104006381333931\u{1d}301000000 pen"),
        "control QTY-2; refused quantity; booked 1 receipt@91 [#1 +1 pen]"
    );
    assert_eq!(play("view: ]C10104006381333931\u{1d}3099999999"), "lookup pen");
}

#[test]
fn what_could_not_be_stored_has_not_happened() {
    assert_eq!(documents("pen lost pen undo t:100 undo"), "#1 receipt@91 cancelled:");
    assert_eq!(documents("qty:12 lost pen pen"), "#1 receipt@91 open: 12 pen");
    assert_eq!(documents("lost write-off pen"), "#1 receipt@91 open: 1 pen");
    assert_eq!(play("lost pen t:10 pen"), "lost; booked 1 receipt@91 [#1 +1 pen]");
}

#[test]
fn an_amount_that_the_station_cannot_use_is_refused_and_never_one() {
    let contents = "]C100006141411234567890\u{1d}02040063813339313748";
    let counting = || Rules { gs1_counts: true, ..rules() };
    assert_eq!(play(contents), "refused label-amount");
    assert_eq!(documents_with(counting(), contents), "#1 receipt@91 open: 48 pen");
    for label in [
        "]C10204006381333931",
        "]C10204006381333931370",
        "]C101040063813339313103001950",
        "]C1019952123400001610A",
    ] {
        assert_eq!(play(label), "refused label-amount", "{label}");
        assert_eq!(play_with(counting(), label), "refused label-amount", "{label}");
    }
    assert_eq!(documents_with(counting(), "]C101040063813339313748"), "#1 receipt@91 open: 1 pen");
}

#[test]
fn an_add_on_by_itself_is_no_item() {
    assert_eq!(play("]E112 ]E212345 view: ]E112"), "refused add-on; refused add-on; refused add-on");
}

#[test]
fn a_command_behind_a_mark_that_cannot_be_seen_is_no_command() {
    assert_eq!(play(&format!("\u{feff}{}", Control::Undo.code())), "refused malformed-control");
}

#[test]
fn a_pack_books_what_is_in_it_times_the_quantity_commanded() {
    assert_eq!(
        play("carton qty:3 carton undo pen"),
        "booked 12 receipt@91 [#1 +12 pen]; control QTY-3; booked 36 receipt@91 [#1 +36 pen]; \
         control UNDO [#1 -36 pen]; booked 1 receipt@91 [#1 +1 pen]"
    );
    assert_eq!(play("view: carton"), "lookup 12 pen");
    assert_eq!(signals("view: carton"), "control");
}
