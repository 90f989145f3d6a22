//! Cloud mode: the same handlers over stores that all instances share.

mod flags;
mod settings;

pub(crate) use flags::CloudFlags;
pub(crate) use settings::CloudSettings;
