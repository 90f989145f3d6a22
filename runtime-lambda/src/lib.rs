//! The handlers on AWS Lambda: `rest` and `proxy` behind Function URLs that stream, and `worker` behind a queue and
//! schedules.
//!
//! A process is frozen when its answer has ended, and may be killed while it is. So everything is awaited before the
//! last byte of an answer, nothing is kept that another process would miss, and what needs the network is made by the
//! first request rather than at the start.
//!
//! Deliberately absent: everything about what is answered, which is the handlers'.

mod aws;
mod body;
mod deadline;
mod doors;
mod front;
mod held;
mod instance;
mod logging;
mod nodelay;
mod secrets;
mod settings;
mod sqs;
mod task;

pub use doors::{Door, Proxy, Rest};
pub use front::serve;
pub use instance::{Instance, Lazy};
pub use logging::start as start_logging;
pub use settings::{Settings, Start};
pub use task::work;
