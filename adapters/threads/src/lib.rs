//! Threads that run when nobody else wants the processor.

mod idle;
mod spare;

pub use idle::spawn;
pub use spare::Spare;
