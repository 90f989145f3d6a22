//! What the runtime decides about the proxy.

use std::sync::Arc;
use std::time::Duration;

use trace::capture::CaptureMode;
use trace::host::Origins;

use crate::target::Base;

/// What can be set from outside.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where requests go that do not say themselves.
    pub target: Option<Base>,
    /// How much of a call's text is kept unless the call says.
    pub capture: CaptureMode,
    /// The largest request body relayed, in bytes.
    pub max_body: usize,
    /// How long a provider may take until its answer begins.
    pub header_timeout: Duration,
    /// How many bytes of bodies all recordings together may hold. Beyond it calls are recorded without text.
    pub max_copies: usize,
    /// Names the proxy may be called by, besides local ones; `None` lets every name through, which is for
    /// servers that ask for credentials.
    pub hosts: Option<Arc<[String]>>,
    /// Pages that may call.
    pub origins: Origins,
}

impl Default for Settings {
    /// Returns the settings of local mode.
    fn default() -> Self {
        Self {
            target: None,
            capture: CaptureMode::Full,
            max_body: 64 * 1024 * 1024,
            header_timeout: Duration::from_mins(10),
            max_copies: 512 * 1024 * 1024,
            hosts: Some(Arc::default()),
            origins: Origins::Loopback,
        }
    }
}
