//! The dashboard and the alert rules that come with the program: they know no figure that the program does not tell.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use stockpoint::config::Listen;
use stockpoint::sandbox::Options;
use yaml_rust2::YamlLoader;

use crate::support::program::visit_at;
use crate::support::station::{Place, Station};

const SHAMPOO: &str = "4006381333931";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/monitoring").join(name)
}

/// The figures of a station that has scanned.
async fn figures() -> String {
    let place = Place::new(Options::sample()).await;
    let mut config = place.config();
    config.web.listen = Some(Listen::Tcp("127.0.0.1:0".parse().unwrap()));
    let mut station = Station::start(config, None).unwrap();
    station.until_goods_are_read().await;
    station.scan(SHAMPOO).await.unwrap();
    let answer = visit_at(&station.handle.page().unwrap().to_string(), "/metrics", None).await;
    station.stop().await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// The names of figures in a text, as they stand there.
fn named(text: &str) -> BTreeSet<String> {
    let after = text.match_indices("stockpoint_").map(|(at, _)| &text[at..]);
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    after.map(|rest| rest.split(|c| !is_part(c)).next().unwrap().to_owned()).collect()
}

/// Runs `promtool check WHAT` with this input; `None`, said, where it is not installed.
fn promtool(args: &[&str], input: &str) -> Option<(bool, String)> {
    let child = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: promtool is not installed");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8(said).unwrap()))
}

#[tokio::test]
async fn every_figure_that_a_rule_or_a_panel_asks_for_is_told() {
    let told = named(&figures().await);
    for name in ["stockpoint-alerts.yml", "grafana-dashboard.json"] {
        let asked = named(&fs::read_to_string(file(name)).unwrap());
        assert!(asked.len() > 10, "{name}: {asked:?}");
        // A figure of a scanner that has not scanned since the start is told once it has.
        let missing: Vec<_> = asked.difference(&told).collect();
        assert!(missing.is_empty(), "{name} asks for {missing:?}");
    }
}

#[tokio::test]
async fn every_figure_is_documented_and_none_besides() {
    let page = stockpoint::guide::page("operating").unwrap().text;
    let section = page.split("## Metrics").nth(1).unwrap().split("## ").next().unwrap();
    let documented = named(section);
    let text = figures().await;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let mut told: BTreeSet<String> = types.map(str::to_owned).collect();
    // It is told once that scanner has scanned; here the test is the scanner.
    told.insert("stockpoint_scanner_last_scan_age_seconds".to_owned());
    assert_eq!(told, documented);
}

#[tokio::test]
async fn prometheus_itself_finds_nothing_to_improve_in_the_figures() {
    let Some((is_good, said)) = promtool(&["check", "metrics"], &figures().await) else { return };
    assert!(is_good && said.is_empty(), "{said}");
}

#[test]
fn the_alert_rules_are_rules_and_each_says_what_to_do() {
    let path = file("stockpoint-alerts.yml");
    let yaml = YamlLoader::load_from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let rules = yaml[0]["groups"][0]["rules"].as_vec().unwrap();
    for rule in rules {
        let has = |section: &str, key: &str| rule[section][key].as_str().is_some_and(|text| !text.is_empty());
        assert!(has("annotations", "summary") && has("annotations", "description"), "{rule:?}");
        assert!(matches!(rule["labels"]["severity"].as_str(), Some("person" | "look")), "{rule:?}");
    }
    let Some((is_good, said)) = promtool(&["check", "rules", path.to_str().unwrap()], "") else { return };
    assert!(is_good && said.contains(&format!("{} rules found", rules.len())), "{said}");
}

#[test]
fn the_dashboard_is_json_and_its_panels_do_not_overlap() {
    let text = fs::read_to_string(file("grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{panel}");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{panel}");
        for column in x..x + w {
            for row in y..y + h {
                assert!(taken.insert((column, row)), "{} lies on another", panel["title"]);
            }
        }
    }
}
