//! Fixtures and the contract of each port, for the crates that implement one.
