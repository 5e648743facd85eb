//! The examples in the help of each command.

/// A command line, and what it does.
type Example = (&'static str, &'static str);

/// Each command with its examples. A test reads each of them with the definition of the command line.
const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "",
        &[
            ("stockpoint demo", "try it, with nothing installed"),
            ("sudo stockpoint init", "set this station up"),
            ("stockpoint status", "how is the station?"),
            ("stockpoint help what-to-do", "what to do when something is wrong"),
        ],
    ),
    (
        "demo",
        &[
            ("stockpoint demo", "type or paste barcodes"),
            ("stockpoint demo --scans codes.txt --dir demo", "read them from a file and keep the data"),
        ],
    ),
    (
        "init",
        &[
            ("sudo stockpoint init", "ask everything"),
            ("sudo stockpoint init --from stockpoint.toml", "take everything from a set-up file"),
            ("stockpoint init --print-qr", "set up another station with a code"),
            ("sudo stockpoint init --scan", "wait for that code on any scanner"),
        ],
    ),
    ("run", &[("stockpoint run --config /etc/stockpoint/config.toml", "what the service does")]),
    (
        "check",
        &[
            ("sudo stockpoint check", "the configuration of the service"),
            ("stockpoint check --config new.toml", "another file, before it is used"),
        ],
    ),
    (
        "status",
        &[
            ("stockpoint status", "everything on one page"),
            ("stockpoint status --json", "the same for programs"),
        ],
    ),
    ("doctor", &[("sudo stockpoint doctor", "each problem with its fix; root can read the tokens, too")]),
    (
        "devices",
        &[
            ("stockpoint devices", "what is plugged in, with the entry of each scanner"),
            ("stockpoint devices --watch 30", "watch the keyboards for 30 seconds"),
        ],
    ),
    (
        "devices try",
        &[
            ("stockpoint devices try dock 4006381333931", "one code of the scanner named dock"),
            ("stockpoint devices try dock -", "codes from the standard input, one a line"),
        ],
    ),
    (
        "calibrate",
        &[
            ("sudo stockpoint calibrate", "the only scanner of the configuration"),
            ("sudo stockpoint calibrate counter --write", "write the entry into the configuration"),
            ("sudo stockpoint calibrate /dev/ttyUSB0", "a device that is not configured yet"),
        ],
    ),
    (
        "trace",
        &[
            ("sudo stockpoint trace record /dev/input/event0 >file", "until it is interrupted"),
            ("stockpoint trace replay file", "the codes that it gives"),
        ],
    ),
    (
        "trace record",
        &[
            ("sudo stockpoint trace record /dev/input/event0 --layout de >file", "a keyboard scanner"),
            ("sudo stockpoint trace record /dev/hidraw0 >file", "a HID-POS scanner"),
        ],
    ),
    ("trace replay", &[("stockpoint trace replay file --gap-ms 300", "with the scanner's gap_ms")]),
    (
        "outbox",
        &[
            ("stockpoint outbox list", "what is not delivered, and why"),
            ("stockpoint outbox show 12", "one document"),
            ("stockpoint outbox retry 12", "try it again at once"),
        ],
    ),
    (
        "outbox list",
        &[
            ("stockpoint outbox list", "what is not delivered"),
            ("stockpoint outbox list --all --json", "every document, for programs"),
        ],
    ),
    ("outbox show", &[("stockpoint outbox show 12", "document 12 with its lines and its trail")]),
    (
        "outbox retry",
        &[
            ("stockpoint outbox retry 12", "after its cause is corrected"),
            ("stockpoint outbox retry 12 --today", "if the account does not accept its date any more"),
        ],
    ),
    (
        "outbox correct",
        &[
            ("stockpoint outbox correct 12 1 --good 123457", "line 1 is another good"),
            ("stockpoint outbox correct 12 1 --quantity 5 --price 2.50", "another quantity and cost price"),
            ("stockpoint outbox correct 12 1 --drop", "take the line out"),
        ],
    ),
    (
        "outbox revoke",
        &[
            ("stockpoint outbox revoke 12", "book the opposite movement"),
            ("stockpoint outbox revoke 12 --delete", "delete it on the service"),
        ],
    ),
    ("outbox verify", &[("sudo stockpoint outbox verify --days 30", "the last 30 days")]),
    ("outbox export", &[("stockpoint outbox export >documents.jsonl", "for an accountant")]),
    (
        "goods",
        &[
            ("sudo stockpoint goods sync", "read the goods table now"),
            ("stockpoint goods find 4006381333931", "what would a scan of this code book?"),
        ],
    ),
    ("goods sync", &[("sudo stockpoint goods sync", "root can read the tokens")]),
    (
        "goods find",
        &[
            ("stockpoint goods find 4006381333931", "exit code 1 if a scan would book nothing"),
            ("stockpoint goods find 4006381333931 --json", "the same for programs"),
        ],
    ),
    (
        "goods create",
        &[
            ("sudo stockpoint goods create 4711", "ask everything"),
            (
                "sudo stockpoint goods create 4711 --title Comb --category 3 --sale-unit 1 --service-unit 1",
                "ask the rest",
            ),
        ],
    ),
    ("goods stats", &[("stockpoint goods stats", "how many goods, and how old the copy is")]),
    (
        "adopt",
        &[
            ("sudo stockpoint adopt --moved", "the old box is gone"),
            ("sudo stockpoint adopt --copy", "the card was copied for a second station"),
        ],
    ),
    ("backup", &[("stockpoint backup station.backup", "to a new file; the agent may run")]),
    (
        "restore",
        &[
            ("sudo stockpoint restore station.backup", "with the agent stopped"),
            ("stockpoint restore station.backup --print-config", "only print its configuration"),
        ],
    ),
    ("step-back", &[("stockpoint step-back", "what /usr/lib/stockpoint/step-back runs")]),
    ("scans", &[("stockpoint scans list --refused", "what booked nothing, and why")]),
    (
        "scans list",
        &[
            ("stockpoint scans list --count 20", "the last twenty"),
            ("stockpoint scans list --refused --json", "refused ones, for programs"),
        ],
    ),
    (
        "unknown",
        &[
            ("stockpoint unknown list", "codes that no good has"),
            ("stockpoint unknown assign 4711 123457", "4711 is good 123457; book its scans"),
        ],
    ),
    ("unknown list", &[("stockpoint unknown list --json", "for programs")]),
    (
        "unknown assign",
        &[
            ("stockpoint unknown assign 4711 123457", "show what it books, then ask"),
            ("stockpoint unknown assign 4711 123457 --factor 12 --yes", "a carton of twelve; do not ask"),
            ("sudo stockpoint unknown assign 4711 123457 --save", "write the barcode into the good as well"),
        ],
    ),
    ("unknown assigned", &[("stockpoint unknown assigned", "which codes were given to which goods")]),
    ("unknown unassign", &[("stockpoint unknown unassign 4711", "take the code back from its good")]),
    ("unknown export", &[("stockpoint unknown export >parked.jsonl", "for a program or a spreadsheet")]),
    (
        "sheet",
        &[
            ("stockpoint sheet --format pdf --output sheet.pdf", "A4, for the wall"),
            (
                "stockpoint sheet --format pdf --paper label-62x29 --symbology qr --output labels.pdf",
                "a label for each code",
            ),
            ("stockpoint sheet", "names and codes as text"),
        ],
    ),
];

/// Returns the examples of a command; `path` is the command without the program's name: `outbox list`.
pub(super) fn examples(path: &str) -> &'static [Example] {
    EXAMPLES.iter().find(|(command, _)| *command == path).map_or(&[], |(_, examples)| examples)
}
