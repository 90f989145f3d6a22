//! All namespaces, and what their requests share.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::counters::{Counters, Tally};
use crate::error::{Failure, Outcome};
use crate::faults::Faults;
use crate::lane::Lane;
use crate::namespace::Namespace;
use crate::request::{Consistency, Level};
use crate::settings::Settings;

/// The emulated service.
pub(crate) struct Service {
    settings: RwLock<Arc<Settings>>,
    places: RwLock<BTreeMap<String, Arc<Place>>>,
    faults: Mutex<Faults>,
    counters: Mutex<Counters>,
    operations: Mutex<HashMap<String, Operation>>,
}

/// A name that was asked for, whether its namespace exists or not.
pub(crate) struct Place {
    namespace: RwLock<Option<Namespace>>,
    /// An older view, for eventually consistent queries.
    view: Mutex<Option<(Instant, Arc<Namespace>)>>,
    lane: Mutex<Lane>,
    slots: Semaphore,
    slots_in_use: AtomicU32,
    is_warm: AtomicBool,
}

/// An asynchronous operation, finished when it is first asked about twice.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) started_at: String,
    pub(crate) result: Json,
    pub(crate) polls: u32,
}

/// Slots that a query holds while it runs.
pub(crate) struct Slots<'a> {
    _permit: SemaphorePermit<'a>,
    place: &'a Place,
    weight: u32,
}

impl Drop for Slots<'_> {
    fn drop(&mut self) {
        self.place.slots_in_use.fetch_sub(self.weight, Ordering::Relaxed);
    }
}

impl Service {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings: RwLock::new(Arc::new(settings)),
            places: RwLock::default(),
            faults: Mutex::default(),
            counters: Mutex::default(),
            operations: Mutex::default(),
        }
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn counters(&self) -> MutexGuard<'_, Counters> {
        lock(&self.counters)
    }

    pub(crate) fn operations(&self) -> MutexGuard<'_, HashMap<String, Operation>> {
        lock(&self.operations)
    }

    pub(crate) fn count(&self, namespace: &str, count: impl Fn(&mut Tally)) {
        self.counters().count(Some(namespace), count);
    }

    pub(crate) fn place(&self, name: &str) -> Arc<Place> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(name) {
            return Arc::clone(place);
        }
        drop(places);
        let slots = self.settings().limits.query_slots;
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(name.to_owned()).or_insert_with(|| Arc::new(Place::new(slots))))
    }

    /// Forgets every namespace.
    pub(crate) fn wipe(&self) {
        self.places.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.operations().clear();
    }

    /// Names of namespaces that exist and start like this, after a name, in order.
    pub(crate) fn names(&self, prefix: &str, after: &str, count: usize) -> Vec<String> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let existing = places.iter().filter(|(name, place)| {
            name.starts_with(prefix) && name.as_str() > after && place.read().is_some()
        });
        existing.map(|(name, _)| name.clone()).take(count).collect()
    }
}

impl Place {
    fn new(slots: u32) -> Self {
        Self {
            namespace: RwLock::default(),
            view: Mutex::default(),
            lane: Mutex::default(),
            slots: Semaphore::new(slots as usize),
            slots_in_use: AtomicU32::new(0),
            is_warm: AtomicBool::new(false),
        }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Option<Namespace>> {
        self.namespace.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Option<Namespace>> {
        self.namespace.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lane(&self) -> MutexGuard<'_, Lane> {
        lock(&self.lane)
    }

    /// Drops the namespace; says whether there was one.
    pub(crate) fn delete(&self) -> bool {
        *lock(&self.view) = None;
        self.is_warm.store(false, Ordering::Relaxed);
        self.write().take().is_some()
    }

    /// Whether this is the first query, whose cache is cold.
    pub(crate) fn warm_up(&self) -> bool {
        !self.is_warm.swap(true, Ordering::Relaxed)
    }

    /// Waits for slots as long as the service does; gives how many are in use then.
    pub(crate) async fn take_slots(&self, weight: u32, settings: &Settings) -> Outcome<(Slots<'_>, u32)> {
        let weight = weight.min(settings.limits.query_slots).max(1);
        let patience = Duration::from_millis(settings.limits.slot_wait_ms);
        let permit = tokio::time::timeout(patience, self.slots.acquire_many(weight)).await;
        let Ok(Ok(permit)) = permit else {
            let message = "🚦 too many concurrent queries on this namespace; try again later";
            return Err(Failure::throttled(message));
        };
        let in_use = self.slots_in_use.fetch_add(weight, Ordering::Relaxed) + weight;
        Ok((Slots { _permit: permit, place: self, weight }, in_use))
    }

    /// Reads the namespace as strongly as asked for.
    pub(crate) fn with_view<T>(
        &self,
        consistency: Consistency,
        settings: &Settings,
        read: impl FnOnce(&Namespace) -> T,
    ) -> Option<T> {
        if consistency.level == Level::Strong || !settings.stale_reads {
            return self.read().as_ref().map(read);
        }
        let most = Duration::from_secs(consistency.max_staleness_seconds.unwrap_or(60));
        let mut view = lock(&self.view);
        let recent = view.as_ref().filter(|(since, _)| since.elapsed() < most);
        let current = if let Some((_, namespace)) = recent {
            Arc::clone(namespace)
        } else {
            let namespace = Arc::new(self.read().as_ref()?.clone());
            *view = Some((Instant::now(), Arc::clone(&namespace)));
            namespace
        };
        drop(view);
        Some(read(&current))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
