//! The queue that wakes the worker.

use async_trait::async_trait;
use cloud::Nudge;
use serde::de::IgnoredAny;
use serde_json::json;
use trace::ports::StoreError;

use crate::aws::{self, Service};

const SQS: Service = Service {
    name: "sqs",
    endpoint_variable: "AWS_ENDPOINT_URL_SQS",
    content_type: "application/x-amz-json-1.0",
};

/// Sends messages to one queue. A message says only that there is a job.
pub(crate) struct Queue {
    url: String,
}

impl Queue {
    /// Returns the queue at this URL.
    pub(crate) fn new(url: String) -> Self {
        Self { url }
    }
}

#[async_trait]
impl Nudge for Queue {
    async fn nudge(&self) -> Result<(), StoreError> {
        let body = json!({ "QueueUrl": self.url, "MessageBody": r#"{"task":"drain"}"# });
        let region = region(&self.url);
        let sent = SQS.call::<IgnoredAny>("AmazonSQS.SendMessage", &region, Some(&self.url), &body).await;
        sent.map(drop).map_err(|error| StoreError::Unavailable(error.into()))
    }
}

/// Returns the region of a queue: `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`.
fn region(url: &str) -> String {
    let named = url.split("//sqs.").nth(1).and_then(|rest| rest.split('.').next());
    named.map_or_else(aws::region, str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_that_of_the_queue() {
        assert_eq!(region("https://sqs.eu-central-1.amazonaws.com/123/jobs"), "eu-central-1");
    }
}
