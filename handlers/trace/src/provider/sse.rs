//! Lines and server-sent events out of chunks that may end anywhere.

/// Splits chunks into lines ended by LF, CR LF or, for events, a lone CR.
#[derive(Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    after_cr: bool,
}

impl Lines {
    /// Hands every line that `chunk` completes to `line`, without its end.
    pub(super) fn push(&mut self, mut chunk: &[u8], mut line: impl FnMut(&[u8])) {
        while !chunk.is_empty() {
            if std::mem::take(&mut self.after_cr) && chunk[0] == b'\n' {
                chunk = &chunk[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', chunk) else {
                self.partial.extend_from_slice(chunk);
                return;
            };
            self.after_cr = chunk[end] == b'\r';
            if self.partial.is_empty() {
                line(&chunk[..end]);
            } else {
                self.partial.extend_from_slice(&chunk[..end]);
                line(&self.partial);
                self.partial.clear();
            }
            chunk = &chunk[end + 1..];
        }
    }

    /// Returns what came after the last line end.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial)
    }
}

/// Gathers lines into the data of server-sent events.
#[derive(Default)]
pub(super) struct Events {
    data: Vec<u8>,
    has_data: bool,
    started: bool,
}

impl Events {
    /// Takes one line; an empty one completes an event, whose data goes to `event`.
    pub(super) fn line(&mut self, mut line: &[u8], event: &mut impl FnMut(&[u8])) {
        if !std::mem::replace(&mut self.started, true) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            self.finish(event);
            return;
        }
        // Names, ids and retry times add nothing: every provider repeats the name inside the data.
        let Some(value) = line.strip_prefix(b"data") else { return };
        let value = match value {
            [] => value,
            [b':', b' ', value @ ..] | [b':', value @ ..] => value,
            _ => return,
        };
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
    }

    /// Completes an event whose empty line never came.
    pub(super) fn finish(&mut self, event: &mut impl FnMut(&[u8])) {
        if std::mem::take(&mut self.has_data) {
            event(&self.data);
            self.data.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut events, mut seen) = (Lines::default(), Events::default(), Vec::new());
        let mut keep = |data: &[u8]| seen.push(String::from_utf8_lossy(data).into_owned());
        for chunk in chunks {
            lines.push(chunk, |line| events.line(line, &mut keep));
        }
        let rest = lines.rest();
        events.line(&rest, &mut keep);
        events.finish(&mut keep);
        seen
    }

    #[test]
    fn all_line_ends_comments_and_fields_are_understood() {
        let text = b"\xef\xbb\xbfdata: a\r\n: comment\r\nevent: x\r\ndata:b\r\n\r\ndata\n\nid: 1\n\ndata: c\r\rdatax: no\n\n";
        assert_eq!(events(&[text]), ["a\nb", "", "c"]);
    }

    #[test]
    fn a_cr_lf_split_between_chunks_is_one_line_end() {
        assert_eq!(events(&[b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n"]), ["a\nb"]);
    }

    #[test]
    fn an_event_without_its_empty_line_still_counts() {
        assert_eq!(events(&[b"data: a\n\ndata: b"]), ["a", "b"]);
    }
}
