//! Records that wait to be handed back, in a file or, when the disk is full, in memory.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use proxy::SpoolError;
use trace::ports::chain;

use super::FIRST_PAUSE;

/// How many bytes are kept in memory when the file cannot be written, which is when the disk is full: the store
/// refuses then, too.
pub(super) const MEMORY_LIMIT: usize = 64 * 1024 * 1024;

/// How much is read from the file at a time: at least one record, then no more than this.
const READ_AHEAD: usize = 4 * 1024 * 1024;

/// A bounded file of JSON lines, and some memory for when the disk is full.
pub(super) struct Backlog {
    path: PathBuf,
    file: File,
    limit: u64,
    /// Where the next record to be handed back starts.
    start: u64,
    /// Where the next record is written.
    end: u64,
    memory: VecDeque<String>,
    memory_bytes: usize,
    /// Whether the first record in memory is being handed back.
    is_handing: bool,
    /// When the file is to be tried again, after it could not be written.
    retry_at: Instant,
}

/// A record to be handed back.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) place: Place,
}

/// Where a record is kept.
pub(super) enum Place {
    /// In the file; the next one starts there.
    File { next: u64 },
    /// In memory.
    Memory,
}

impl Backlog {
    /// Opens the file, created when missing, with what an earlier process left in it.
    pub(super) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        // Prompts and answers are nobody else's business.
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut end = file.seek(SeekFrom::End(0))?;
        if end > 0 {
            // A process that died while writing leaves half a line, which must not swallow the next one.
            file.seek(SeekFrom::Start(end - 1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                end += 1;
            }
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            limit,
            start: 0,
            end,
            memory: VecDeque::new(),
            memory_bytes: 0,
            is_handing: false,
            retry_at: Instant::now(),
        })
    }

    /// Tries the file at the next record, even if it could not be written just now.
    pub(super) fn retry_now(&mut self) {
        self.retry_at = Instant::now();
    }

    /// Returns how many records are only in memory.
    pub(super) fn in_memory(&self) -> usize {
        self.memory.len()
    }

    /// Goes on with another file, and returns the one before.
    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }

    /// Writes to the file what is only in memory, and returns how many records that did not take.
    pub(super) fn close(&mut self) -> usize {
        self.is_handing = false;
        self.retry_now();
        self.flush();
        self.in_memory()
    }

    /// Keeps records, in the file or else in memory, and returns for each whether that worked.
    pub(super) fn push(&mut self, lines: Vec<String>) -> Vec<Result<(), SpoolError>> {
        if !self.is_handing {
            self.flush();
        }
        // What is in memory is newer than the file; order is kept.
        let written = if self.memory.is_empty() { self.append(&lines) } else { Ok(0) };
        let (is_full, written) = match written {
            Ok(written) => (self.memory.is_empty(), written),
            Err(error) => {
                tracing::warn!(error = %chain(&error), file = %self.path.display(), "the spool file cannot be written");
                (false, 0)
            }
        };
        let kept = lines.into_iter().enumerate().map(|(at, line)| {
            if at < written {
                return Ok(());
            }
            if is_full || self.memory_bytes + line.len() > MEMORY_LIMIT {
                return Err(SpoolError::Full);
            }
            self.memory_bytes += line.len();
            self.memory.push_back(line);
            Ok(())
        });
        kept.collect()
    }

    /// Moves what is in memory to the file, a piece at a time, as far as that takes it.
    fn flush(&mut self) {
        while !self.memory.is_empty() && Instant::now() >= self.retry_at {
            let mut bytes = 0;
            let fits = |line: &&String| {
                bytes += line.len();
                bytes <= READ_AHEAD
            };
            let count = self.memory.iter().take_while(fits).count().max(1);
            let lines: Vec<String> = self.memory.drain(..count).collect();
            let written = self.append(&lines).unwrap_or(0);
            for line in &lines[..written] {
                self.memory_bytes -= line.len();
            }
            if written < count {
                for line in lines.into_iter().skip(written).rev() {
                    self.memory.push_front(line);
                }
                self.retry_at = Instant::now() + FIRST_PAUSE;
            }
        }
    }

    /// Writes as many records to the file as it may hold, and returns how many: all of them durable, or none written.
    fn append(&mut self, lines: &[String]) -> io::Result<usize> {
        let (end, mut bytes, mut count) = (self.end, Vec::new(), 0);
        for line in lines {
            if end + (bytes.len() + line.len()) as u64 + 1 > self.limit {
                break;
            }
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
            count += 1;
        }
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(end))?;
            file.write_all(&bytes)?;
            file.sync_data()
        };
        match write(&mut self.file) {
            Ok(()) => {
                self.end += bytes.len() as u64;
                Ok(count)
            }
            Err(error) => {
                // Half a line would be taken for a record. If this fails too, it is skipped when read.
                let _ = self.file.set_len(end);
                self.retry_at = Instant::now() + FIRST_PAUSE;
                Err(error)
            }
        }
    }

    /// Returns the next records without taking them out.
    pub(super) fn peek(&mut self) -> io::Result<Vec<Line>> {
        self.is_handing = self.start == self.end && !self.memory.is_empty();
        if self.start == self.end {
            return Ok(self
                .memory
                .front()
                .cloned()
                .map(|text| Line { text, place: Place::Memory })
                .into_iter()
                .collect());
        }
        self.file.seek(SeekFrom::Start(self.start))?;
        let mut reader = BufReader::new((&mut self.file).take(self.end - self.start));
        let (mut lines, mut at, first) = (Vec::new(), self.start, self.start);
        while at < self.end && (lines.is_empty() || at - first < READ_AHEAD as u64) {
            let mut bytes = Vec::new();
            let read = reader.read_until(b'\n', &mut bytes)?;
            if read == 0 {
                // Somebody shortened the file; what is left was read.
                at = self.end;
                break;
            }
            at += read as u64;
            let text = String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
            lines.push(Line { text, place: Place::File { next: at } });
        }
        if lines.is_empty() {
            self.done(&Place::File { next: at })?;
        }
        Ok(lines)
    }

    /// Notes that the records being handed back were not taken.
    pub(super) fn put_back(&mut self) {
        self.is_handing = false;
    }

    /// Takes out a record that was handed back.
    pub(super) fn done(&mut self, place: &Place) -> io::Result<()> {
        match place {
            Place::Memory => {
                self.is_handing = false;
                if let Some(line) = self.memory.pop_front() {
                    self.memory_bytes -= line.len();
                }
            }
            Place::File { next } => {
                self.start = *next;
                if self.start == self.end {
                    self.file.set_len(0)?;
                    (self.start, self.end) = (0, 0);
                }
            }
        }
        Ok(())
    }
}
