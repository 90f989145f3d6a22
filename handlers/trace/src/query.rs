//! The query language of the search bars and the `q` parameter.
//!
//! ```text
//! query  = { term } ;                    space separated, all must hold
//! term   = ["-"] ( filter | word ) ;
//! filter = key ":" [op] value ;          op is >=, <=, >, < or =
//! value  = bare | '"' chars '"' ;        \" stands for a quote
//! ```

mod print;
mod token;

use crate::filter::{Filter, Inclusive, NumberField, Range, SortBy, SortOrder, Term, Test, TextField};
use crate::id::TraceId;
use crate::span::StatusWord;
use crate::time::Timestamp;

use token::{Operator, Token, tokens};

/// Most terms of a query. Each is looked for in whole inputs and outputs, and is part of one statement.
const MOST_TERMS: usize = 100;

/// What a query asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Which rows.
    pub filter: Filter,
    /// In which order, where it says.
    pub sort_by: Option<SortBy>,
    /// In which direction, where it says.
    pub sort_order: Option<SortOrder>,
}

/// A term with a known key and a value it cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// The key.
    pub field: String,
    /// What the value should have been.
    pub message: String,
}

/// Reads a query; relative times count back from `now`. Every text is a query: what is no filter is a word.
pub fn parse(text: &str, now: Timestamp) -> Result<Query, QueryError> {
    let mut query = Query::default();
    for token in tokens(text) {
        match token {
            Token::Word { negated, text } => {
                query.filter.terms.push(Term { negated, test: Test::Text(TextField::Anywhere, text) });
            }
            Token::Filter { negated, key, operator, value } => match key {
                "sort" => query.sort_by = Some(sort_by(operator, &value)?),
                "order" => query.sort_order = Some(sort_order(operator, &value)?),
                _ => {
                    let written = value.clone();
                    let own = test(key, operator, value, now)?;
                    if let Test::Since(time) | Test::Until(time) = own {
                        query
                            .filter
                            .relative
                            .extend(relative_time(&written, now).filter(|(own, _)| *own == time));
                    }
                    query.filter.terms.push(Term { negated, test: own });
                }
            },
        }
        if query.filter.terms.len() > MOST_TERMS {
            let message =
                format!("a query has at most {MOST_TERMS} words and filters; put a sentence in quotes");
            return Err(QueryError { field: "q".to_owned(), message });
        }
    }
    Ok(query)
}

/// Reads a time: RFC 3339, a date, or `<n>s`, `m`, `h` or `d` before `now`. `None` when it is neither.
pub fn parse_time(text: &str, now: Timestamp) -> Option<Timestamp> {
    relative_time(text, now).map(|(time, _)| time).or_else(|| Timestamp::parse(text).ok())
}

/// Reads a time written relative to now and returns it with its text, as [`Filter::relative`] keeps it.
pub fn relative_time(text: &str, now: Timestamp) -> Option<(Timestamp, String)> {
    let text = text.trim();
    relative(text).map(|micros| (now.minus_micros(micros), text.to_owned()))
}

fn relative(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = digits.then(|| number.parse().unwrap_or(i64::MAX))?;
    Some(number.saturating_mul(seconds).saturating_mul(1_000_000))
}

/// Returns whether `key` is one of the language's; anything else makes the whole token a word.
fn is_key(key: &str) -> bool {
    const KEYS: [&str; 19] = [
        "model",
        "provider",
        "kind",
        "status",
        "name",
        "trace",
        "session",
        "cost",
        "tokens",
        "input_tokens",
        "output_tokens",
        "duration",
        "since",
        "until",
        "input",
        "output",
        "text",
        "path",
        "tag",
    ];
    KEYS.contains(&key) || key == "sort" || key == "order"
}

fn bad(key: &str, message: &str) -> QueryError {
    QueryError { field: key.to_owned(), message: format!("{key}: {message}") }
}

