//! The keys of `[feedback]`, and the protocols of serial scanners.

use super::*;

pub(super) fn no_feedback() -> Feedback {
    Feedback {
        person_repeat: Some(seconds(30)),
        gpio: None,
        keyboard_led: None,
        sound: None,
        command: Vec::new(),
    }
}

#[test]
fn every_output_may_be_used_at_once() {
    let lines = "[feedback]\nperson_repeat_s = 0\ngpio_chip = \"/dev/gpiochip4\"\ngpio_buzzer = 18\ngpio_red = 25\n\
                 gpio_active_low = true\nkeyboard_led = \"/dev/input/event0\"\nsound = \"plughw:1,0\"\n\
                 command = [\"/usr/local/bin/signal\", \"--dock\"]\n";
    let gpio = Gpio {
        chip: "/dev/gpiochip4".into(),
        buzzer: Some(18),
        green: None,
        yellow: None,
        red: Some(25),
        active_low: true,
    };
    let wanted = Feedback {
        person_repeat: None,
        gpio: Some(gpio),
        keyboard_led: Some("/dev/input/event0".into()),
        sound: Some("plughw:1,0".to_owned()),
        command: vec!["/usr/local/bin/signal".to_owned(), "--dock".to_owned()],
    };
    assert_eq!(with(lines).unwrap().feedback, wanted);
}

#[test]
fn one_line_is_enough_for_the_usual_chip() {
    let gpio = with("[feedback]\ngpio_buzzer = 0\n").unwrap().feedback.gpio.unwrap();
    assert_eq!((gpio.chip, gpio.buzzer, gpio.active_low), ("/dev/gpiochip0".into(), Some(0), false));
}

#[test]
fn an_alarm_is_repeated_every_five_seconds_to_an_hour_or_never() {
    for (written, repeat) in [(0, None), (5, Some(5)), (3600, Some(3600))] {
        let config = with(&format!("[feedback]\nperson_repeat_s = {written}")).unwrap();
        assert_eq!(config.feedback.person_repeat, repeat.map(Duration::from_secs));
    }
    check_fault(
        "[feedback]\nperson_repeat_s = 4",
        "config.toml:6: feedback.person_repeat_s: 4 is out of range; use 0, or 5 to 3600",
    );
}

#[test]
fn no_two_lights_share_a_line_and_a_chip_has_one() {
    check_fault(
        "[feedback]\ngpio_buzzer = 18\ngpio_red = 18",
        "config.toml:7: feedback.gpio_red: is the line of another light or of the buzzer; give each a line of its own",
    );
    for line in ["gpio_chip = \"/dev/gpiochip0\"", "gpio_active_low = true"] {
        let fault = format!(
            "config.toml:6: feedback.{}: has no effect without a line; \
             add gpio_buzzer, gpio_green, gpio_yellow or gpio_red, or remove it",
            line.split(' ').next().unwrap()
        );
        check_fault(&format!("[feedback]\n{line}"), &fault);
    }
}

#[test]
fn a_command_is_a_list_that_begins_with_a_whole_path() {
    assert!(with("[feedback]\ncommand = []").unwrap().feedback.command.is_empty());
    let words =
        |count: usize| format!("[feedback]\ncommand = [\"/bin/true\"{}]", ", \"a\"".repeat(count - 1));
    assert_eq!(with(&words(16)).unwrap().feedback.command.len(), 16);
    let wrong = [
        (words(17), "is too long; use 16 words at most, or a script"),
        (
            "[feedback]\ncommand = [\"signal\"]".to_owned(),
            "does not begin with a full path; begin it with the program's path, as in \"/usr/local/bin/signal\"",
        ),
        (
            "[feedback]\ncommand = \"/bin/true\"".to_owned(),
            "is text; write a list, [\"/usr/local/bin/signal\"]",
        ),
        ("[feedback]\ncommand = [1]".to_owned(), "is a whole number; write text in double quotes"),
    ];
    for (lines, fault) in wrong {
        check_fault(&lines, &format!("config.toml:6: feedback.command: {fault}"));
    }
}

#[test]
fn a_card_has_a_name_that_is_no_option() {
    assert_eq!(with("[feedback]\nsound = \"\"").unwrap().feedback.sound, None);
    check_fault(
        "[feedback]\nsound = \"-h\"",
        "config.toml:6: feedback.sound: begins with -, like an option; \
         write a name that `aplay -L` lists, such as \"default\", or \"\" for off",
    );
}

#[test]
fn each_protocol_is_read_for_a_serial_scanner_and_for_no_other() {
    for (word, protocol) in Protocol::WORDS {
        let config = with(&format!("{SCANNER}protocol = \"{word}\"")).unwrap();
        let Source::Serial { serial, .. } = &config.scanners[0].source else { panic!("a serial scanner") };
        assert_eq!(serial.protocol, protocol);
    }
    check_fault(
        &format!("{SCANNER}protocol = \"zebra\""),
        "config.toml:9: scanner[0].protocol: \"zebra\" is not one of the words known here; \
         use \"none\" or \"honeywell\" or \"datalogic\" or \"datalogic-cordless\" or \"zebra-ssi\"",
    );
    check_fault(
        &format!("{}path = \"/dev/a\"\nprotocol = \"honeywell\"", scanner("evdev")),
        "config.toml:9: scanner[0].protocol: does not apply to this kind of scanner; remove it",
    );
}

#[test]
fn packets_need_all_eight_bits_and_every_byte() {
    let lines = |line: &str| format!("{SCANNER}protocol = \"zebra-ssi\"\n{line}");
    assert!(with(&lines("flow_control = \"hardware\"")).is_ok());
    check_fault(
        &lines("data_bits = 7"),
        "config.toml:10: scanner[0].data_bits: truncates the packets of zebra-ssi; use 8",
    );
    check_fault(
        &lines("flow_control = \"software\""),
        "config.toml:10: scanner[0].flow_control: removes bytes from the packets of zebra-ssi; use \"hardware\" or \"none\"",
    );
}
