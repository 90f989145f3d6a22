//! The client side of the API, for the small commands.

use anyhow::{Context, bail};

use crate::cli::ClientFlags;

/// Calls the API of a server.
pub(crate) struct Client {
    http: reqwest::Client,
    flags: ClientFlags,
}

impl Client {
    /// Returns a client of the server the flags name.
    pub(crate) fn new(flags: ClientFlags) -> anyhow::Result<Self> {
        Ok(Self { http: reqwest::Client::builder().build()?, flags })
    }

    /// Sends a GET and returns the answer whatever its status; an error says that the server cannot be reached.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<reqwest::Response> {
        let base = self.flags.url.trim_end_matches('/').trim_end_matches("/api");
        let mut request = self.http.get(format!("{base}{path}")).query(query);
        if let Some(key) = &self.flags.api_key {
            request = request.bearer_auth(key);
        }
        request.send().await.map_err(reqwest::Error::without_url).with_context(|| {
            format!("{base} cannot be reached; is `traceway serve` running? --url names another server")
        })
    }

    /// As [`Self::get`], but a status other than 2xx is an error with the server's words.
    pub(crate) async fn get_ok(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<reqwest::Response> {
        let answer = self.get(path, query).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body: serde_json::Value = answer.json().await.unwrap_or_default();
        bail!("the server answered {status}: {}", body["error"].as_str().unwrap_or("no reason given"))
    }
}
