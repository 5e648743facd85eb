//! The thread that owns the files, and the handle that gives it work.

use std::io;
use std::thread::{Builder, JoinHandle};

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::Db;

/// The most jobs that wait for the store's thread. The senders are few and wait for their answers, so more than a
/// handful means that the disk has stalled; then they wait too, and the scanners' own queue fills.
pub const STORE_QUEUE_MAX: usize = 64;

type Job = Box<dyn FnOnce(&mut Db) + Send>;

enum Message {
    Job(Job),
    /// The end. Jobs that were queued before it are still run, later ones never are.
    End,
}

/// The store has ended, by an orderly stop or because of a bug in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the store has ended")]
pub struct StoreClosed;

/// A handle that gives work to the store's thread.
#[derive(Debug, Clone)]
pub struct Store {
    jobs: mpsc::Sender<Message>,
}

/// The thread. The owner of this value ends it; until then it serves every [`Store`].
#[derive(Debug)]
pub struct StoreThread {
    store: Store,
    thread: JoinHandle<()>,
    ended: oneshot::Receiver<()>,
}

impl Store {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's reason if it cannot start a thread.
    pub fn start(mut db: Db) -> io::Result<(Self, StoreThread)> {
        // Only the agent has threads that checkpoint the logs; a command uses a `Db` without this thread.
        db.start_checkpointers();
        let (jobs, mut queue) = mpsc::channel::<Message>(STORE_QUEUE_MAX);
        let (end, ended) = oneshot::channel();
        let thread = Builder::new().name("store".to_owned()).spawn(move || {
            while let Some(Message::Job(job)) = queue.blocking_recv() {
                job(&mut db);
                db.keep_logs_short();
            }
            db.close();
            // `StoreThread::end` may have stopped waiting; then nobody needs the answer.
            let _sent = end.send(());
        })?;
        let store = Self { jobs };
        Ok((store.clone(), StoreThread { store, thread, ended }))
    }

    /// Runs `job` on the store's thread and returns its result. The job is done even if the caller stops waiting for
    /// it.
    ///
    /// # Errors
    /// [`StoreClosed`] if the thread has ended; then the job was not done.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Db) -> T + Send + 'static,
    ) -> Result<T, StoreClosed> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            // The caller may have stopped waiting. The job is done all the same, so its result is dropped.
            let _sent = answer.send(job(db));
        });
        self.jobs.send(Message::Job(job)).await.map_err(|_closed| StoreClosed)?;
        answered.await.map_err(|_closed| StoreClosed)
    }
}

impl StoreThread {
    /// Lets the thread finish the jobs that it has, close the files, and end.
    pub async fn end(self) {
        // Handles may live on, so the queue does not close by itself: a message ends the thread.
        // An error means that the thread is already gone.
        let _sent = self.store.jobs.send(Message::End).await;
        // Awaited first: joining blocks, which the runtime's thread may do only once the files are closed.
        let _ended = self.ended.await;
        if self.thread.join().is_err() {
            tracing::error!("the store's thread has panicked");
        }
    }
}
