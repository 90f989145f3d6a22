//! The product seen from outside: emulators of the services it talks to, ways to start it, and what is expected of it.

pub mod bench;
pub mod clients;
pub mod cloud;
pub mod collector;
pub mod conformance;
pub mod mount;
pub mod providers;
