//! Cloud mode: the same handlers over stores that all instances share.

mod flags;
mod settings;
mod stores;
mod workers;

pub(crate) use flags::CloudFlags;
pub(crate) use settings::CloudSettings;
pub(crate) use stores::CloudStores;
pub(crate) use workers::{start_workers, warm};
