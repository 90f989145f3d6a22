//! The secret in Secrets Manager that holds the variables nobody should read in a console.

use std::collections::BTreeMap;

use anyhow::Context;
use cloud::Secret;
use serde::Deserialize;
use serde_json::json;

use crate::aws::{self, Service};

const SECRETS: Service = Service {
    name: "secretsmanager",
    endpoint_variable: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    content_type: "application/x-amz-json-1.1",
};

/// A secret that was not read yet.
#[derive(Clone, Debug)]
pub struct Secrets {
    arn: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "SecretString")]
    text: String,
}

impl Secrets {
    /// Returns the secret with this ARN.
    pub(crate) fn new(arn: &str) -> Self {
        Self { arn: arn.to_owned() }
    }

    /// Reads it: a JSON object of variables.
    pub(crate) async fn read(&self) -> anyhow::Result<Vec<(String, Secret)>> {
        // arn:partition:secretsmanager:region:account:secret:name
        let region = self.arn.split(':').nth(3).filter(|region| !region.is_empty());
        let region = region.map_or_else(aws::region, str::to_owned);
        let body = json!({ "SecretId": self.arn });
        let answer: Answer = SECRETS
            .call("secretsmanager.GetSecretValue", &region, None, &body)
            .await
            .context("the secret TRACEWAY_SECRET_ARN cannot be read")?;
        // An error of the parser would quote the text.
        let variables: BTreeMap<String, String> = serde_json::from_str(&answer.text)
            .ok()
            .context("the secret TRACEWAY_SECRET_ARN is not a JSON object of texts")?;
        Ok(variables.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }
}
