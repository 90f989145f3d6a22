//! The one writer: a task that commits everything waiting in one transaction, then tells every waiter.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Notify, mpsc, oneshot};
use trace::ports::{StoreError, Written, chain};

use crate::batch::Prepared;
use crate::open::{Options, connect_writer};
use crate::session::Session;
use crate::sql::unavailable;

/// At most so many bytes in one transaction, so that no waiter waits long for its neighbours.
const GROUP_BYTES: usize = 4 << 20;

/// How long to wait between tries to open the file again.
const REOPEN: Duration = Duration::from_secs(1);

/// At most so many rows in one transaction.
const GROUP_ROWS: usize = 2_000;

/// How long batches are gathered that nobody waits for. A transaction costs about the same for one as for ten, and takes
/// the processor from the calls they are of.
const GATHER: Duration = Duration::from_millis(10);

/// Something to be done inside the next transaction. It may be run again after a rollback.
pub(crate) type Act<T> =
    Box<dyn for<'s> FnMut(&'s mut Session) -> BoxFuture<'s, Result<T, StoreError>> + Send>;

/// The way to the writer. Cheap to share; the writer ends when the last one is gone or it is told to stop.
#[derive(Debug)]
pub(crate) struct Writer {
    sender: mpsc::Sender<Item>,
    waiting: Arc<AtomicUsize>,
    limit: usize,
    /// Cuts the gathering short.
    hurry: Arc<Notify>,
}

enum Item {
    Write(Box<WriteItem>),
    Act(Box<dyn Action>),
    Stop(oneshot::Sender<()>),
}

/// A batch that waits to be written, and then what became of it.
pub(crate) struct WriteItem {
    pub(crate) prepared: Prepared,
    pub(crate) written: Option<Written>,
    reply: oneshot::Sender<Result<Written, StoreError>>,
    _permit: Permit,
}

/// Counts the bytes of a waiting item, for as long as it waits.
struct Permit {
    bytes: usize,
    waiting: Arc<AtomicUsize>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

trait Action: Send {
    fn run<'s>(&'s mut self, session: &'s mut Session) -> BoxFuture<'s, Result<(), StoreError>>;
    fn settle(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Acting<T> {
    act: Act<T>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    _permit: Permit,
}

impl<T: Send> Action for Acting<T> {
    fn run<'s>(&'s mut self, session: &'s mut Session) -> BoxFuture<'s, Result<(), StoreError>> {
        Box::pin(async move {
            self.result = Some((self.act)(session).await?);
            Ok(())
        })
    }

    fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        // A waiter that went away no longer wants to know.
        let _ = reply.send(outcome.and_then(|()| result.ok_or_else(stopped)));
    }
}

fn stopped() -> StoreError {
    StoreError::unavailable("the writer has stopped")
}

impl Writer {
    /// Starts the writer on `connection`.
    pub(crate) fn start(session: Session, path: PathBuf, options: &Options) -> Self {
        let (sender, receiver) = mpsc::channel(options.queue_length.max(1));
        // Ends when it is told to, or with the last way to it.
        let hurry = Arc::new(Notify::new());
        let reopen = Reopen { path, options: options.clone() };
        tokio::spawn(keep(session, reopen, receiver, Arc::clone(&hurry)));
        Self { sender, waiting: Arc::default(), limit: options.queue_bytes, hurry }
    }

    /// Writes a batch and returns when it is durable.
    pub(crate) async fn write(&self, prepared: Prepared) -> Result<Written, StoreError> {
        let (reply, outcome) = oneshot::channel();
        let permit = self.permit(prepared.memory)?;
        let can_wait = prepared.batch.can_wait;
        let item = WriteItem { prepared, written: None, reply, _permit: permit };
        self.send(Item::Write(Box::new(item)))?;
        if !can_wait {
            self.hurry.notify_one();
        }
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Runs `act` inside a transaction and returns when its effect is durable.
    pub(crate) async fn act<T: Send + 'static>(&self, act: Act<T>) -> Result<T, StoreError> {
        let (reply, outcome) = oneshot::channel();
        let permit = self.permit(0)?;
        self.send(Item::Act(Box::new(Acting { act, result: None, reply, _permit: permit })))?;
        self.hurry.notify_one();
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Commits what is waiting, then stops. Later calls are refused.
    pub(crate) async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.sender.send(Item::Stop(reply)).await.is_ok() {
            self.hurry.notify_one();
            let _ = stopped.await;
        }
    }

    fn permit(&self, bytes: usize) -> Result<Permit, StoreError> {
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let permit = Permit { bytes, waiting: Arc::clone(&self.waiting) };
        // A batch larger than the whole limit is taken when nothing else waits.
        if before > 0 && before + bytes > self.limit { Err(StoreError::Busy) } else { Ok(permit) }
    }

    fn send(&self, item: Item) -> Result<(), StoreError> {
        self.sender.try_send(item).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })
    }
}

/// How to get a new connection.
struct Reopen {
    path: PathBuf,
    options: Options,
}

/// What goes into one transaction.
#[derive(Default)]
struct Group {
    writes: Vec<WriteItem>,
    acts: Vec<Box<dyn Action>>,
    bytes: usize,
    rows: usize,
    stop: Option<oneshot::Sender<()>>,
}

impl Group {
    fn take(&mut self, item: Item) {
        match item {
            Item::Write(write) => {
                self.bytes += write.prepared.bytes;
                self.rows += write.prepared.rows();
                self.writes.push(*write);
            }
            Item::Act(act) => {
                self.rows += 1;
                self.acts.push(act);
            }
            Item::Stop(reply) => self.stop = Some(reply),
        }
    }

