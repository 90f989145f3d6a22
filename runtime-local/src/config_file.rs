//! The config file: what it may hold, and how the API reads and writes it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rest::{ConfigFile, ConfigFileError};
use serde::{Deserialize, Serialize};
use trace::capture::CaptureMode;

use crate::logging;
use crate::settings::{address, http_url};

/// Keys that mean nothing here.
type Unknown = serde_json::Map<String, serde_json::Value>;

/// What a config file may hold.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct FileSettings {
    #[serde(skip_serializing_if = "Section::is_empty")]
    pub(crate) api: Api,
    #[serde(skip_serializing_if = "Section::is_empty")]
    pub(crate) proxy: Proxy,
    #[serde(skip_serializing_if = "Section::is_empty")]
    pub(crate) storage: Storage,
    #[serde(skip_serializing_if = "Section::is_empty")]
    pub(crate) logging: Logging,
    #[serde(flatten, skip_serializing)]
    unknown: Unknown,
}

/// `[api]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Api {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) addr: Option<String>,
    #[serde(flatten, skip_serializing)]
    unknown: Unknown,
}

/// `[proxy]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Proxy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) addr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) capture_mode: Option<String>,
    #[serde(flatten, skip_serializing)]
    unknown: Unknown,
}

/// `[storage]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Storage {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data_dir: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) db_path: Option<PathBuf>,
    #[serde(flatten, skip_serializing)]
    unknown: Unknown,
}

/// `[logging]`
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Logging {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<String>,
    #[serde(flatten, skip_serializing)]
    unknown: Unknown,
}

/// Says what is wrong with a value.
type Check = fn(&str) -> Result<(), String>;

impl FileSettings {
    /// Takes out values that cannot be used, and returns which those were and why. Empty ones go without a word.
    pub(crate) fn drop_invalid(&mut self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let texts: [(&str, &mut Option<String>, Check); 5] = [
            ("api.addr", &mut self.api.addr, |text| address(text).map(drop)),
            ("proxy.addr", &mut self.proxy.addr, |text| address(text).map(drop)),
            ("proxy.target", &mut self.proxy.target, |text| http_url(text).map(drop)),
            ("proxy.capture_mode", &mut self.proxy.capture_mode, |text| {
                text.parse::<CaptureMode>().map(drop).map_err(|error| error.to_string())
            }),
            ("logging.level", &mut self.logging.level, logging::check),
        ];
        for (key, value, check) in texts {
            let Some(text) = value.take_if(|text| text.trim().is_empty() || check(text).is_err()) else {
                continue;
            };
            if !text.trim().is_empty()
                && let Err(error) = check(&text)
            {
                mistakes.push(format!("{key}: {error}"));
            }
        }
        for path in [&mut self.storage.data_dir, &mut self.storage.db_path] {
            path.take_if(|path| path.as_os_str().is_empty());
        }
        mistakes
    }

    /// Returns the keys that mean nothing, which are usually misspelt ones.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let sections = [
            ("", &self.unknown),
            ("api.", &self.api.unknown),
            ("proxy.", &self.proxy.unknown),
            ("storage.", &self.storage.unknown),
            ("logging.", &self.logging.unknown),
        ];
        let keys = sections.iter().flat_map(|(section, keys)| keys.keys().map(move |key| (section, key)));
        keys.map(|(section, key)| format!("{section}{key} means nothing")).collect()
    }
}

trait Section {
    fn is_empty(&self) -> bool;
}

impl Section for Api {
    fn is_empty(&self) -> bool {
        self.addr.is_none()
    }
}

impl Section for Proxy {
    fn is_empty(&self) -> bool {
        self.addr.is_none() && self.target.is_none() && self.capture_mode.is_none()
    }
}

impl Section for Storage {
    fn is_empty(&self) -> bool {
        self.data_dir.is_none() && self.db_path.is_none()
    }
}

impl Section for Logging {
    fn is_empty(&self) -> bool {
        self.level.is_none()
    }
}

