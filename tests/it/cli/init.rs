//! A station set up by the real program: as a person types it, from flags, from a file, from a boot partition, and by a
//! set-up code, against the simulated service over real HTTP.

use std::fs::{self, File};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::termios::LocalFlags;
use stockpoint::config::Config;
use stockpoint::sandbox::{Fault, Lasts, Options, Selector};
use tokio::time::{Instant, sleep};

use crate::api::openapi::assert_requests_follow_contract;
use crate::support::program::{Ended, PATIENCE, Program, Shed};
use crate::support::pty::Pty;
use crate::support::station::{LOOK_EVERY, Place};

const PARTNER: &str = "fr2ghk7ckd5tym5nwcbn";
const USER: &str = "8c4f4a1b07d9e6532a1f0c9b7e5d3a61";
const PASSWORD: &str = "correct horse";
/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1/api/v1";
/// All that has no default, beside the tokens.
const ANSWERS: [&str; 6] = ["--name", "dock-1", "--location-id", "4564", "--storage-id", "91271"];

fn options() -> Options {
    Options { partner_token: PARTNER.to_owned(), user_token: USER.to_owned(), ..Options::sample() }
}

/// `init` with both tokens in the environment and the configuration in `etc/`.
fn init(shed: &Shed, base_url: &str, args: &[&str]) -> Command {
    let begin = ["--config", "etc/config.toml", "init", "--base-url", base_url];
    let mut command = shed.bare_command(&[&begin, args].concat());
    command.env("STOCKPOINT_PARTNER_TOKEN", PARTNER).env("STOCKPOINT_USER_TOKEN", USER);
    command
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The station that was set up, whose files are as they should be.
pub(crate) fn assert_set_up(shed: &Shed) -> Config {
    let etc = shed.path("etc");
    for (file, token) in [("partner-token", PARTNER), ("user-token", USER)] {
        assert_eq!(fs::read_to_string(etc.join(file)).unwrap(), format!("{token}\n"));
        assert_eq!(mode(&etc.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&etc.join("config.toml")), 0o644);
    let text = fs::read_to_string(etc.join("config.toml")).unwrap();
    assert_silent(&text);
    Config::parse(&text, "config.toml").unwrap()
}

fn assert_silent(said: &str) {
    for secret in [PARTNER, USER, PASSWORD] {
        assert!(!said.contains(secret), "{secret} is said: {said}");
    }
}

async fn ended(shed: &Shed, command: Command) -> Ended {
    let ended = shed.start(command).ended().await;
    assert_silent(&ended.out);
    assert_silent(&ended.err);
    ended
}

/// A person at a terminal. What the program says goes to a file; the terminal has what it echoes.
struct Dialogue {
    pty: Pty,
    /// Without it, the terminal would hang up when the program ends.
    _terminal: File,
    program: Program,
    /// How much of what was said has been answered.
    answered: usize,
}

impl Dialogue {
    fn begin(shed: &Shed, mut command: Command) -> Self {
        let pty = Pty::new();
        let flags = OFlag::O_NOCTTY.bits();
        let terminal = File::options().read(true).write(true).custom_flags(flags).open(&pty.path).unwrap();
        command.stdin(terminal.try_clone().unwrap());
        Self { pty, _terminal: terminal, program: shed.start(command), answered: 0 }
    }

    /// Waits until this is asked, then types the answer.
    async fn answer(&mut self, asked: &str, answer: &str) -> &mut Self {
        self.until_asked(asked).await;
        self.pty.feed(format!("{answer}\n").as_bytes());
        self
    }

    async fn until_asked(&mut self, asked: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let said = self.program.said();
            let found = said[self.answered..].find(asked).filter(|_| said.ends_with(": "));
            if let Some(at) = found {
                self.answered += at + asked.len();
                return;
            }
            assert!(Instant::now() < end, "never asked {asked:?}: {said}{}", self.program.logged());
            sleep(LOOK_EVERY).await;
        }
    }

    /// How it ended, and what the terminal showed of what was typed.
    async fn ended(mut self) -> (Ended, String) {
        let ended = self.program.ended().await;
        let mut echo = Vec::new();
        while self.pty.is_heard_within(Duration::ZERO) {
            echo.extend(self.pty.heard(1));
        }
        let echo = String::from_utf8(echo).unwrap();
        for said in [&ended.out, &ended.err, &echo] {
            assert_silent(said);
        }
        assert!(self.pty.settings().local_flags.contains(LocalFlags::ECHO | LocalFlags::ISIG));
        (ended, echo)
    }
}

fn without_tokens(mut command: Command) -> Command {
    command.env_remove("STOCKPOINT_PARTNER_TOKEN").env_remove("STOCKPOINT_USER_TOKEN");
    command
}

#[tokio::test]
async fn a_person_is_asked_until_nothing_is_wrong_and_what_was_typed_unseen_is_shown_nowhere() {
    let (place, shed, scanner) = (Place::new(options()).await, Shed::new(), Pty::new());
    let scanner = scanner.path.to_str().unwrap();
    let command = init(&shed, &place.sandbox.base_url(), &["--scanner", scanner]);
    let mut person = Dialogue::begin(&shed, without_tokens(command));
    person.answer("partner token (not shown)", "two words").await;
    person.answer("it has a character that no token has", PARTNER).await;
    person.answer("login", "stock-station").await.answer("password (not shown)", "guess").await;
    person.answer("login or password is wrong", "stock-station").await;
    person.answer("password (not shown)", PASSWORD).await;
    person.answer("4564  Business Example", "").await;
    person.answer("91272  Consumables", "3").await;
    person.answer("that is none of those that the service lists; use 91271 (Products)", "2").await;
    person.answer("what scans do at first", "in").await;
    person.answer("\"in\" is not one of the words", "write-off").await;
    person.answer("name of this station", "Dock 1").await;
    person.answer("that is not a name; use 1 to 24 of a-z, 0-9 and -", "dock-1").await;
    person.answer("5512  Stock clerk", "5512").await;
    person.answer("write this to etc/config.toml", "perhaps").await.answer("type y or n", "").await;
    let (ended, echo) = person.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("time zone: America/New_York, as the service tells it"), "{}", ended.out);
    assert!(ended.out.contains("storages and rights fit the configuration"), "doctor was run: {}", ended.out);
    assert!(ended.out.contains("the service reads another configuration; start it with"), "{}", ended.out);
    assert!(
        echo.contains("stock-station") && !echo.contains("guess") && !echo.contains("two words"),
        "{echo}"
    );
    let config = assert_set_up(&shed);
    let station = &config.station;
    assert_eq!((station.name.as_str(), station.storage_id.0), ("dock-1", 91_272));
    assert_eq!((station.mode.as_str(), station.master_id.map(|id| id.0)), ("write-off", Some(5512)));
    assert_eq!(config.scanners[0].source.kind(), "serial");
    assert_requests_follow_contract(&place.sandbox);
}

