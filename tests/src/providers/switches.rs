use http::HeaderMap;

/// How an answer is sent.
#[expect(clippy::struct_excessive_bools, reason = "switches are independent of each other")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Switches {
    /// `delay=N`: milliseconds before the answer begins.
    pub delay_ms: u64,
    /// `chunks=N`: pieces a streamed text is cut into; by word when 0.
    pub chunks: usize,
    /// `chunk_delay=N`: milliseconds from when a frame of a stream is due until the next is.
    pub chunk_delay_ms: u64,
    /// `break_after=N`: the connection is reset after so many frames; in the middle of a body that is no stream.
    pub break_after: Option<usize>,
    /// `stall_after=N`: nothing more is sent after so many frames, and the connection stays open.
    pub stall_after: Option<usize>,
    /// `status=N`: an error of that status.
    pub status: Option<u16>,
    /// `truncate_after=N`: the stream ends in good order after so many frames, without its last ones.
    pub truncate_after: Option<usize>,
    /// `gzip=1`: the body is compressed, for a client that takes it.
    pub gzip: bool,
    /// `br=1`: the same with Brotli.
    pub brotli: bool,
    /// `body_bytes=N`: the answer's text is at least this long.
    pub body_bytes: usize,
    /// `crlf=1`: frames end in CR LF.
    pub crlf: bool,
    /// `comments=1`: a comment comes before each event.
    pub comments: bool,
    /// `multiline=1`: the data of an event is on several lines.
    pub multiline: bool,
    /// `split=N`: the bytes of a stream are sent in pieces of N, wherever that cuts.
    pub split: usize,
    /// `no_usage=1`: the provider does not say how many tokens it counted.
    pub no_usage: bool,
}

impl Switches {
    /// Reads the header and the query parameter; unknown words are ignored.
    pub fn of(headers: &HeaderMap, query: Option<&str>) -> Self {
        let header = headers.get("x-emulator").and_then(|value| value.to_str().ok());
        let parameter = query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .find_map(|pair| pair.strip_prefix("emulator="));
        let mut switches = Self::default();
        for word in [header, parameter].into_iter().flatten().flat_map(|list| list.split(',')) {
            let (name, value) = word.trim().split_once('=').unwrap_or((word.trim(), "1"));
            let number: u64 = value.parse().unwrap_or(0);
            let size = usize::try_from(number).unwrap_or(usize::MAX);
            match name {
                "delay" => switches.delay_ms = number,
                "chunks" => switches.chunks = size,
                "chunk_delay" => switches.chunk_delay_ms = number,
                "break_after" => switches.break_after = Some(size),
                "stall_after" => switches.stall_after = Some(size),
                "status" => switches.status = u16::try_from(number).ok(),
                "truncate_after" => switches.truncate_after = Some(size),
                "gzip" => switches.gzip = number != 0,
                "br" => switches.brotli = number != 0,
                "comments" => switches.comments = number != 0,
                "multiline" => switches.multiline = number != 0,
                "body_bytes" => switches.body_bytes = size,
                "crlf" => switches.crlf = number != 0,
                "split" => switches.split = size,
                "no_usage" => switches.no_usage = number != 0,
                _ => {}
            }
        }
        switches
    }
}
