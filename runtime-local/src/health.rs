//! `traceway health`: for service managers and container health checks.

use anyhow::{Context, bail};

use crate::cli::ClientFlags;
use crate::client::Client;

/// Succeeds when the server answers that it is well.
pub(crate) fn run(flags: ClientFlags) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let client = Client::new(flags)?;
        let answer = client.get("/api/health", &[]).await?;
        let status = answer.status();
        let body = answer.text().await.context("the answer broke off")?;
        anstream::println!("{body}");
        if status.is_success() { Ok(()) } else { bail!("the server answered {status}") }
    })
}
