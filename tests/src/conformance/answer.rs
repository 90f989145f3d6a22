use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// What came back, with what was asked, for messages.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Method and path of the request.
    pub(super) asked: String,
    /// HTTP status.
    pub(super) status: u16,
    /// Header fields.
    pub(super) headers: HeaderMap,
    /// The body as it came.
    pub(super) body: Bytes,
}

impl Answer {
    /// Returns a header field as text, empty when absent.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns the body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!(
                "{}: {} with a body that is not JSON ({error}): {}",
                self.asked,
                self.status,
                self.start()
            ),
        }
    }

    /// Checks the status.
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: unexpected status, body {}", self.asked, self.start());
        self
    }

    /// Checks for 200 and returns the JSON body.
    #[track_caller]
    pub(super) fn ok(self) -> Value {
        self.expect(200).json()
    }

    /// Checks for 201 and returns the JSON body.
    #[track_caller]
    pub(super) fn created(self) -> Value {
        self.expect(201).json()
    }

    /// Checks the one shape of errors, and this status and code; returns the body.
    #[track_caller]
    pub(super) fn error(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}: unexpected status, body {}", self.asked, self.start());
        let kind = self.header("content-type");
        assert!(kind.starts_with("application/json"), "{}: error as {kind:?}", self.asked);
        let body = self.json();
        assert_eq!(body["code"], code, "{}: {body}", self.asked);
        let message = body["error"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{}: an error without text: {body}", self.asked);
        body
    }

    /// Checks for a 400 that names the field.
    #[track_caller]
    pub(super) fn bad_field(self, code: &str, field: &str) {
        let asked = self.asked.clone();
        let body = self.error(400, code);
        assert_eq!(body["field"], field, "{asked}: {body}");
    }

    fn start(&self) -> String {
        self.text().chars().take(400).collect()
    }
}