#[tokio::test]
async fn a_second_factor_is_said_with_the_way_out_and_a_token_pasted_instead() {
    let mut options = options();
    options.quirks.two_factor = true;
    let (place, shed, scanner) = (Place::new(options).await, Shed::new(), Pty::new());
    let scanner = scanner.path.to_str().unwrap();
    let command = init(&shed, &place.sandbox.base_url(), &[&ANSWERS[..], &["--scanner", scanner]].concat());
    let mut person = Dialogue::begin(&shed, without_tokens(command));
    person.answer("partner token", PARTNER).await.answer("login", "stock-station").await;
    person.answer("password", PASSWORD).await;
    person.answer("make a user without one for the station", "").await;
    person.answer("user token (not shown)", USER).await;
    person.answer("what scans do at first", "").await.answer("staff member", "").await;
    person.answer("write this to", "y").await;
    let (ended, _echo) = person.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(assert_set_up(&shed).station.master_id, None);
}

#[tokio::test]
async fn who_ends_it_at_a_password_leaves_the_terminal_as_it_was_and_nothing_written() {
    let shed = Shed::new();
    let mut person = Dialogue::begin(&shed, without_tokens(init(&shed, NOBODY, &[])));
    person.until_asked("partner token").await;
    assert!(!person.pty.settings().local_flags.contains(LocalFlags::ECHO));
    person.answer("", "half a token\u{3}").await;
    let (ended, _echo) = person.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("nothing was written"), "{}", ended.err);
    assert_eq!(names(&shed.path("etc")), Vec::<String>::new());
}

