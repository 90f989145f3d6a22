use std::error::Error;

/// A store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or cannot write, such as on a full disk. Trying again may help.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store has more waiting than it may hold, and did nothing. Trying again in a moment helps.
    #[error("the store is busy")]
    Busy,
    /// Something stored no longer reads as what it should be.
    #[error("a stored {what} is corrupt")]
    Corrupt {
        /// What was being read.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// Wraps the error of a store that cannot be reached or cannot write.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// Wraps the error of reading something stored.
    pub fn corrupt(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Corrupt { what, source: source.into() }
    }
}
