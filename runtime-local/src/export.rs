//! `traceway export`: everything a server holds as one JSON document.

use std::path::Path;

use anyhow::Context;
use futures_util::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::cli::ExportFlags;
use crate::client::Client;

/// Streams the export to the terminal or a file. A file is complete or not there at all.
pub(crate) fn run(flags: ExportFlags) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(export(flags))
}

async fn export(flags: ExportFlags) -> anyhow::Result<()> {
    let client = Client::new(flags.client)?;
    let query: Vec<(&str, &str)> = flags.trace.iter().map(|id| ("trace_id", id.as_str())).collect();
    let answer = client.get_ok("/api/export/json", &query).await?;
    match flags.output {
        None => copy(answer, tokio::io::stdout()).await,
        Some(path) => {
            let beside = path.with_added_extension("part");
            let file = tokio::fs::File::create(&beside).await.with_context(|| not_writable(&beside))?;
            copy(answer, file).await?;
            tokio::fs::rename(&beside, &path).await.with_context(|| not_writable(&path))
        }
    }
}

fn not_writable(path: &Path) -> String {
    format!("{} cannot be written", path.display())
}

async fn copy(answer: reqwest::Response, mut to: impl AsyncWrite + Unpin) -> anyhow::Result<()> {
    let mut body = answer.bytes_stream();
    while let Some(chunk) = body.next().await {
        let chunk =
            chunk.map_err(reqwest::Error::without_url).context("the export broke off and is incomplete")?;
        to.write_all(&chunk).await?;
    }
    to.flush().await?;
    Ok(())
}