#[tokio::test]
async fn without_a_network_ids_are_given_by_hand() {
    let shed = Shed::new();
    let mut person = Dialogue::begin(&shed, init(&shed, NOBODY, &["--scanner", "/dev/ttyUSB7"]));
    person.answer("id of the location", "Riga").await.answer("is text", "4564").await;
    person.answer("id of the storage", "0").await;
    person.answer("0 is out of range; use 1 to 9007199254740991", "91271").await;
    person.answer("what scans do", "lookup").await.answer("name of this station", "dock-1").await;
    person.answer("staff member", "").await.answer("time zone", "Riga").await;
    person.answer("that is not a time zone known here", "Europe/Riga").await;
    person.answer("write this to", "").await;
    let (ended, _echo) = person.ended().await;
    assert!(
        ended.out.contains("the service does not tell the location: cannot reach the service: "),
        "{}",
        ended.out
    );
    assert_eq!(ended.code, Some(1), "it is said that the service cannot be reached: {ended:?}");
    assert!(ended.out.contains("The station is set up; what is still wrong with it stands above."));
    let station = assert_set_up(&shed).station;
    assert_eq!(station.time_zone.unwrap().iana_name(), Some("Europe/Riga"));
    assert_eq!(station.mode.as_str(), "lookup");
}

#[tokio::test]
async fn a_list_that_the_service_does_not_tell_says_nothing_of_the_others() {
    for fault in [Fault::Forbidden, Fault::Refuse { status: 404, message: "Not found".to_owned() }] {
        let (place, shed, scanner) = (Place::new(options()).await, Shed::new(), Pty::new());
        place.sandbox.fail(Selector::path("GET", "/companies"), fault, Lasts::UntilRecovered);
        let base = place.sandbox.base_url();
        let given = |storage| {
            let answers = ["--name", "dock-1", "--location-id", "4564", "--storage-id", storage];
            [&answers[..], &["--yes", "--scanner", scanner.path.to_str().unwrap()]].concat()
        };
        let wrong = ended(&shed, init(&shed, &base, &given("999"))).await;
        assert_eq!(wrong.code, Some(2), "{wrong:?}");
        assert!(wrong.err.contains("use 91271 (Products)"), "{wrong:?}");
        assert_eq!(names(&shed.path("etc")), Vec::<String>::new());
        let right = ended(&shed, init(&shed, &base, &given("91271"))).await;
        assert!(right.out.contains("the service does not tell the location: "), "{right:?}");
        assert!(right.out.contains("not checked: location 4564\n"), "{right:?}");
        assert!(!right.out.contains("not checked: storage"), "{right:?}");
    }
}

#[tokio::test]
async fn who_does_not_agree_at_the_end_has_nothing_written() {
    let shed = Shed::new();
    let given = [&ANSWERS[..], &["--offline", "--scanner", "/dev/ttyUSB7"]].concat();
    let mut person = Dialogue::begin(&shed, init(&shed, NOBODY, &given));
    person.answer("what scans do", "").await.answer("staff member", "").await.answer("time zone", "").await;
    person.answer("write this to", "n").await;
    let (ended, _echo) = person.ended().await;
    assert_eq!((ended.code, ended.out.ends_with("nothing was written\n")), (Some(0), true), "{ended:?}");
    assert_eq!(names(&shed.path("etc")), Vec::<String>::new());
}

#[tokio::test]
async fn who_may_not_write_is_told_before_the_first_question() {
    let shed = Shed::new();
    shed.write("etc", "a file where the folder would be");
    let mut person = Dialogue::begin(&shed, init(&shed, NOBODY, &[]));
    person.pty.feed(b"\n");
    let (ended, _echo) = person.ended().await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.err.contains("not a directory"), "{}", ended.err);
}

#[tokio::test]
async fn every_answer_is_a_flag_and_nobody_is_asked() {
    let (place, shed, scanner) = (Place::new(options()).await, Shed::new(), Pty::new());
    let scanner = scanner.path.to_str().unwrap();
    for (file, secret) in [("partner", PARTNER), ("password", PASSWORD)] {
        shed.write(file, format!("{secret}\n"));
    }
    let more =
        ["--mode", "lookup", "--master-id", "5513", "--time-zone", "Europe/Riga", "--scanner", scanner];
    let tokens =
        ["--partner-token-file", "partner", "--login", "stock-station", "--password-file", "password"];
    let command = init(&shed, &place.sandbox.base_url(), &[&ANSWERS[..], &more, &tokens].concat());
    let ended = ended(&shed, without_tokens(command)).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let config = assert_set_up(&shed);
    let station = &config.station;
    assert_eq!((station.mode.as_str(), station.master_id.map(|id| id.0)), ("lookup", Some(5513)));
    assert_eq!(station.time_zone.as_ref().unwrap().iana_name(), Some("Europe/Riga"));
    assert_eq!(config.api.base_url, place.sandbox.base_url());
    assert_requests_follow_contract(&place.sandbox);
}

