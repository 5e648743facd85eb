//! The pages of the guide as manual pages.

use std::process::Command;

use stockpoint::guide::PAGES;
use stockpoint::guide::Page;

#[path = "../../../package/manual.rs"]
mod pages;

#[test]
fn a_page_becomes_a_manual_page() {
    let text = "# Title\n\nSee [signals](signals.md#x) and **`c`**.\n\n## A section\n\n- .item\n\n```sh\nls -l\n```\n\n\
                | a | b |\n|---|---|\n| 1 | two |\n";
    let page = Page { name: "proof", summary: "for a test", text };
    let roff = pages::manual(&page);
    let body = roff.split(".SH DESCRIPTION\n").nth(1).unwrap().split(".SH \"SEE ALSO\"").next().unwrap();
    let expected = ".PP\nSee signals (\\fBstockpoint\\-signals\\fR(7)) and \\fBc\\fR.\n.SH \"A SECTION\"\n.IP \\(bu 2\n\\&.item\n\
                    .PP\n.EX\nls \\-l\n.EE\n.PP\n.EX\na  b\n\\-  \\-\\-\\-\n1  two\n.EE\n";
    assert_eq!(body, expected);
    assert!(roff.contains("\nstockpoint\\-proof \\- for a test\n"), "{roff}");
}

#[test]
fn a_table_that_is_too_wide_has_a_paragraph_for_each_row() {
    let words = "words ".repeat(20);
    let text = format!("| key | default | meaning |\n|---|---|---|\n| `k` | 1 | {words}|\n| m | | x |\n");
    let page = Page { name: "proof", summary: "", text: text.leak() };
    let roff = pages::manual(&page);
    assert!(roff.contains(".TP\n\\fBk\\fR\ndefault: 1\n.br\nmeaning: words words"), "{roff}");
    assert!(roff.contains(".TP\nm\nmeaning: x\n"), "{roff}");
}

#[test]
fn man_finds_nothing_to_warn_of() {
    let folder = tempfile::tempdir().unwrap();
    for page in &PAGES {
        let file = folder.path().join(format!("{}.{}", pages::name(page), pages::section(page)));
        std::fs::write(&file, pages::manual(page)).unwrap();
        let man = Command::new("man")
            .args(["--warnings=w", "-E", "UTF-8", "-l"])
            .arg(&file)
            .env("MANWIDTH", "80")
            .output();
        let Ok(man) = man else { return println!("skipped: man is not installed") };
        let warnings = String::from_utf8(man.stderr).unwrap();
        assert!(man.status.success() && warnings.is_empty(), "{}: {warnings}", page.name);
        assert!(String::from_utf8_lossy(&man.stdout).contains("SEE ALSO"), "{}", page.name);
    }
}
