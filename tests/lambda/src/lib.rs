//! AWS Lambda on one machine, for tests of functions as they are deployed.
//!
//! A [`Function`] is a program with limits: its instances are processes that are started when requests find none free,
//! take one invocation at a time over a Runtime API of their own, and are stopped by a signal while they wait for the
//! next one, as the service freezes them. [`FunctionUrl`] puts HTTP in front of it, [`Services`] is where it finds SQS
//! and Secrets Manager, [`Mapping`] feeds it from a queue and [`Schedule`] by the clock.
//!
//! What the service does not document is done here in the way that is least convenient for a function. Deliberately
//! absent: layers, other extensions than those that wait, tracing, billing, and the service's bandwidth limits.

mod api;
mod event;
mod failure;
mod figures;
mod front;
mod function;
mod instance;
mod mapping;
mod options;
mod prelude;
mod process;
mod queue;
mod reply;
mod schedule;
mod services;
mod signature;

pub use failure::Failure;
pub use figures::{Figures, Package};
pub use front::FunctionUrl;
pub use function::Function;
pub use mapping::{Mapping, MappingOptions};
pub use options::{FunctionOptions, Limits};
pub use prelude::Prelude;
pub use queue::{Message, Queue, QueueOptions};
pub use reply::{Reply, StreamedBody};
pub use schedule::Schedule;
pub use services::Services;
pub use signature::{ACCESS_KEY, REGION, SECRET_KEY};