#[tokio::test]
async fn tokens_are_read_from_the_standard_input_line_by_line() {
    let shed = Shed::new();
    let tokens =
        ["--offline", "--partner-token-file", "-", "--user-token-file", "-", "--scanner", "/dev/ttyUSB7"];
    let mut command = without_tokens(init(&shed, NOBODY, &[&ANSWERS[..], &tokens].concat()));
    shed.write("stdin", format!("{PARTNER}\n{USER}\n"));
    command.stdin(File::open(shed.path("stdin")).unwrap());
    ended(&shed, command).await;
    assert_set_up(&shed);
}

#[tokio::test]
async fn what_was_not_given_is_named_by_its_flag_and_nothing_written() {
    let shed = Shed::new();
    for left_out in ["--name", "--location-id", "--storage-id"] {
        let at = ANSWERS.iter().position(|word| *word == left_out).unwrap();
        let given = [&["--offline"], &ANSWERS[..at], &ANSWERS[at + 2..]].concat();
        let ended = ended(&shed, init(&shed, NOBODY, &given)).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let told = format!(
            "stockpoint: {left_out} is required\nhint: pass it, or run the command on a terminal, where it asks\n"
        );
        assert_eq!(ended.err, told);
    }
    for (variable, flag) in
        [("STOCKPOINT_PARTNER_TOKEN", "--partner-token-file"), ("STOCKPOINT_USER_TOKEN", "--user-token-file")]
    {
        let mut command = init(&shed, NOBODY, &[&["--offline"], &ANSWERS[..]].concat());
        command.env_remove(variable);
        let ended = ended(&shed, command).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains(flag), "{}", ended.err);
    }
    assert_eq!(names(&shed.path("etc")), Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_answer_given_as_a_flag_is_refused_with_its_bounds() {
    let (place, shed) = (Place::new(options()).await, Shed::new());
    for (flag, wrong, told) in [
        ("--name", "Dock 1", "stockpoint: --name is not a name\nhint: use 1 to 24 of a-z, 0-9 and -\n"),
        (
            "--storage-id",
            "91273",
            "stockpoint: --storage-id is none of those that the service lists\nhint: use 91271 (Products), 91272 (Consumables)\n",
        ),
        (
            "--location-id",
            "0",
            "stockpoint: --location-id: 0 is out of range\nhint: use 1 to 9007199254740991\n",
        ),
        ("--mode", "in", "\"in\" is not one of the words"),
        ("--base-url", "http://example.com", "which only a loopback address may be"),
    ] {
        let mut given: Vec<&str> = ANSWERS.to_vec();
        match given.iter().position(|word| *word == flag) {
            Some(at) => given[at + 1] = wrong,
            None => given.extend([flag, wrong]),
        }
        let base_url = place.sandbox.base_url();
        let mut command = init(&shed, &base_url, &given);
        if flag == "--base-url" {
            command = shed.bare_command(&[&["--config", "etc/config.toml", "init"], &given[..]].concat());
        }
        let ended = ended(&shed, command).await;
        assert_eq!(ended.code, Some(2), "{flag}: {ended:?}");
        assert!(ended.err.contains(told), "{flag}: {}", ended.err);
    }
    assert_eq!(names(&shed.path("etc")), Vec::<String>::new());
}

#[tokio::test]
async fn a_station_that_is_set_up_is_not_set_up_anew_unless_told_and_then_keeps_the_old() {
    let shed = Shed::new();
    let given = [&ANSWERS[..], &["--offline", "--scanner", "/dev/ttyUSB7"]].concat();
    ended(&shed, init(&shed, NOBODY, &given)).await;
    let before = fs::read_to_string(shed.path("etc/config.toml")).unwrap();
    let again = [&given[..], &["--mode", "lookup"]].concat();
    let refused = ended(&shed, init(&shed, NOBODY, &again)).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("is set up already: its configuration is "), "{}", refused.err);
    assert_eq!(fs::read_to_string(shed.path("etc/config.toml")).unwrap(), before);
    ended(&shed, init(&shed, NOBODY, &[&again[..], &["--force"]].concat())).await;
    assert_eq!(assert_set_up(&shed).station.mode.as_str(), "lookup");
    assert_eq!(fs::read_to_string(shed.path("etc/config.toml.bak")).unwrap(), before);
}

