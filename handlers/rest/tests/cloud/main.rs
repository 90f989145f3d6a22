//! The cloud over real requests: who may do what, and what it answers. Identity lies in memory, the clock stands.

#![expect(clippy::unwrap_used, reason = "tests")]

mod accounts;
mod billing;
mod credentials;
mod keys;
mod limits;
mod local;
mod mails;
mod projects;
mod scopes;
mod stage;
mod team;
