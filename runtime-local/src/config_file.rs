//! The config file: what it may hold, and how the API reads and writes it.

use std::path::{Path, PathBuf};

use rest::{ConfigFile, ConfigFileError};
use serde::{Deserialize, Serialize};

/// What a config file may hold. Unknown keys are mistakes, since they are usually misspelt ones.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FileSettings {
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) api: Api,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) proxy: Proxy,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) storage: Storage,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) logging: Logging,
}

/// `[api]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Api {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) addr: Option<String>,
}

/// `[proxy]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Proxy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) addr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) capture_mode: Option<String>,
}

/// `[storage]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Storage {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) db_path: Option<PathBuf>,
}

/// `[logging]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Logging {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<String>,
}

fn is_default<T: Default + PartialEq>(section: &T) -> bool {
    *section == T::default()
}

/// The config file could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It is there but cannot be read, or was named and is not there.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// It is no TOML, or has keys that mean nothing.
    #[error("{}", .0.message())]
    Parse(#[from] toml::de::Error),
}

/// Reads the file. One that is missing counts as empty unless the user `named` it.
pub(crate) fn read_file(path: &Path, named: bool) -> Result<FileSettings, FileError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(toml::from_str(&text)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => Ok(FileSettings::default()),
        Err(error) => Err(error.into()),
    }
}

/// The config file as the API serves it.
pub(crate) struct TomlFile(pub(crate) PathBuf);

impl ConfigFile for TomlFile {
    fn read(&self) -> Result<serde_json::Value, ConfigFileError> {
        let file = match read_file(&self.0, false) {
            Ok(file) => file,
            Err(FileError::Read(error)) => return Err(ConfigFileError::Unavailable(error)),
            Err(FileError::Parse(error)) => return Err(ConfigFileError::Invalid(error.message().to_owned())),
        };
        serde_json::to_value(file).map_err(|error| ConfigFileError::Invalid(error.to_string()))
    }

    fn write(&self, content: serde_json::Value) -> Result<serde_json::Value, ConfigFileError> {
        let invalid = |error: &dyn std::fmt::Display| ConfigFileError::Invalid(error.to_string());
        let file: FileSettings = serde_json::from_value(content).map_err(|error| invalid(&error))?;
        let text = toml::to_string_pretty(&file).map_err(|error| invalid(&error))?;
        if let Some(folder) = self.0.parent() {
            std::fs::create_dir_all(folder).map_err(ConfigFileError::Unavailable)?;
        }
        // Written beside and renamed, so that a crash leaves the old file or the new one.
        let beside = self.0.with_extension("toml.new");
        std::fs::write(&beside, text).map_err(ConfigFileError::Unavailable)?;
        std::fs::rename(&beside, &self.0).map_err(ConfigFileError::Unavailable)?;
        serde_json::to_value(file).map_err(|error| invalid(&error))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = TomlFile(dir.path().join("new").join("config.toml"));
        assert_eq!(file.read().unwrap(), json!({}));
        let content = json!({"proxy": {"target": "http://localhost:9"}});
        assert_eq!(file.write(content.clone()).unwrap(), content);
        assert_eq!(file.read().unwrap(), content);
    }

    #[test]
    fn keys_that_mean_nothing_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = TomlFile(dir.path().join("config.toml"));
        let refused = file.write(json!({"proxy": {"tarket": "x"}}));
        assert!(matches!(refused, Err(ConfigFileError::Invalid(_))));
        assert!(!file.0.exists());
    }
}
