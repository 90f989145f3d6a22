//! What every process of cloud mode is made of, whatever runs it: settings, stores, and recurring work.
//!
//! A runtime resolves [`CloudSettings`] from [`CloudFlags`], opens [`CloudStores`] for the [`Life`] its processes
//! lead, hands their ports to the handlers, and calls [`Chores`] and [`Workshop`] when it sees fit.
//!
//! Deliberately absent: sockets, tasks and signals, which are the runtime's.

mod chores;
mod flags;
mod jobs;
mod mistakes;
mod nudge;
mod secret;
mod settings;
mod stores;
mod warm;

pub use chores::Chores;
pub use flags::CloudFlags;
pub use jobs::{JobSpool, Workshop};
pub use mistakes::{InvalidSettings, Mistakes};
pub use nudge::{Nudge, Nudged};
pub use secret::Secret;
pub use settings::{BillingSettings, CloudSettings, MailSettings, TurbopufferSettings};
pub use stores::{CloudStores, Life, Place};
pub use warm::warm;
