//! Runs the provider emulator by itself, for benchmarks and for trying things by hand.

use std::net::SocketAddr;

use clap::Parser;

/// Answers like a model provider.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:3999")]
    addr: SocketAddr,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let _emulator = conformance::providers::start_at(Arguments::parse().addr).await?;
    std::future::pending().await
}
