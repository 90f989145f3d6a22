//! Measurements of the real binary, each beside its baseline in the same run.

pub mod cloud;
pub mod disk;
pub mod functions;
pub mod ingest;
pub mod load;
pub mod otlp;
pub mod process;
pub mod proxy;
pub mod read;
pub mod report;
pub mod subject;