    /// Takes what is there already.
    fn take_waiting(&mut self, receiver: &mut mpsc::Receiver<Item>) {
        while !self.is_full()
            && let Ok(item) = receiver.try_recv()
        {
            self.take(item);
        }
    }

    fn can_wait(&self) -> bool {
        self.acts.is_empty()
            && !self.is_full()
            && self.writes.iter().all(|write| write.prepared.batch.can_wait)
    }

    fn is_full(&self) -> bool {
        self.stop.is_some() || self.bytes >= GROUP_BYTES || self.rows >= GROUP_ROWS
    }

    fn settle(self, outcome: Result<(), StoreError>) {
        let mut outcome = Some(outcome);
        // Only a group of one is ever settled with an error.
        let mut next = || outcome.take().unwrap_or(Ok(()));
        for write in self.writes {
            let result = next().and_then(|()| write.written.ok_or_else(stopped));
            let _ = write.reply.send(result);
        }
        for act in self.acts {
            act.settle(next());
        }
    }

    fn len(&self) -> usize {
        self.writes.len() + self.acts.len()
    }

    /// Returns each item as a group of its own.
    fn split(self) -> impl Iterator<Item = Self> {
        let writes = self.writes.into_iter().map(|write| Self { writes: vec![write], ..Self::default() });
        writes.chain(self.acts.into_iter().map(|act| Self { acts: vec![act], ..Self::default() }))
    }
}

/// Runs the writer to its end. After a panic it goes on with a new connection: whoever waited is told, and what was
/// not committed is undone.
async fn keep(mut session: Session, reopen: Reopen, mut receiver: mpsc::Receiver<Item>, hurry: Arc<Notify>) {
    loop {
        let run = AssertUnwindSafe(run(&mut session, &reopen, &mut receiver, &hurry));
        let Ok(stop) = run.catch_unwind().await else {
            tracing::error!("the writer panicked and is started anew");
            session.forget();
            session = renewed(session, &reopen).await;
            continue;
        };
        receiver.close();
        session.close().await;
        if let Some(reply) = stop {
            let _ = reply.send(());
        }
        return;
    }
}

/// Returns a session on a new connection that gives no number twice.
async fn renewed(session: Session, reopen: &Reopen) -> Session {
    let (recent, next) = (session.recent.clone(), session.numbers());
    // With its connection goes the transaction it left open.
    drop(session);
    loop {
        match connect_writer(&reopen.path, &reopen.options).await {
            Ok(connection) => {
                let mut session = Session::new(connection, next);
                session.recent = recent;
                return session;
            }
            Err(error) => {
                tracing::error!(
                    error = %chain(&error),
                    "the database cannot be opened again yet"
                );
                tokio::time::sleep(REOPEN).await;
            }
        }
    }
}

/// Writes until it is told to stop, and then returns whom to tell, or until nobody is left to tell it.
async fn run(
    session: &mut Session,
    reopen: &Reopen,
    receiver: &mut mpsc::Receiver<Item>,
    hurry: &Notify,
) -> Option<oneshot::Sender<()>> {
    if let Err(error) = session.recall().await {
        tracing::warn!(error = %chain(&error), "parts stored before are not recalled; some may be stored again");
    }
    while let Some(first) = receiver.recv().await {
        let mut group = Group::default();
        group.take(first);
        // Who hurried until now is taken along.
        let _ = hurry.notified().now_or_never();
        group.take_waiting(receiver);
        if group.can_wait() {
            let _ = tokio::time::timeout(GATHER, hurry.notified()).await;
            group.take_waiting(receiver);
        }
        let stop = group.stop.take();
        settle(session, group, reopen).await;
        if stop.is_some() {
            return stop;
        }
    }
    None
}

/// Commits a group. When that fails, each item gets a transaction of its own, so that one bad batch or a lack of
/// space for a large one does not fail its neighbours.
async fn settle(session: &mut Session, mut group: Group, reopen: &Reopen) {
    match commit(session, &mut group, reopen).await {
        Err(_) if group.len() > 1 => {
            for mut single in group.split() {
                let outcome = commit(session, &mut single, reopen).await;
                single.settle(outcome);
            }
        }
        outcome => group.settle(outcome),
    }
}

async fn commit(session: &mut Session, group: &mut Group, reopen: &Reopen) -> Result<(), StoreError> {
    let outcome = transact(session, group).await;
    if outcome.is_err() {
        session.forget();
        if sqlx::query("ROLLBACK").execute(&mut session.connection).await.is_err() {
            // A full disk makes SQLite roll back by itself. Anything worse needs a new connection.
            let alive = session.connection.ping().await.is_ok();
            if !alive && let Ok(connection) = connect_writer(&reopen.path, &reopen.options).await {
                session.connection = connection;
            }
        }
    }
    outcome
}

async fn transact(session: &mut Session, group: &mut Group) -> Result<(), StoreError> {
    execute(&mut session.connection, "BEGIN IMMEDIATE").await?;
    if !group.writes.is_empty() {
        session.write(&mut group.writes).await?;
    }
    for act in &mut group.acts {
        act.run(session).await?;
    }
    execute(&mut session.connection, "COMMIT").await?;
    session.keep();
    Ok(())
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), StoreError> {
    sqlx::query(sql).execute(connection).await.map(drop).map_err(unavailable)
}