/// The config file could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It is there but cannot be read, or was named and is not there.
    #[error("{0}")]
    Read(#[from] std::io::Error),
    /// It is no TOML, or has values of the wrong type.
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
pub(crate) struct TomlFile {
    path: PathBuf,
    /// Held while the file is written.
    writing: Mutex<()>,
}

impl TomlFile {
    /// Returns the file at `path`, which need not exist.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, writing: Mutex::default() }
    }
}

impl ConfigFile for TomlFile {
    fn read(&self) -> Result<serde_json::Value, ConfigFileError> {
        let file = match read_file(&self.path, false) {
            Ok(file) => file,
            Err(FileError::Read(error)) => return Err(ConfigFileError::Unavailable(error)),
            // The server runs with defaults then, and writing is the way to mend it.
            Err(FileError::Parse(error)) => {
                tracing::warn!(%error, file = %self.path.display(), "the config file cannot be read");
                FileSettings::default()
            }
        };
        serde_json::to_value(file).map_err(|error| ConfigFileError::Invalid(error.to_string()))
    }

    fn write(&self, content: serde_json::Value) -> Result<serde_json::Value, ConfigFileError> {
        let invalid = |error: &dyn std::fmt::Display| ConfigFileError::Invalid(error.to_string());
        let mut file: FileSettings = serde_json::from_value(content).map_err(|error| invalid(&error))?;
        let mistakes = file.drop_invalid();
        if !mistakes.is_empty() {
            return Err(ConfigFileError::Invalid(mistakes.join("; ")));
        }
        let text = toml::to_string_pretty(&file).map_err(|error| invalid(&error))?;
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(ConfigFileError::Unavailable)?;
        }
        // Written beside and renamed, so that a crash leaves the old file or the new one.
        let beside = self.path.with_extension("toml.new");
        let write = || {
            let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let mut new = File::create(&beside)?;
            new.write_all(text.as_bytes())?;
            new.sync_all()?;
            std::fs::rename(&beside, &self.path)
        };
        write().map_err(ConfigFileError::Unavailable)?;
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
        let file = TomlFile::new(dir.path().join("new").join("config.toml"));
        assert_eq!(file.read().unwrap(), json!({}));
        let content = json!({"proxy": {"target": "http://localhost:9"}});
        assert_eq!(file.write(content.clone()).unwrap(), content);
        assert_eq!(file.read().unwrap(), content);
    }

    #[test]
    fn values_the_next_start_could_not_use_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = TomlFile::new(dir.path().join("config.toml"));
        for (content, key) in [
            (json!({"api": {"addr": "nowhere"}}), "api.addr"),
            (json!({"proxy": {"addr": "127.0.0.1"}}), "proxy.addr"),
            (json!({"proxy": {"target": "ftp://x"}}), "proxy.target"),
            (json!({"proxy": {"capture_mode": "some"}}), "proxy.capture_mode"),
            (json!({"logging": {"level": "loud"}}), "logging.level"),
            (json!({"api": {"addr": 3000}}), "string"),
        ] {
            match file.write(content) {
                Err(ConfigFileError::Invalid(message)) => assert!(message.contains(key), "{message}"),
                other => panic!("{key}: {other:?}"),
            }
        }
        assert!(!file.path.exists());
    }

    #[test]
    fn keys_that_mean_nothing_and_empty_values_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let file = TomlFile::new(dir.path().join("config.toml"));
        let content = json!({"proxy": {"tarket": "x", "addr": ":9"}, "api": {"addr": ""}, "more": 1});
        assert_eq!(file.write(content).unwrap(), json!({"proxy": {"addr": ":9"}}));
    }

    #[test]
    fn a_broken_file_reads_as_the_defaults_it_stands_for_and_can_be_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = TomlFile::new(dir.path().join("config.toml"));
        std::fs::write(&file.path, "[api").unwrap();
        assert_eq!(file.read().unwrap(), json!({}));
        let content = json!({"api": {"addr": ":9"}});
        file.write(content.clone()).unwrap();
        assert_eq!(file.read().unwrap(), content);
    }
}