/// A set-up file for a card: it names no file.
fn setup_file(shed: &Shed, base_url: &str, scanner: &Path) -> String {
    let config = shed.config(base_url, scanner);
    let folder = shed.dir.path().display().to_string();
    let lines: Vec<&str> = config.lines().filter(|line| !line.contains(&folder)).collect();
    let config = lines.join("\n");
    format!("{config}\n[setup]\npartner_token = \"{PARTNER}\"\nuser_token = \"{USER}\"\n")
}

#[tokio::test]
async fn a_station_set_up_from_its_boot_partition_runs_and_refuses_set_up_codes() {
    let (place, shed, mut scanner) = (Place::new(options()).await, Shed::new(), Pty::new());
    fs::create_dir(shed.path("boot")).unwrap();
    shed.write("boot/stockpoint.toml", setup_file(&shed, &place.sandbox.base_url(), &scanner.path));
    let boot = || shed.bare_command(&["--config", "etc/config.toml", "init", "--boot", "boot"]);
    let taken = ended(&shed, boot()).await;
    assert_eq!(taken.code, Some(0), "{taken:?}");
    assert_set_up(&shed);
    assert_eq!(names(&shed.path("boot")), ["stockpoint.toml.done"]);
    assert_silent(&fs::read_to_string(shed.path("boot/stockpoint.toml.done")).unwrap());
    let nothing = ended(&shed, boot()).await;
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(0), "no stockpoint.toml in boot\n"));

    // The administrator's own: where this test may write.
    let written = fs::read_to_string(shed.path("etc/config.toml")).unwrap();
    let data_dir = format!("[station]\ndata_dir = {:?}\n", shed.path("data"));
    shed.write("etc/config.toml", written.replacen("[station]\n", &data_dir, 1));
    let agent = shed.start(shed.bare_command(&["--config", "etc/config.toml", "run"]));
    agent.until_logged("scanner is ready").await;
    shed.write("config.toml", fs::read(shed.path("etc/config.toml")).unwrap());
    shed.until("a goods table", |status| status["goods"]["synced_at"].is_string()).await;
    scanner.feed(b"4006381333931\r");
    assert_eq!(scanner.answer().await, 'B');
    scanner.feed(b"$SP.SETUP1/DOCK-9/4564/127.0.0.1+1/A4DQOBYHA4DQOBYHA4DQOBYHA4///XXXXX\r");
    assert_eq!(scanner.answer().await, 'R', "it is refused, and neither looked up nor parked");
    assert_eq!(agent.stop().await.code, Some(0));
    let locked =
        ended(&shed, shed.bare_command(&["--config", "etc/config.toml", "init", "--scan", "-"])).await;
    assert_eq!(locked.code, Some(1));
    assert!(locked.err.contains("is set up already"), "{}", locked.err);
}

#[tokio::test]
async fn a_faulty_file_on_the_boot_partition_is_explained_beside_it() {
    let shed = Shed::new();
    fs::create_dir(shed.path("boot")).unwrap();
    let file = setup_file(&shed, NOBODY, Path::new("/dev/ttyUSB7")).replace("gap_ms = 500\n", "gap_ms = 5\n");
    shed.write("boot/stockpoint.toml", file);
    let refused =
        ended(&shed, shed.bare_command(&["--config", "etc/config.toml", "init", "--boot", "boot"])).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let told = fs::read_to_string(shed.path("boot/stockpoint.error.txt")).unwrap();
    assert!(told.contains("scanner[0].gap_ms: 5 is out of range; use 20 to 5000"), "{told}");
    assert_silent(&told);
    assert_eq!(names(&shed.path("etc")), Vec::<String>::new());
    assert_eq!(names(&shed.path("boot")), ["stockpoint.error.txt", "stockpoint.toml"]);
}

