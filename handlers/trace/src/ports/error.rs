use std::error::Error;
use std::fmt::{self, Display};

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

/// Returns an error with all its causes as one line, for the log: formats for machines leave the causes out.
pub fn chain(error: &dyn Error) -> impl Display + '_ {
    fmt::from_fn(move |f| {
        write!(f, "{error}")?;
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_tells_every_cause() {
        let error = StoreError::unavailable(StoreError::corrupt("span", "no kind"));
        assert_eq!(chain(&error).to_string(), "the store is unavailable: a stored span is corrupt: no kind");
    }
}
