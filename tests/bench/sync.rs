//! The first reading of the goods table, beside fetching and parsing the same pages and keeping nothing.

use std::sync::mpsc::sync_channel;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use stockpoint::config::Config;
use stockpoint::feedback::What;
use stockpoint::sandbox::{GoodRow, Options, Sandbox};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::Extent;
use crate::station::{Station, barcode, config_text, good_id, on_disk, price, runtime, title};
use crate::table::{Aim, Table, percentile};

/// How often the service's log is looked at for the second page.
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(crate) fn measure(extent: &Extent, table: &mut Table) {
    let service = Service::start(extent.goods);
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..extent.readings {
        bare.push(runtime().block_on(read_bare(&service.sandbox.base_url(), extent.goods)));
        ours.push(runtime().block_on(read(&service.sandbox)));
    }
    service.end();
    table.compare(
        format!("first reading of {} goods", extent.goods),
        percentile(&mut ours, 50),
        ("fetched and parsed, not kept", percentile(&mut bare, 50)),
        Aim::Ratio(150),
    );
}

/// The simulated service, on a thread of its own.
struct Service {
    sandbox: Sandbox,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Service {
    fn start(goods: usize) -> Self {
        let row = |number| {
            let mut row = GoodRow::new(good_id(number), &title(number), &barcode(number));
            row.actual_cost = price(number);
            row.cost = price(number);
            row
        };
        let options = Options { goods: (0..goods).map(row).collect(), ..Options::sample() };
        let (tell, told) = sync_channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            runtime().block_on(async {
                let (sandbox, server) = Sandbox::bind(options).await.unwrap();
                tell.send(sandbox).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        };
        let thread = Builder::new().name("service".to_owned()).spawn(serve).unwrap();
        Self { sandbox: told.recv().unwrap(), stop, thread }
    }

    fn end(self) {
        drop(self.stop);
        self.thread.join().unwrap();
    }
}

/// The agent reads; from its second request for goods until they are found. The first second after a start has
/// leave for one request, and waiting is not what is measured.
async fn read(sandbox: &Sandbox) -> Duration {
    let dir = on_disk();
    sandbox.forget_requests();
    let mut config = Config::parse(&config_text(dir.path(), &sandbox.base_url()), "bench.toml").unwrap();
    // What is measured is the station, not how long it may not ask.
    config.api.requests_per_second_max = 100_000;
    config.api.requests_per_minute_max = 600_000;
    let mut station = Station::start(config);
    let begun = second_page(sandbox).await;
    loop {
        match station.news.recv().await {
            Err(RecvError::Lagged(_)) => {}
            news => {
                if matches!(news.unwrap().what, What::Progress(text) if text.contains("table read:")) {
                    break;
                }
            }
        }
    }
    let took = begun.elapsed();
    station.stop().await;
    took
}

async fn second_page(sandbox: &Sandbox) -> Instant {
    let pages = || sandbox.requests().iter().filter(|request| request.path.starts_with("/goods/")).count();
    while pages() < 2 {
        sleep(LOOK_EVERY).await;
    }
    Instant::now()
}

/// A page, as whoever trusts the service would write it down.
#[derive(Deserialize)]
struct Page {
    data: Vec<Row>,
}

#[expect(dead_code, reason = "read to be dropped: that is what is measured")]
#[derive(Deserialize)]
struct Row {
    good_id: i64,
    title: String,
    barcode: String,
    unit_short_title: String,
    actual_cost: Box<RawValue>,
}

/// Fetches page after page and parses each; timed from the second on, as ours.
#[expect(clippy::disallowed_methods, reason = "the reference has no part of the station's client")]
async fn read_bare(base_url: &str, goods: usize) -> Duration {
    let client = reqwest::Client::builder().http1_only().no_proxy().build().unwrap();
    let mut begun = Instant::now();
    let mut rows = 0;
    for page in 1.. {
        if page == 2 {
            begun = Instant::now();
        }
        let answer = client
            .get(format!("{base_url}/goods/4564?page={page}&count=1000"))
            .header("Accept", "application/vnd.api.v2+json")
            .header("Authorization", "Bearer sandbox-partner-token, User sandbox-user-token")
            .send();
        let body = answer.await.unwrap().bytes().await.unwrap();
        let parsed: Page = serde_json::from_slice(&body).unwrap();
        if parsed.data.is_empty() {
            break;
        }
        rows += parsed.data.len();
    }
    assert_eq!(rows, goods);
    begun.elapsed()
}
