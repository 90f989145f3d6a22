//! The `traceway` binary.
fn main() {}