fn test(key: &str, operator: Operator, value: String, now: Timestamp) -> Result<Test, QueryError> {
    let number = |field, read, message| {
        let range = range(operator, &value, read).ok_or_else(|| bad(key, message))?;
        Ok(Test::Number(field, range))
    };
    let count = "must be a number, such as 1000, >1000 or 500-1000";
    Ok(match key {
        "model" => Test::Model(exact(operator, value)),
        "provider" => Test::Provider(exact(operator, value)),
        "kind" => Test::Kind(exact(operator, value)),
        "status" => {
            let word = StatusWord::parse(&exact(operator, value));
            Test::Status(word.ok_or_else(|| bad(key, "must be running, completed or failed"))?)
        }
        "name" => Test::Name(part(operator, value)),
        "trace" => {
            let id = TraceId::parse(&exact(operator, value));
            Test::Trace(id.map_err(|_| bad(key, "must be a trace id"))?)
        }
        "session" => Test::Session(exact(operator, value)),
        "cost" => number(NumberField::Cost, plain, "must be US dollars, such as >0.01")?,
        "tokens" => number(NumberField::Tokens, plain, count)?,
        "input_tokens" => number(NumberField::InputTokens, plain, count)?,
        "output_tokens" => number(NumberField::OutputTokens, plain, count)?,
        "duration" => {
            number(NumberField::Duration, millis, "must be a duration, such as >2s, 500 or 100ms-2s")?
        }
        "since" => Test::Since(time(key, operator, value, now)?),
        "until" => Test::Until(time(key, operator, value, now)?),
        "input" => Test::Text(TextField::Input, part(operator, value)),
        "output" => Test::Text(TextField::Output, part(operator, value)),
        "path" => Test::Path(exact(operator, value)),
        "tag" => Test::Tag(part(operator, value)),
        // `text`, and any key added to `is_key` alone.
        _ => Test::Text(TextField::Anywhere, part(operator, value)),
    })
}

/// Returns the value of a key that matches exactly, for which `=` goes without saying.
fn exact(operator: Operator, value: String) -> String {
    if operator == Operator::Equal { value } else { part(operator, value) }
}

/// Returns the value of a key that matches text, in which `<div>` is text too.
fn part(operator: Operator, value: String) -> String {
    if operator == Operator::None { value } else { format!("{}{value}", operator.as_str()) }
}

fn time(key: &str, operator: Operator, value: String, now: Timestamp) -> Result<Timestamp, QueryError> {
    let message = "must be a time such as 2025-03-01T10:00:00Z, a date, or 24h";
    parse_time(&exact(operator, value), now).ok_or_else(|| bad(key, message))
}

fn sort_by(operator: Operator, value: &str) -> Result<SortBy, QueryError> {
    let plain = matches!(operator, Operator::None | Operator::Equal);
    let found = SortBy::ALL.into_iter().find(|own| plain && own.as_str() == value);
    found.ok_or_else(|| bad("sort", "must be started_at, duration, tokens, cost, name or span_count"))
}

fn sort_order(operator: Operator, value: &str) -> Result<SortOrder, QueryError> {
    let plain = matches!(operator, Operator::None | Operator::Equal);
    let found = [SortOrder::Asc, SortOrder::Desc].into_iter().find(|own| plain && own.as_str() == value);
    found.ok_or_else(|| bad("order", "must be asc or desc"))
}

/// The longest number or range, in bytes: more than the longest one that is printed.
const MAX_NUMBER: usize = 1024;

/// Reads the value of a number: a bound with its operator, a number, or `5-7`.
fn range(operator: Operator, text: &str, read: fn(&str) -> Option<f64>) -> Option<Range> {
    if text.len() > MAX_NUMBER {
        return None;
    }
    let bound = |own| Some(Some((read(text)?, own)));
    match operator {
        Operator::Above => Some(Range { min: bound(Inclusive::No)?, max: None }),
        Operator::AtLeast => Some(Range { min: bound(Inclusive::Yes)?, max: None }),
        Operator::Below => Some(Range { min: None, max: bound(Inclusive::No)? }),
        Operator::AtMost => Some(Range { min: None, max: bound(Inclusive::Yes)? }),
        Operator::Equal => read(text).map(Range::exactly),
        Operator::None => read(text).map(Range::exactly).or_else(|| between(text, read)),
    }
}

/// Reads `5-7`. The minus of a negative number or of an exponent is not the one between them.
fn between(text: &str, read: fn(&str) -> Option<f64>) -> Option<Range> {
    text.match_indices('-').find_map(|(at, _)| {
        let (low, high) = (read(&text[..at])?, read(&text[at + 1..])?);
        Some(Range { min: Some((low, Inclusive::Yes)), max: Some((high, Inclusive::Yes)) })
    })
}

