//! Tests of storage codes, which set the storage of the scans that follow.

use super::*;

#[test]
fn a_storage_code_changes_the_storage_of_all_that_have_none_and_closes_what_they_had_open() {
    assert_eq!(
        play("pen hall: cup dock: store:92 pen"),
        "booked 1 receipt@91 [#1 +1 pen]; booked 1 receipt@91 [#1 +1 cup]; \
         control STORAGE-92 [storage 92, #1 closed by a change of storage]; booked 1 receipt@92 [#2 +1 pen]"
    );
    assert_eq!(
        documents("till: store:94 dock: pen yard: cup"),
        "#1 receipt@94 open: 1 pen; #2 receipt@92 open: 1 cup"
    );
}

#[test]
fn the_documents_of_every_mode_in_use_are_closed() {
    assert_eq!(
        documents("write-off pen hall: cup gate: ink dock: store:92"),
        "#1 write-off@91 closed by a change of storage: 1 pen 1 ink; #2 receipt@91 closed by a change of storage: 1 cup"
    );
    // The code does not affect the document of a scanner that keeps its storage.
    assert_eq!(documents("gate: pen dock: store:92"), "#1 write-off@91 open: 1 pen");
    assert_eq!(documents("yard: pen dock: store:94"), "#1 receipt@92 open: 1 pen");
}

#[test]
fn a_scanner_with_a_storage_of_its_own_takes_no_other() {
    assert_eq!(play("yard: store:91"), "refused fixed-storage");
    assert_eq!(play("yard: store:92 dock: pen"), "control STORAGE-92; booked 1 receipt@91 [#1 +1 pen]");
    assert_eq!(signals("yard: store:91 store:92"), "refused control");
}

#[test]
fn a_storage_that_the_configuration_does_not_name_is_refused() {
    assert_eq!(play("pen store:93"), "booked 1 receipt@91 [#1 +1 pen]; refused other-storage");
}

#[test]
fn the_storage_in_force_commanded_again_closes_nothing_and_is_remembered() {
    assert_eq!(play("pen store:91"), "booked 1 receipt@91 [#1 +1 pen]; control STORAGE-91 [storage 91]");
}

#[test]
fn the_storage_commanded_survives_a_restart_unless_it_is_named_no_more() {
    assert_eq!(documents("store:94 restart pen"), "#1 receipt@94 open: 1 pen");
    let fewer = Rules { storages: [91, 92].map(StorageId).into(), ..rules() };
    let commanded = Commanded { storage: Some(StorageId(94)), ..Commanded::default() };
    let session = Session::new(fewer, commanded, BTreeMap::new());
    let dock = session.place_of(&ScannerName::new("dock")).unwrap();
    assert_eq!(dock.storage, StorageId(91));
}

#[test]
fn a_storage_code_drops_a_pending_quantity_and_undo_does_not_reach_behind_it() {
    assert_eq!(
        play("qty:5 store:92 pen"),
        "control QTY-5; control STORAGE-92 [storage 92]; booked 1 receipt@92 [#1 +1 pen]"
    );
    assert_eq!(
        play("pen store:92 undo"),
        "booked 1 receipt@91 [#1 +1 pen]; control STORAGE-92 [storage 92, #1 closed by a change of storage]; \
         refused document-closed"
    );
}

#[test]
fn a_change_of_storage_closes_what_kits_scanned_there_went_into() {
    assert_eq!(
        documents("write-off wash store:94"),
        "#1 write-off@91 closed by a change of storage: 2 pen; #2 write-off@92 closed by a change of storage: 0.5 cup"
    );
}

#[test]
fn a_calibration_code_is_a_command_that_does_nothing() {
    let code = |code: crate::domain::calibrate::CalibrationCode| code.text().to_owned();
    let [first, second] = crate::domain::calibrate::CalibrationCode::ALL.map(code);
    assert_eq!(
        play(&format!("pen {first} ]C0{second} {} pen", first.to_uppercase())),
        "booked 1 receipt@91 [#1 +1 pen]; control CALIBRATE-1; control CALIBRATE-2; refused malformed-control; \
         booked 1 receipt@91 [#1 +1 pen]"
    );
}

#[test]
fn a_storage_code_that_is_not_stored_changes_nothing() {
    assert_eq!(play("lost store:92 pen"), "lost; booked 1 receipt@91 [#1 +1 pen]");
}
