//! What was measured.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

/// What was measured of one instance.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// The instance, counted from 1 in the order of starts.
    pub instance: usize,
    /// The process.
    pub process_id: Option<u32>,
    /// From the start of the process to its first request for an invocation.
    pub init: Option<Duration>,
    /// The most memory it held when it last waited, in bytes.
    pub max_rss: Option<u64>,
    /// How many invocations it was given.
    pub invocations: usize,
    /// How the process ended.
    pub ended: Option<String>,
}

/// The size of a program.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Package {
    /// Bytes of the program.
    pub bytes: u64,
    /// Bytes of the program compressed, which is what a deployment uploads.
    pub compressed_bytes: u64,
}

impl Package {
    /// Measures a program.
    pub(crate) fn of(binary: &Path) -> io::Result<Self> {
        let mut file = File::open(binary)?;
        let mut encoder = GzEncoder::new(Counter(0), Compression::default());
        let bytes = io::copy(&mut file, &mut encoder)?;
        Ok(Self { bytes, compressed_bytes: encoder.finish()?.0 })
    }
}

struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
