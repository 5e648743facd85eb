//! `stockpoint devices --watch`: the keyboards that type as fast as a scanner, found by their typing.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use crate::cli::devices::{LAYOUT, indented};
use crate::cli::{Error, read_error, say};
use crate::clock::SystemClock;
use crate::device::discover::inputs::{self, FoundInput};
use crate::device::discover::ports::Roots;
use crate::device::evdev::typing_monitor::{Observation, TypingMonitor};
use crate::domain::decode::typing::{Bursts, Pace};
use crate::setup::entry::ScannerEntry;

/// Watches all keyboards for a time, and reports how each was typed on.
pub(in crate::cli) fn watch(out: &mut impl Write, time: Duration) -> Result<(), Error> {
    let roots = Roots::default();
    let inputs = inputs::list_inputs(&roots).map_err(read_error(&roots.sys))?;
    if inputs.is_empty() {
        return say(out, "no keyboard is there to look at; plug the scanner in\n");
    }
    // The keyboards are opened before the person is asked to scan: some people scan at once.
    let monitor = TypingMonitor::open(inputs.iter().map(|input| input.node.clone()).collect());
    say(out, &format!("scan something with each scanner, within {} s\n", time.as_secs()))?;
    let seen = monitor.watch(time, &SystemClock::new(), |node, bursts| {
        say(out, &format!("{}: {}\n", node.display(), told_of(bursts)))
    })?;
    say(out, &text(&seen, &inputs))
}

/// Returns the observations of each keyboard, with the entries of those that type like scanners.
fn text(seen: &[Observation], inputs: &[FoundInput]) -> String {
    let mut text = "\n".to_owned();
    for Observation { node, told } in seen {
        let said = match told {
            Ok(Pace::Scanner(bursts)) => told_of(*bursts),
            Ok(Pace::Unended) => {
                "typed as fast as a scanner, but no Enter: set the scanner to end with it".to_owned()
            }
            Ok(Pace::Person) => "typed as people do; it is no scanner, or a slow one".to_owned(),
            Ok(Pace::Silent) => {
                "typed nothing, or another program, such as the agent, has it for itself".to_owned()
            }
            Err(why) => format!("{why}; {}", why.cure()),
        };
        let _written = writeln!(text, "{}: {said}", node.display());
        let found = inputs.iter().find(|input| input.node == *node);
        if let (Some(input), Ok(Pace::Scanner(_))) = (found, told) {
            text.push_str(&indented(&ScannerEntry::of_input(input, inputs, LAYOUT), ""));
        }
    }
    text
}

/// Describes the fast typing of one keyboard.
fn told_of(bursts: Bursts) -> String {
    let Bursts { count, keys, step_us } = bursts;
    // The step is rounded up, so that "no two more than" stays true.
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let step_ms = step_us.max(0).unsigned_abs().div_ceil(1000);
    format!("typed like a scanner, {times}: {keys} keys and Enter, no two more than {step_ms} ms apart")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::PortFault;
    use crate::device::discover::inputs::Abilities;
    use crate::device::discover::ports::UsbIdentity;

    fn input(name: &str) -> FoundInput {
        let identity = UsbIdentity {
            vendor: 0xffff,
            product: 1,
            serial: None,
            manufacturer: None,
            product_text: None,
            port: "1-1.3".to_owned(),
            interface: Some(format!("1-1.3:1.{}", name.len())),
        };
        FoundInput {
            name: name.to_owned(),
            node: format!("/dev/input/{name}").into(),
            title: None,
            identity,
            abilities: Abilities { types: true, lights: true, points: false },
            is_boot_keyboard: true,
            by_id: None,
        }
    }

    #[test]
    fn only_what_typed_like_a_scanner_has_an_entry() {
        let bursts = Bursts { count: 2, keys: 13, step_us: 1_001 };
        let told = [Ok(Pace::Scanner(bursts)), Ok(Pace::Person), Ok(Pace::Silent), Err(PortFault::Denied)];
        let inputs = ["event0", "event10", "event200", "event3000"].map(input);
        let seen: Vec<Observation> = inputs
            .iter()
            .zip(told)
            .map(|(input, told)| Observation { node: input.node.clone(), told })
            .collect();
        let text = text(&seen, &inputs);
        let first = "\n/dev/input/event0: typed like a scanner, 2 times: 13 keys and Enter, no two more than 2 ms \
                     apart\n\n  [[scanner]]\n  name = \"event0\"\n  kind = \"evdev\"\n  match = { vendor = 0xffff, \
                     product = 0x0001, port = \"1-1.3:1.6\" }\n  layout = \"us\"";
        assert!(text.starts_with(first), "{text}");
        assert_eq!(text.matches("[[scanner]]").count(), 1, "{text}");
        for said in [
            "event10: typed as people do",
            "event200: typed nothing",
            "event3000: the port may not be opened",
        ] {
            assert!(text.contains(said), "{text}");
        }
    }
}
