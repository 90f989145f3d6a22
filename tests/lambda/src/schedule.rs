//! A schedule: a function is invoked every so often with the same input.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::function::Function;

/// A running schedule. Dropping it stops it.
pub struct Schedule(JoinHandle<()>);

impl Schedule {
    /// Invokes a function with `input` as it is, first after `every`. Nobody reads what it answers, and a late
    /// invocation holds up none.
    pub fn start(function: &Function, every: Duration, input: &Value) -> Self {
        let (function, input) = (Arc::clone(&function.shared), input.to_string());
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let (function, input) = (Arc::clone(&function), input.clone());
                // Failures are noted by the function.
                tokio::spawn(async move { function.invoke(input.into()).await.is_ok() });
            }
        }))
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.0.abort();
    }
}
