//! A cloud on one machine: two replicas of the real binary with a real Postgres and Redis, emulators of the other
//! services, and a load balancer.

mod balancer;
mod database;
mod functions;
mod relay;
mod routes;
mod seed;
mod stack;
mod tenant;

pub use balancer::Balancer;
pub use database::OwnDatabase;
pub use functions::{Functions, FunctionsOptions, MOST_MEMORY};
pub use relay::Relay;
pub use routes::OPEN_ROUTES;
pub use seed::seed;
pub use stack::{Stack, StackOptions, WEBHOOK_SECRET};
pub use tenant::{PASSWORD, Tenant, send_webhook, wrong_key};
