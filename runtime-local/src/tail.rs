//! `traceway tail`: calls in the terminal as they happen.

use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use futures_util::StreamExt;
use serde::Deserialize;

use crate::cli::{RED, RESET, TailFlags};
use crate::client::Client;
use crate::sse::{Event, Reader};

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();

/// Prints a line per event until interrupted. Reconnects where it left off when the server goes away.
pub(crate) fn run(flags: TailFlags) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(tail(flags))
}

async fn tail(flags: TailFlags) -> anyhow::Result<()> {
    let client = Client::new(flags.client.clone())?;
    let mut last = None;
    let mut announced = false;
    loop {
        match follow(&client, &flags, &mut last, &mut announced).await {
            Ok(()) => {}
            // A server that was never reached is a mistake to report; one that went away may come back.
            Err(error) if !announced => return Err(error),
            Err(error) => anstream::eprintln!("{DIM}{error:#}; trying again{RESET}"),
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

async fn follow(
    client: &Client,
    flags: &TailFlags,
    last: &mut Option<String>,
    announced: &mut bool,
) -> anyhow::Result<()> {
    let types = "span_created,span_completed,span_failed,cleared";
    let mut query = vec![("payload", "none"), ("types", types)];
    let filters = [
        ("kind", &flags.kind),
        ("model", &flags.model),
        ("status", &flags.status),
        ("session_id", &flags.session),
    ];
    query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
    let since = last.clone();
    query.extend(since.as_deref().map(|id| ("since", id)));
    let answer = client.get_ok("/api/events", &query).await?;
    if !std::mem::replace(announced, true) && !flags.json {
        anstream::eprintln!("{DIM}waiting for calls at {} (Ctrl-C ends){RESET}", flags.client.url);
    }
    let mut reader = Reader::default();
    let mut body = answer.bytes_stream();
    while let Some(chunk) = body.next().await {
        for event in reader.push(&chunk.map_err(reqwest::Error::without_url)?) {
            show(&event, flags.json);
            *last = event.id.or_else(|| last.take());
        }
    }
    Ok(())
}

fn show(event: &Event, json: bool) {
    if json {
        anstream::println!("{}", event.data);
        return;
    }
    match serde_json::from_str::<Message>(&event.data) {
        Ok(Message { span: Some(span), .. }) => anstream::println!("{}", line(&span)),
        Ok(Message { r#type, .. }) if r#type == "cleared" => {
            anstream::println!("{DIM}all traces cleared{RESET}");
        }
        _ => {}
    }
}

#[derive(Deserialize)]
struct Message {
    r#type: String,
    span: Option<Span>,
}

#[derive(Deserialize)]
struct Span {
    trace_id: String,
    name: String,
    status: serde_json::Value,
    kind: Kind,
    started_at: String,
    ended_at: Option<String>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
    #[serde(rename = "kind")]
    word: Option<String>,
    model: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    duration_ms: Option<u64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    estimated_cost: Option<f64>,
}

/// One line: time, state, kind, name, model, tokens, cost, duration, trace.
fn line(span: &Span) -> String {
    let time = span.ended_at.as_deref().unwrap_or(&span.started_at);
    let clock = time.get(11..19).unwrap_or(time);
    let error = span.status["failed"]["error"].as_str();
    let (style, mark) = match (error, span.ended_at.is_some()) {
        (Some(_), _) => (RED, "✗"),
        (None, true) => (GREEN, "✓"),
        (None, false) => (YELLOW, "…"),
    };
    let kind = span.kind.word.as_deref().unwrap_or(&span.kind.r#type);
    let mut out = format!(
        "{DIM}{clock}{RESET} {style}{mark}{RESET} {DIM}{kind:<10}{RESET} {BOLD}{}{RESET}",
        plain(&span.name)
    );
    if let Some(model) = span.kind.model.as_deref().filter(|model| *model != span.name) {
        let _ = write!(out, " {CYAN}{}{RESET}", plain(model));
    }
    if let (Some(input), Some(output)) = (span.metadata.input_tokens, span.metadata.output_tokens) {
        let _ = write!(out, " {input} → {output} tok");
    }
    if let Some(cost) = span.metadata.estimated_cost {
        let _ = write!(out, " {}", dollars(cost));
    }
    if let Some(ms) = span.metadata.duration_ms {
        let _ = write!(out, " {}", duration(ms));
    }
    if let Some(error) = error {
        let _ = write!(out, " {RED}{}{RESET}", plain(error.lines().next().unwrap_or_default()));
    }
    let _ = write!(out, " {DIM}{}{RESET}", plain(&span.trace_id));
    out
}

/// Returns text that cannot move the cursor or colour the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Two significant digits below a cent, four decimals above.
fn dollars(cost: f64) -> String {
    if cost <= 0.0 {
        return "$0".to_owned();
    }
    if cost >= 0.01 {
        return format!("${cost:.4}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a logarithm of a small number"
    )]
    let digits = (-cost.log10()).ceil().clamp(0.0, 12.0) as usize + 1;
    format!("${cost:.digits$}")
}

fn duration(ms: u64) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{}.{:02} s", ms / 1000, ms % 1000 / 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_keep_two_significant_digits_below_a_cent() {
        assert_eq!(dollars(0.000_123_4), "$0.00012");
        assert_eq!(dollars(0.0031), "$0.0031");
        assert_eq!(dollars(1.5), "$1.5000");
        assert_eq!(dollars(0.0), "$0");
    }

    #[test]
    fn names_cannot_colour_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }
}
