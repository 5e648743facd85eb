//! Packs: the forms that are read, and the faults of wrong ones.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::domain::code::pack::{Content, Pack};
use crate::domain::ids::GoodId;

fn pack(lines: &str) -> String {
    format!("[[pack]]\n{lines}\n")
}

#[test]
fn a_pack_names_its_code_its_good_and_how_many() {
    let config = with(&format!(
        "{}{}",
        pack("code = \"14006381333938\"\ngood_id = 123456\nfactor = 12"),
        pack("code = \"CASE-7\"\nbarcode = \"4006381333931\"\nfactor = 100000")
    ));
    let packs = config.unwrap().packs;
    let place = |number: usize| format!("pack[{number}]");
    let right = [
        Pack {
            code: "14006381333938".to_owned(),
            content: Content::Good(GoodId(123_456)),
            factor: 12,
            place: place(0),
        },
        Pack {
            code: "CASE-7".to_owned(),
            content: Content::Barcode("4006381333931".to_owned()),
            factor: 100_000,
            place: place(1),
        },
    ];
    assert_eq!(packs.iter().cloned().collect::<Vec<_>>(), right);
}

#[test]
fn a_wrong_pack_is_said_with_its_line() {
    let range = "is out of range; use 1 to 100000";
    for (lines, fault) in [
        ("code = \"A\"\ngood_id = 1\nfactor = 0", format!("8: pack[0].factor: 0 {range}")),
        ("code = \"A\"\ngood_id = 1\nfactor = 100001", format!("8: pack[0].factor: 100001 {range}")),
        (
            "code = \"A\"\ngood_id = 1\nfactor = 1.5",
            "8: pack[0].factor: is a number with a fraction; write a whole number, without quotes".to_owned(),
        ),
        (
            "code = 14006381333938\ngood_id = 1\nfactor = 2",
            "6: pack[0].code: is a whole number; write text in double quotes".to_owned(),
        ),
        (
            "code = \"A\"\nfactor = 2",
            "5: pack[0].good_id: is missing; add good_id = NUMBER, or barcode = \"…\"".to_owned(),
        ),
        (
            "code = \"A\"\ngood_id = 1\nbarcode = \"B\"\nfactor = 2",
            "8: pack[0].barcode: is given in addition to good_id; keep one of the two".to_owned(),
        ),
        (
            "code = \"$SP.UNDO.M\"\ngood_id = 1\nfactor = 2",
            "6: pack[0].code: begins like a control code, which a pack must not have; print another code on the carton"
                .to_owned(),
        ),
    ] {
        check_fault(&pack(lines), &format!("config.toml:{fault}"));
    }
    let twice = "code = \"036000291452\"\ngood_id = 1\nfactor = 2";
    check_fault(
        &format!("{}{}", pack(twice), pack(&twice.replace("0360", "00360"))),
        "config.toml:10: pack[1].code: is the code of pack[0] already; keep one of the two",
    );
}

fn load(rows: &str, packs: &str) -> Result<Config, String> {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("packs.csv"), rows).unwrap();
    let file = dir.path().join("config.toml");
    fs::write(&file, format!("packs_file = \"packs.csv\"\n{STATION}{packs}")).unwrap();
    let text_of = |faults: Faults| faults.to_string().replace(&format!("{}/", dir.path().display()), "");
    Config::load(&file).map_err(text_of)
}

#[test]
fn a_file_of_packs_stands_beside_the_configuration() {
    let rows = "code,good_id,factor\n14006381333938,123456,12\n24006381333935,123456,144\n";
    let config = load(rows, &pack("code = \"A\"\ngood_id = 1\nfactor = 2")).unwrap();
    assert_eq!(config.packs.iter().map(|pack| pack.factor).collect::<Vec<_>>(), [2, 12, 144]);
    let shown = config.show();
    assert!(shown.contains("/packs.csv\"\n") && shown.contains("code = \"A\""), "{shown}");
    assert!(!shown.contains("14006381333938"), "{shown}");
}

#[test]
fn a_wrong_row_is_reported_with_its_file_and_its_line() {
    let rows = "code,good_id,factor\nA,1,2\n14006381333938,123456,1.5\n";
    let faults = load(rows, &pack("code = \"A\"\ngood_id = 1\nfactor = 2")).unwrap_err();
    assert_eq!(
        faults,
        "packs.csv:2: code: is the code of pack[0] already; keep one of the two\n\
         packs.csv:3: factor: 1.5 is out of range; use a whole number, 1 to 100000"
    );
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config.toml");
    fs::write(&file, format!("packs_file = \"gone.csv\"\n{STATION}")).unwrap();
    let faults = Config::load(&file).unwrap_err().to_string();
    assert!(faults.contains("gone.csv: cannot be read"), "{faults}");
}
