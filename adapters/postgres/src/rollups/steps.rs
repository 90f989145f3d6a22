//! Steps beside a write of spans, which they can neither fail nor hold up.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use trace::id::Scope;
use trace::ports::StoreError;

use super::{Doubt, PostgresRollups};

impl PostgresRollups {
    /// Runs a step that must not hold up or fail a write of spans. Returns whether it was done; when Postgres is
    /// away it is left alone for a moment.
    pub(crate) async fn try_step<T>(
        &self,
        step: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Option<T> {
        if self.rest().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let error = match tokio::time::timeout(self.patience, work).await {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(error)) => error,
            Err(_) => StoreError::unavailable("it took too long"),
        };
        metrics::counter!("traceway_rollup_failures_total", "step" => step).increment(1);
        tracing::warn!(step, error = %Causes(&error), "sums were not brought up to date; they will be repaired");
        if matches!(error, StoreError::Unavailable(_)) {
            let mut until = self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
            *until = Some(Instant::now() + self.patience);
        }
        None
    }

    fn rest(&self) -> Option<Instant> {
        *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers hours that could not be made dirty.
    pub(crate) fn remember(&self, scope: &Scope, doubt: Doubt) {
        self.pending().entry(*scope).or_default().merge(doubt);
    }

    /// Returns whether hours are waiting to be made dirty.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending().is_empty()
    }

    /// Makes all hours dirty that could not be before.
    pub(crate) async fn flush_all(&self) -> Result<(), StoreError> {
        let scopes: Vec<Scope> = self.pending().keys().copied().collect();
        for scope in scopes {
            self.flush(&scope).await?;
        }
        Ok(())
    }

    /// Makes hours of a project dirty that could not be before.
    pub(super) async fn flush(&self, scope: &Scope) -> Result<(), StoreError> {
        let Some(doubt) = self.pending().get(scope).cloned() else {
            return Ok(());
        };
        self.mark(scope, &doubt).await?;
        let mut pending = self.pending();
        // What was added meanwhile waits for the next time, with the rest: to mark an hour twice does no harm.
        if pending.get(scope).is_some_and(|now| now.additions == doubt.additions) {
            pending.remove(scope);
        }
        Ok(())
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<Scope, Doubt>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with its causes on one line.
struct Causes<'a>(&'a StoreError);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