fn plain(text: &str) -> Option<f64> {
    // The standard parser also takes `inf` and `nan`, which are no numbers here.
    let digits = text.strip_prefix('-').unwrap_or(text);
    let starts = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    starts.then(|| text.parse().ok()).flatten().filter(|number: &f64| number.is_finite())
}

fn millis(text: &str) -> Option<f64> {
    if let Some(number) = text.strip_suffix("ms") {
        return plain(number);
    }
    if let Some(number) = text.strip_suffix('s') {
        return plain(number).map(|seconds| seconds * 1_000.0);
    }
    if let Some(number) = text.strip_suffix('m') {
        return plain(number).map(|minutes| minutes * 60_000.0);
    }
    plain(text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const NOW: i64 = 1_800_000_000_000_000;

    fn terms(text: &str) -> Vec<Term> {
        parse(text, Timestamp::from_micros(NOW)).unwrap().filter.terms
    }

    fn one(text: &str) -> Test {
        let terms = terms(text);
        assert_eq!(terms.len(), 1, "{text}");
        assert!(!terms[0].negated);
        terms[0].test.clone()
    }

    fn word(text: &str) -> Test {
        Test::Text(TextField::Anywhere, text.to_owned())
    }

    fn error(text: &str) -> String {
        parse(text, Timestamp::from_micros(NOW)).unwrap_err().field
    }

    #[test]
    fn a_query_has_a_hundred_terms_at_most() {
        assert_eq!(terms(&format!("{}sort:cost", "-word model:m ".repeat(50))).len(), 100);
        assert_eq!(error(&"word ".repeat(101)), "q");
        assert_eq!(terms(&format!("\"{}\"", "word ".repeat(5_000))).len(), 1);
    }

    #[test]
    fn every_key_becomes_its_test() {
        let text = |text: &str| text.to_owned();
        for (query, test) in [
            ("model:gpt-4o", Test::Model(text("gpt-4o"))),
            ("provider:openai", Test::Provider(text("openai"))),
            ("kind:tool_call", Test::Kind(text("tool_call"))),
            ("status:failed", Test::Status(StatusWord::Failed)),
            ("name:\"two words\"", Test::Name(text("two words"))),
            ("trace:abc", Test::Trace(TraceId::parse("abc").unwrap())),
            ("session:a:b/c", Test::Session(text("a:b/c"))),
            ("input:hello", Test::Text(TextField::Input, text("hello"))),
            ("output:\"say \\\"hi\\\"\"", Test::Text(TextField::Output, text("say \"hi\""))),
            ("text:x", word("x")),
            ("path:src/main.rs", Test::Path(text("src/main.rs"))),
            ("tag:session:abc", Test::Tag(text("session:abc"))),
            ("cost:0.5", Test::Number(NumberField::Cost, Range::exactly(0.5))),
            ("tokens:>=10", Test::Number(NumberField::Tokens, Range::at_least(10.0))),
            ("input_tokens:<=10", Test::Number(NumberField::InputTokens, Range::at_most(10.0))),
            ("output_tokens:=3", Test::Number(NumberField::OutputTokens, Range::exactly(3.0))),
        ] {
            assert_eq!(one(query), test, "{query}");
        }
    }

    #[test]
    fn durations_take_units_and_ranges() {
        let duration = |min, max| {
            let bound = |value: Option<f64>| value.map(|value| (value, Inclusive::Yes));
            Test::Number(NumberField::Duration, Range { min: bound(min), max: bound(max) })
        };
        assert_eq!(one("duration:>=2s"), duration(Some(2000.0), None));
        assert_eq!(one("duration:<=1.5m"), duration(None, Some(90_000.0)));
        assert_eq!(one("duration:500-1000"), duration(Some(500.0), Some(1000.0)));
        assert_eq!(one("duration:100ms-2s"), duration(Some(100.0), Some(2000.0)));
        let Test::Number(_, range) = one("duration:>2s") else { panic!("a number") };
        assert!(!range.contains(2000.0) && range.contains(2001.0));
    }

    #[test]
    fn times_are_absolute_or_count_back_from_now() {
        let ago = |seconds: i64| Timestamp::from_micros(NOW - seconds * 1_000_000);
        assert_eq!(one("since:24h"), Test::Since(ago(86_400)));
        assert_eq!(one("until:90s"), Test::Until(ago(90)));
        assert_eq!(one("since:2025-03-01"), Test::Since(Timestamp::parse("2025-03-01").unwrap()));
        assert_eq!(
            one("since:\"2025-03-01T10:00:00+01:00\""),
            Test::Since(Timestamp::parse("2025-03-01T09:00:00Z").unwrap())
        );
        assert!(parse_time("99999999999999999999d", Timestamp::from_micros(NOW)).is_some());
    }

    #[test]
    fn what_is_no_filter_is_a_word() {
        for text in ["refund", "foo:bar", "http://x", "MODEL:x", ":x", "a:b:c", "-", "12:30"] {
            assert_eq!(one(text), word(text), "{text}");
        }
        assert_eq!(one("\"late delivery\""), word("late delivery"));
        assert_eq!(one("\"model:gpt\""), word("model:gpt"));
        assert_eq!(one("\"unclosed quote"), word("unclosed quote"));
        assert_eq!(one("foo:\"bar baz\""), word("foo:bar baz"));
    }

    #[test]
    fn a_minus_negates_filters_and_words() {
        let negated: Vec<bool> =
            terms("-model:a -word -\"two words\" plain --x").iter().map(|t| t.negated).collect();
        assert_eq!(negated, [true, true, true, false, true]);
    }

    #[test]
    fn empty_values_are_ignored() {
        for text in ["", "   ", "model:", "name:\"\"", "-status:", "\"\"", "cost:"] {
            assert_eq!(terms(text), [], "{text:?}");
        }
    }

    #[test]
    fn impossible_values_name_their_key() {
        for (text, field) in [
            ("cost:much", "cost"),
            ("tokens:>", "tokens"),
            ("duration:2h-", "duration"),
            ("status:done", "status"),
            ("since:yesterday", "since"),
            ("sort:size", "sort"),
            ("order:up", "order"),
            ("tokens:nan", "tokens"),
            ("tokens:-inf", "tokens"),
            ("cost:1e999", "cost"),
            ("cost:>5<7", "cost"),
            ("since:>1h", "since"),
            ("sort:>cost", "sort"),
            ("trace:\"a b\"", "trace"),
        ] {
            assert_eq!(error(text), field, "{text}");
        }
    }

    #[test]
    fn an_equals_sign_goes_without_saying_and_other_signs_are_text() {
        assert_eq!(one("model:=gpt-4o"), Test::Model("gpt-4o".to_owned()));
        assert_eq!(one("model:\"=x\""), Test::Model("=x".to_owned()));
        assert_eq!(one("status:=failed"), Test::Status(StatusWord::Failed));
        assert_eq!(one("text:<div>"), word("<div>"));
        assert_eq!(one("text:=5"), word("=5"));
        assert_eq!(one("cost:>=\"5\""), Test::Number(NumberField::Cost, Range::at_least(5.0)));
        assert_eq!(terms("model:= status:="), []);
    }

    #[test]
    fn numbers_may_be_negative_or_have_an_exponent() {
        let between = |a, b| {
            Test::Number(NumberField::Cost, Range { max: Range::at_most(b).max, ..Range::at_least(a) })
        };
        assert_eq!(one("cost:>=-1"), Test::Number(NumberField::Cost, Range::at_least(-1.0)));
        assert_eq!(one("cost:1e-3"), Test::Number(NumberField::Cost, Range::exactly(0.001)));
        assert_eq!(one("cost:1e-3-2e-3"), between(0.001, 0.002));
        assert_eq!(one("cost:-5--1"), between(-5.0, -1.0));
        assert_eq!(error(&format!("cost:{}", "-".repeat(1_000_000))), "cost");
    }

    #[test]
    fn sort_and_order_are_taken_out() {
        let query = parse("sort:cost order:asc x", Timestamp::from_micros(NOW)).unwrap();
        assert_eq!((query.sort_by, query.sort_order), (Some(SortBy::Cost), Some(SortOrder::Asc)));
        assert_eq!(query.filter.terms.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_a_panic(text in "\\PC*") {
            let _ = parse(&text, Timestamp::from_micros(NOW));
        }

        #[test]
        fn a_quoted_word_is_taken_as_it_is(text in "[^\"\\\\]{1,20}") {
            proptest::prop_assume!(!text.trim().is_empty());
            proptest::prop_assert_eq!(one(&format!("\"{text}\"")), word(&text));
        }
    }
}
