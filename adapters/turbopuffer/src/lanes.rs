//! Group commit: while a project's request is under way, what comes next waits and goes together.
//!
//! The task that writes for a project lives as long as something waits and is awaited by all whose writes it holds.
//! It is a task of its own because a caller may go away in the middle of a request that others share.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use trace::id::Scope;
use trace::ports::StoreError;

use crate::fault::{is_refusal, shared};

/// What goes together at most: what one request may hold, and some more for what it needs besides.
const MAX_ROWS: usize = 5_000;
const MAX_BYTES: usize = 16 << 20;

/// Whether writes of a project go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// Writes that wait go in one request, each project's on a lane of its own.
    #[default]
    Lanes,
    /// Each write goes by itself, within its caller's call: for processes that freeze between calls.
    Off,
}

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) of_project: usize,
    pub(crate) of_all: usize,
}

/// Writes items of one project together.
pub(crate) trait Work: Send + Sync + 'static {
    type Item: Send + 'static;
    type Done: Send + 'static;

    /// Writes all items and returns what became of each, or fails for all.
    fn write(
        &self,
        scope: &Scope,
        items: &mut [Self::Item],
    ) -> impl Future<Output = Result<Vec<Self::Done>, StoreError>> + Send;
}

/// The lanes of all projects.
pub(crate) struct Lanes<W: Work> {
    work: W,
    grouping: Grouping,
    room: Room,
    state: Mutex<State<W>>,
}

struct State<W: Work> {
    /// A lane is here as long as its task runs.
    of: HashMap<Scope, Lane<W>>,
    bytes: usize,
}

struct Lane<W: Work> {
    waiting: VecDeque<Waiting<W>>,
    bytes: usize,
}

struct Waiting<W: Work> {
    item: W::Item,
    size: Size,
    done: oneshot::Sender<Result<W::Done, StoreError>>,
}

/// How large an item is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl<W: Work> Lanes<W> {
    pub(crate) fn new(work: W, grouping: Grouping, room: Room) -> Self {
        Self { work, grouping, room, state: Mutex::new(State { of: HashMap::new(), bytes: 0 }) }
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an item. Returns when it is durable.
    pub(crate) async fn write(
        self: &Arc<Self>,
        scope: &Scope,
        item: W::Item,
        size: Size,
    ) -> Result<W::Done, StoreError> {
        if self.grouping == Grouping::Off {
            let mut done = self.work.write(scope, &mut [item]).await?;
            return done.pop().ok_or_else(stopped);
        }
        let (sender, receiver) = oneshot::channel();
        if self.join(scope, Waiting { item, size, done: sender })? {
            let task = Task { lanes: Arc::clone(self), scope: *scope, open: true };
            tokio::spawn(async move { task.run().await });
        }
        receiver.await.map_err(|_| stopped())?
    }

    /// Puts an item on its lane. Returns whether the lane is new and needs a task.
    fn join(&self, scope: &Scope, waiting: Waiting<W>) -> Result<bool, StoreError> {
        let mut state = self.state();
        let bytes = waiting.size.bytes;
        let in_lane = state.of.get(scope).map_or(0, |lane| lane.bytes);
        // One alone is always taken, however large: it can never have more room than all of it.
        let fits = |used: usize, room: usize| used == 0 || used + bytes <= room;
        if !fits(in_lane, self.room.of_project) || !fits(state.bytes, self.room.of_all) {
            return Err(StoreError::Busy);
        }
        state.bytes += bytes;
        let is_new = !state.of.contains_key(scope);
        let lane = state.of.entry(*scope).or_insert_with(|| Lane { waiting: VecDeque::new(), bytes: 0 });
        lane.bytes += bytes;
        lane.waiting.push_back(waiting);
        Ok(is_new)
    }

    /// Takes what goes together next; closes the lane when nothing waits.
    fn next(&self, scope: &Scope) -> Option<Vec<Waiting<W>>> {
        let mut state = self.state();
        let lane = state.of.get_mut(scope)?;
        if lane.waiting.is_empty() {
            state.of.remove(scope);
            return None;
        }
        let (mut rows, mut bytes) = (0, 0);
        let mut group: Vec<Waiting<W>> = Vec::new();
        while let Some(first) = lane.waiting.front() {
            (rows, bytes) = (rows + first.size.rows, bytes + first.size.bytes);
            if !group.is_empty() && (rows > MAX_ROWS || bytes > MAX_BYTES) {
                break;
            }
            group.extend(lane.waiting.pop_front());
        }
        Some(group)
    }

    /// Gives back the room that a group took.
    fn leave(&self, scope: &Scope, bytes: usize) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(bytes);
        if let Some(lane) = state.of.get_mut(scope) {
            lane.bytes = lane.bytes.saturating_sub(bytes);
        }
    }
}

fn stopped() -> StoreError {
    StoreError::unavailable("the write was abandoned")
}

/// The task of one lane.
struct Task<W: Work> {
    lanes: Arc<Lanes<W>>,
    scope: Scope,
    /// The lane is still this task's.
    open: bool,
}

impl<W: Work> Task<W> {
    async fn run(mut self) {
        while let Some(group) = self.lanes.next(&self.scope) {
            let bytes = group.iter().map(|waiting| waiting.size.bytes).sum();
            self.write(group).await;
            self.lanes.leave(&self.scope, bytes);
        }
        self.open = false;
    }

    async fn write(&self, group: Vec<Waiting<W>>) {
        let mut items = Vec::with_capacity(group.len());
        let mut senders = Vec::with_capacity(group.len());
        for waiting in group {
            items.push(waiting.item);
            senders.push(waiting.done);
        }
        let results = self.results(&mut items).await;
        for (sender, result) in senders.into_iter().zip(results) {
            // A caller that went away does not want to know.
            let _ = sender.send(result);
        }
    }

    async fn results(&self, items: &mut [W::Item]) -> Vec<Result<W::Done, StoreError>> {
        let error = match self.lanes.work.write(&self.scope, items).await {
            Ok(done) => return done.into_iter().map(Ok).collect(),
            Err(error) => error,
        };
        if items.len() == 1 {
            return vec![Err(error)];
        }
        if !is_refusal(&error) {
            let error = Arc::new(error);
            return items.iter().map(|_| Err(shared(&error))).collect();
        }
        // One of them is refused for what it is; the others have nothing to do with that.
        let mut results = Vec::with_capacity(items.len());
        for item in items.chunks_mut(1) {
            let done = self.lanes.work.write(&self.scope, item).await;
            results.push(done.and_then(|mut done| done.pop().ok_or_else(stopped)));
        }
        results
    }
}

impl<W: Work> Drop for Task<W> {
    /// Closes a lane whose task ended early, so that the next write starts another.
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let mut state = self.lanes.state();
        if let Some(lane) = state.of.remove(&self.scope) {
            state.bytes = state.bytes.saturating_sub(lane.bytes);
        }
    }
}
