//! The simulated service, here outside the board, on a thread of its own.

use std::sync::mpsc;
use std::thread;

use rust_decimal::Decimal;
use stockpoint::sandbox::Options;
use stockpoint::sandbox::Sandbox;

/// The service and its port.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) sandbox: Sandbox,
    pub(crate) port: u16,
}

impl Service {
    /// Starts one with the sample goods; it runs as long as the program.
    pub(crate) fn start() -> Self {
        let (tell, told) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (sandbox, server) = Sandbox::bind(Options::sample()).await.unwrap();
                tell.send(sandbox).unwrap();
                server.run(std::future::pending()).await;
            });
        });
        let sandbox = told.recv().unwrap();
        let address = sandbox.base_url();
        let port = address.split(['/', ':']).find_map(|part| part.parse().ok()).unwrap();
        Self { sandbox, port }
    }

    /// The units of all lines in its books.
    pub(crate) fn units(&self) -> Decimal {
        self.sandbox.books().live_lines().iter().map(|line| line.amount.abs()).sum()
    }
}