#[tokio::test]
async fn a_hostile_card_has_no_file_overwritten_and_no_program_installed() {
    let shed = Shed::new();
    fs::create_dir(shed.path("boot")).unwrap();
    let foreign = shed.write("foreign", "kept");
    let good = setup_file(&shed, NOBODY, Path::new("/dev/ttyUSB7"));
    for hostile in [
        format!("[api]\nuser_token_file = {foreign:?}\n"),
        format!("[feedback]\ncommand = [\"/bin/sh\", {foreign:?}]\n"),
    ] {
        let file = match hostile.strip_prefix("[api]\n") {
            Some(key) => good.replacen("[api]\n", &format!("[api]\n{key}"), 1),
            None => format!("{hostile}{good}"),
        };
        shed.write("boot/stockpoint.toml", file);
        let refused =
            ended(&shed, shed.bare_command(&["--config", "etc/config.toml", "init", "--boot", "boot"])).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.err.contains("is not accepted from a set-up code or a card"), "{}", refused.err);
        assert_eq!(fs::read_to_string(&foreign).unwrap(), "kept");
        assert_eq!(names(&shed.path("etc")), Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_a_card_has_written_is_shown_and_confirmed_on_a_terminal() {
    let shed = Shed::new();
    fs::create_dir(shed.path("boot")).unwrap();
    shed.write("boot/stockpoint.toml", setup_file(&shed, NOBODY, Path::new("/dev/ttyUSB7")));
    let boot = || shed.bare_command(&["--config", "etc/config.toml", "init", "--boot", "boot"]);
    let mut person = Dialogue::begin(&shed, boot());
    person.answer("write this to etc/config.toml", "n").await;
    let (declined, _echo) = person.ended().await;
    assert_eq!(declined.code, Some(0), "{declined:?}");
    assert!(declined.out.contains("  name = \"dock-1\"") && declined.out.ends_with("nothing was written\n"));
    assert_eq!(names(&shed.path("etc")), Vec::<String>::new());
    assert_eq!(names(&shed.path("boot")), ["stockpoint.toml"]);
    let mut person = Dialogue::begin(&shed, boot());
    person.answer("write this to etc/config.toml", "y").await;
    assert_eq!(person.ended().await.0.code, Some(0));
    assert_set_up(&shed);
}

#[tokio::test]
async fn the_example_of_a_set_up_file_is_one_once_the_tokens_are_put_in() {
    let shed = Shed::new();
    let example = include_str!("../../../src/setup/example.toml");
    shed.write("example.toml", example);
    let from = || shed.bare_command(&["--config", "etc/config.toml", "init", "--from", "example.toml"]);
    let untouched = ended(&shed, from()).await;
    assert_eq!(untouched.code, Some(2), "{untouched:?}");
    assert!(
        untouched.err.contains("setup.user_token: has a character that no token has"),
        "{}",
        untouched.err
    );
    let filled =
        example.replace("put the partner token here", PARTNER).replace("put the user token here", USER);
    shed.write(
        "example.toml",
        filled.replace("[setup]", &format!("[api]\nbase_url = \"{NOBODY}\"\n\n[setup]")),
    );
    ended(&shed, from()).await;
    assert_eq!(assert_set_up(&shed).station.name, "dock-1");
}

/// The machine that prints a code: the program, and the code as text.
pub(crate) async fn printing(shed: &Shed, more: &[&str]) -> (Program, String) {
    let given = [&ANSWERS[..], &["--offline", "--print-qr", "--mode", "write-off"], more].concat();
    let program = shed.start(init(shed, NOBODY, &given));
    program.until_said("$SP.SETUP1/").await;
    program
        .until_said(if more.contains(&"--sealed-file") { "destroy one" } else { "Keep this running" })
        .await;
    let said = program.said();
    let code = said.lines().find(|line| line.starts_with("$SP.SETUP1/")).unwrap().to_owned();
    assert_silent(&said);
    (program, code)
}

fn scanning(shed: &Shed, device: &str, more: &[&str]) -> Command {
    shed.bare_command(&[&["--config", "etc/config.toml", "init", "--scan", device], more].concat())
}

fn pasted(shed: &Shed, code: &str, more: &[&str]) -> Command {
    shed.write("code", format!("{code}\n"));
    let mut command = scanning(shed, "-", more);
    command.stdin(File::open(shed.path("code")).unwrap());
    command
}

#[tokio::test]
async fn a_scanned_code_sets_a_station_up_once_and_is_worth_nothing_afterwards() {
    let (office, dock, second) = (Shed::new(), Shed::new(), Shed::new());
    let (printer, code) = printing(&office, &["--address", "127.0.0.1"]).await;
    let mut scanner = Pty::new();
    let station = dock.start(scanning(&dock, scanner.path.to_str().unwrap(), &[]));
    station.until_said("listening to").await;
    station.until_logged("scanner is ready").await;
    scanner.feed(b"4006381333931\r");
    station.until_said("not a set-up code").await;
    scanner.feed(format!("{code}\r").as_bytes());
    let ended_dock = station.ended().await;
    assert_silent(&ended_dock.out);
    assert_silent(&ended_dock.err);
    assert!(ended_dock.out.contains("a set-up code for dock-1, location 4564"), "{ended_dock:?}");
    assert!(ended_dock.out.contains("  name = \"dock-1\""), "what is written is shown: {}", ended_dock.out);
    let config = assert_set_up(&dock);
    assert_eq!((config.station.name.as_str(), config.station.mode.as_str()), ("dock-1", "write-off"));
    let text = fs::read_to_string(dock.path("etc/config.toml")).unwrap();
    assert!(
        text.contains(&format!("path = \"{}\"", scanner.path.display())),
        "what read the code is the scanner: {text}"
    );
    let handed = printer.ended().await;
    assert_eq!(handed.code, Some(0), "{handed:?}");
    assert!(
        handed.out.contains("handed over to 127.0.0.1. The code is worth nothing any more."),
        "{}",
        handed.out
    );
    let late = ended(&second, pasted(&second, &code, &[])).await;
    assert_eq!(late.code, Some(1), "{late:?}");
    assert!(late.err.contains("stockpoint: the code is used up, or its time is over"), "{}", late.err);
    assert_eq!(names(&second.path("etc")), Vec::<String>::new());
    assert_eq!(names(&office.path("etc")), Vec::<String>::new(), "the machine that printed it is no station");
}

#[tokio::test]
async fn a_sealed_file_is_opened_by_its_code_and_by_no_other() {
    let (office, dock) = (Shed::new(), Shed::new());
    let (first, code) = printing(&office, &["--sealed-file", "first"]).await;
    let (second, _other) = printing(&office, &["--sealed-file", "second"]).await;
    assert_eq!((first.ended().await.code, second.ended().await.code), (Some(0), Some(0)));
    for file in ["first", "second"] {
        let sealed = fs::read(office.path(file)).unwrap();
        assert_silent(&String::from_utf8_lossy(&sealed));
        assert_eq!(mode(&office.path(file)), 0o600);
        fs::copy(office.path(file), dock.path(file)).unwrap();
    }
    let refused = ended(&dock, pasted(&dock, &code, &["--sealed-file", "second"])).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.err.contains("the sealed set-up is damaged, or belongs to another code"),
        "{}",
        refused.err
    );
    assert_eq!(names(&dock.path("etc")), Vec::<String>::new());
    ended(&dock, pasted(&dock, &code, &["--sealed-file", "first"])).await;
    assert_eq!(assert_set_up(&dock).station.storage_id.0, 91_271);
}

#[tokio::test]
async fn the_printed_code_is_read_back_by_another_program() {
    if !crate::cli::sheet::have(&["zbarimg", "rsvg-convert"]) {
        return;
    }
    let office = Shed::new();
    office.write("wifi", "a long passphrase, with / and \\\n");
    let wifi = ["--wifi", "Склад 2", "--wifi-passphrase-file", "wifi"];
    let more = ["--address", "127.0.0.1", "--output", "code.svg"];
    let (_printer, code) = printing(&office, &[&more[..], &wifi].concat()).await;
    crate::cli::sheet::tool(office.dir.path(), "rsvg-convert", &["--output=code.png", "code.svg"]);
    let read =
        crate::cli::sheet::tool(office.dir.path(), "zbarimg", &["--quiet", "--nodbus", "--raw", "code.png"]);
    assert_eq!(read.trim_end(), code);
    assert_eq!(mode(&office.path("code.svg")), 0o600);
}
