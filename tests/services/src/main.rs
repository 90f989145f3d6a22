//! The emulators as a process, for tests in other languages.

use std::io::Write;
use std::net::SocketAddr;

use clap::Parser;
use service_emulators::{Polar, Resend};

/// Emulates Resend (`GET /sent` shows what was sent) and Polar (`GET /checkouts` shows what was begun).
#[derive(Debug, Parser)]
struct Flags {
    /// Address of Resend.
    #[arg(long, default_value = "127.0.0.1:0")]
    resend: SocketAddr,
    /// Address of Polar.
    #[arg(long, default_value = "127.0.0.1:0")]
    polar: SocketAddr,
    /// The key Resend asks for.
    #[arg(long, default_value = "re_test")]
    resend_key: String,
    /// The token Polar asks for.
    #[arg(long, default_value = "polar_oat_test")]
    polar_token: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let resend = Resend::bind(&flags.resend_key, flags.resend).await?;
    let polar = Polar::bind(&flags.polar_token, flags.polar).await?;
    // A test that asked for port 0 reads the ports from the first line.
    writeln!(std::io::stdout(), "{{\"resend_url\":\"{}\",\"polar_url\":\"{}\"}}", resend.url, polar.url)?;
    std::io::stdout().flush()?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}
