//! What is wrong with settings, all of it at once.

/// Settings that cannot be used, each with its name and what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n       "))]
pub struct InvalidSettings(pub Vec<String>);

/// Collects mistakes instead of stopping at the first.
#[derive(Debug, Default)]
pub struct Mistakes(pub Vec<String>);

impl Mistakes {
    /// Returns the value, or notes what is wrong with the setting.
    pub fn note<T, E: std::fmt::Display>(&mut self, setting: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.0.push(format!("{setting}: {error}"))).ok()
    }
}
