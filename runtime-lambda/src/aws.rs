//! Calls to the two services of AWS that functions use, in the JSON protocol both speak.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde::de::DeserializeOwned;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A service of AWS as its JSON protocol names it.
pub(crate) struct Service {
    /// Its name in host names and signatures.
    pub(crate) name: &'static str,
    /// The variable that may name another address, as the vendor's SDKs read it.
    pub(crate) endpoint_variable: &'static str,
    /// The version of the protocol.
    pub(crate) content_type: &'static str,
}

impl Service {
    /// Calls `target`, such as `AmazonSQS.SendMessage`, at `url` or else at the service's own address.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        target: &str,
        region: &str,
        url: Option<&str>,
        body: &serde_json::Value,
    ) -> anyhow::Result<T> {
        let named = [self.endpoint_variable, "AWS_ENDPOINT_URL"].into_iter().find_map(variable);
        let own = || format!("https://{}.{region}.amazonaws.com/", self.name);
        let url = named.or_else(|| url.map(str::to_owned)).unwrap_or_else(own);
        let body = serde_json::to_vec(body)?;
        let request = http::Request::post(&url)
            .header("content-type", self.content_type)
            .header("x-amz-target", target)
            .body(body)?;
        let request = self.signed(request, region)?;
        let answer = client()?.execute(request.try_into()?).await.context("AWS cannot be reached")?;
        let status = answer.status();
        if !status.is_success() {
            // Names the error, never the secret.
            let text = answer.text().await.unwrap_or_default();
            bail!("{target} was answered with {status}: {}", text.chars().take(300).collect::<String>());
        }
        answer.json().await.context("the answer of AWS cannot be read")
    }

    fn signed(
        &self,
        request: http::Request<Vec<u8>>,
        region: &str,
    ) -> anyhow::Result<http::Request<Vec<u8>>> {
        let key = variable("AWS_ACCESS_KEY_ID").context("AWS_ACCESS_KEY_ID is not set")?;
        let secret = variable("AWS_SECRET_ACCESS_KEY").context("AWS_SECRET_ACCESS_KEY is not set")?;
        let identity =
            Credentials::new(key, secret, variable("AWS_SESSION_TOKEN"), None, "environment").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(self.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let mut request = request;
        let url = request.uri().to_string();
        let headers =
            request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(request.body()))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// Returns the client of all calls, made by the first: reading the certificates it trusts takes milliseconds.
///
/// It keeps no connection, since the other side closes those that stand idle while the process is frozen.
fn client() -> anyhow::Result<&'static reqwest::Client> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let client = reqwest::Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build()?;
    Ok(CLIENT.get_or_init(|| client))
}

/// Returns a variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the region this function runs in.
pub(crate) fn region() -> String {
    variable("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned())
}
