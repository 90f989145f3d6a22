//! Why an invocation failed.

/// Why an invocation has no answer of its function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No instance was free in time.
    #[error("no instance is free")]
    Throttled,
    /// The instance was killed because it took too long.
    #[error("the function did not end within its time limit")]
    TimedOut,
    /// The process ended before it answered.
    #[error("the process ended: {0}")]
    Died(String),
    /// The process did not come to its first invocation.
    #[error("the function did not start: {0}")]
    Init(String),
    /// The function answered with an error.
    #[error("the function failed: {kind}: {message}")]
    Function {
        /// The error's type, as the function names it.
        kind: String,
        /// What it says.
        message: String,
    },
    /// The answer is larger than the service takes.
    #[error("the answer is larger than the service takes")]
    TooLarge,
    /// The answer is none the service understands.
    #[error("the answer is malformed: {0}")]
    Malformed(String),
}
