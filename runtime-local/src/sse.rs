//! Reads server-sent events out of a byte stream.

/// One event: its id and its data.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// Collects bytes into events. Comments and other fields are skipped.
#[derive(Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    current: Event,
}

impl Reader {
    /// Takes the next bytes and returns the events they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.buffer.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut start = 0;
        while let Some(length) = self.buffer[start..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.buffer[start..start + length]).into_owned();
            start += length + 1;
            let line = line.strip_suffix('\r').unwrap_or(&line);
            if line.is_empty() {
                let event = std::mem::take(&mut self.current);
                if !event.data.is_empty() {
                    events.push(event);
                }
            } else if let Some(id) = line.strip_prefix("id:") {
                self.current.id = Some(id.trim_start().to_owned());
            } else if let Some(data) = line.strip_prefix("data:") {
                self.current.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        self.buffer.drain(..start);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_whole_however_the_bytes_are_cut() {
        let text = b"retry: 3000\n: hello\n\nid: 7\nevent: message\ndata: {\"a\":\"\xc3\xa9\"}\n\n";
        let wanted = vec![Event { id: Some("7".to_owned()), data: "{\"a\":\"\u{e9}\"}".to_owned() }];
        for cut in 1..text.len() {
            let mut reader = Reader::default();
            let mut events = reader.push(&text[..cut]);
            events.extend(reader.push(&text[cut..]));
            assert_eq!(events, wanted, "cut at {cut}");
        }
    }
}
