//! The emulator as a process, for tests in other languages.

use std::io::Write;
use std::net::SocketAddr;

use clap::Parser;
use turbopuffer_emulator::{Emulator, Settings};

/// Emulates Turbopuffer's HTTP API in memory.
#[derive(Debug, Parser)]
struct Flags {
    /// Address of the API.
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Address of the switches: counters, faults, settings.
    #[arg(long, default_value = "127.0.0.1:8788")]
    admin: SocketAddr,
    /// Settings as JSON, such as `{"commit_interval_ms": 1000}`.
    #[arg(long)]
    settings: Option<String>,
    /// Takes as long as the service publishes: 165 ms per commit, one commit a second and namespace.
    #[arg(long, conflicts_with = "settings")]
    realistic: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let settings = match &flags.settings {
        Some(json) => serde_json::from_str(json)?,
        None if flags.realistic => Settings::realistic(),
        None => Settings::default(),
    };
    let emulator = Emulator::bind(settings, flags.listen, flags.admin).await?;
    // A test that asked for port 0 reads the ports from the first line.
    writeln!(std::io::stdout(), "{{\"url\":\"{}\",\"admin_url\":\"{}\"}}", emulator.url, emulator.admin_url)?;
    std::io::stdout().flush()?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}
