//! Turns filters into SQL conditions. Text in payloads is left to the caller: it is checked on what was read.

use trace::filter::{Filter, Inclusive, NumberField, Range, Term, Test};
use trace::span::StatusWord;
use trace::time::Timestamp;

use crate::fold::lowered;
use crate::span_row::status_number;
use crate::sql::Value;

/// Conditions that must all hold, with the values of their placeholders in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition that must hold.
    pub(crate) fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        self.sql.push_str(sql);
        self.values.extend(values);
    }

    pub(crate) fn term(&mut self, negated: bool, sql: &str, values: impl IntoIterator<Item = Value>) {
        if negated {
            // What lacks the tested field is unknown to SQL, and is kept.
            self.and(&format!("({sql}) IS NOT TRUE"), values);
        } else {
            self.and(&format!("({sql})"), values);
        }
    }

    /// Returns the condition of spans `s` of a project, without the text terms.
    pub(crate) fn of_spans(project: i64, filter: &Filter) -> Self {
        let mut conditions = Self::default();
        conditions.and("s.project = ?", [project.into()]);
        for term in &filter.terms {
            conditions.span_term(project, term);
        }
        conditions
    }

    /// Adds what a term asks of a span `s`. Text is not SQL's to check.
    pub(crate) fn span_term(&mut self, project: i64, term: &Term) {
        let not = term.negated;
        match &term.test {
            Test::Model(model) => {
                self.term(not, "s.kind = 0 AND s.label = ?", [model.as_str().into()]);
            }
            Test::Provider(provider) => self.term(not, "s.provider = ?", [provider.as_str().into()]),
            Test::Kind(word) => self.kind(not, word),
            Test::Status(status) => self.term(not, "s.status = ?", [status_number(*status).into()]),
            Test::Name(part) => {
                let needle = part.to_lowercase();
                let name = lowered("s.name", "s.name_folded", &needle);
                self.term(not, &format!("instr({name}, ?) > 0"), [needle.into()]);
            }
            Test::Trace(id) => self.term(
                not,
                "s.trace = (SELECT row FROM traces WHERE project = ? AND id = ?)",
                [project.into(), id.as_str().into()],
            ),
            Test::Session(id) => self.term(
                not,
                "s.trace IN (SELECT row FROM traces WHERE project = ? AND session_id = ?)",
                [project.into(), id.as_str().into()],
            ),
            Test::Number(field, range) => self.number(not, span_number(*field), *range),
            Test::Since(time) => self.time(not, "s.started_at >= ?", *time),
            Test::Until(time) => self.time(not, "s.started_at <= ?", *time),
            Test::Text(..) => {}
            Test::Path(path) => {
                self.term(not, "s.kind IN (2, 3) AND s.label = ?", [path.as_str().into()]);
            }
            Test::Tag(part) => {
                let (tagged, values) = tagged(part);
                let sql = format!(
                    "s.trace IN (SELECT t.row FROM traces t INDEXED BY traces_by_tags
                     WHERE t.project = ? AND {tagged})"
                );
                self.term(not, &sql, std::iter::once(project.into()).chain(values));
            }
        }
    }

    fn kind(&mut self, negated: bool, word: &str) {
        let number: Option<i64> = match word {
            "llm_call" => Some(0),
            "custom" => Some(1),
            "fs_read" => Some(2),
            "fs_write" => Some(3),
            _ => None,
        };
        match number {
            // A custom kind may call itself by the word of another type.
            Some(number) => {
                self.term(
                    negated,
                    "s.kind = ? OR (s.kind = 1 AND s.label = ?)",
                    [number.into(), word.into()],
                );
            }
            None => self.term(negated, "s.kind = 1 AND s.label = ?", [word.into()]),
        }
    }

    pub(crate) fn time(&mut self, negated: bool, sql: &str, time: Timestamp) {
        self.term(negated, sql, [time.as_micros().into()]);
    }

    pub(crate) fn number(&mut self, negated: bool, expression: &str, range: Range) {
        let mut tests = Vec::with_capacity(2);
        let mut values = Vec::with_capacity(2);
        for (bound, inclusive, exclusive) in [(range.min, ">=", ">"), (range.max, "<=", "<")] {
            if let Some((value, own)) = bound {
                let operator = if own == Inclusive::Yes { inclusive } else { exclusive };
                tests.push(format!("{expression} {operator} ?"));
                values.push(Value::Real(value));
            }
        }
        if tests.is_empty() {
            tests.push(format!("{expression} IS NOT NULL"));
        }
        self.term(negated, &tests.join(" AND "), values);
    }

    /// Adds what a term asks of a trace `t` itself or, for names, of any of its spans.
    pub(crate) fn trace_term(&mut self, term: &Term) {
        let not = term.negated;
        match &term.test {
            Test::Status(status) => {
                let sql = match status {
                    StatusWord::Failed => "t.failed > 0",
                    StatusWord::Running => "t.failed = 0 AND t.running > 0",
                    StatusWord::Completed => "t.failed = 0 AND t.running = 0",
                };
                self.term(not, sql, []);
            }
            Test::Number(field, range) => {
                // What only spans have, no trace has.
                self.number(not, trace_number(*field).unwrap_or("NULL"), *range);
            }
            Test::Since(time) => self.time(not, "t.started_at >= ?", *time),
            Test::Until(time) => self.time(not, "t.started_at <= ?", *time),
            Test::Session(id) => self.term(not, "t.session_id = ?", [id.as_str().into()]),
            Test::Trace(id) => self.term(not, "t.id = ?", [id.as_str().into()]),
            Test::Tag(part) => {
                let (sql, values) = tagged(part);
                self.term(not, &sql, values);
            }
            Test::Name(part) => {
                let needle = part.to_lowercase();
                let own = lowered("t.name", "t.name_folded", &needle);
                let spans = lowered("s.name", "s.name_folded", &needle);
                let sql = format!(
                    "instr(ifnull({own}, ''), ?) > 0 OR EXISTS
                     (SELECT 1 FROM spans s WHERE s.trace = t.row AND instr({spans}, ?) > 0)"
                );
                self.term(not, &sql, [needle.as_str().into(), needle.as_str().into()]);
            }
            // About spans, each on its own terms: see `TraceFilter`.
            Test::Model(_) | Test::Provider(_) | Test::Kind(_) | Test::Text(..) | Test::Path(_) => {}
        }
    }
}

/// Returns the number of a span `s` in SQL; NULL where it has none.
pub(crate) fn span_number(field: NumberField) -> &'static str {
    match field {
        NumberField::Cost => "s.cost",
        NumberField::Tokens => "coalesce(s.input_tokens + s.output_tokens, s.input_tokens, s.output_tokens)",
        NumberField::InputTokens => "s.input_tokens",
        NumberField::OutputTokens => "s.output_tokens",
        NumberField::Duration => "max(0, (s.ended_at - s.started_at) / 1000)",
    }
}

/// Returns the number of a trace `t` in SQL, or `None` for numbers that only spans have.
pub(crate) fn trace_number(field: NumberField) -> Option<&'static str> {
    match field {
        NumberField::Cost => Some("t.cost"),
        NumberField::Tokens => Some("(t.input_tokens + t.output_tokens)"),
        NumberField::Duration => Some("max(0, (t.last_end - t.first_start) / 1000)"),
        NumberField::InputTokens | NumberField::OutputTokens => None,
    }
}

/// Returns the SQL of whether a tag of a trace `t` has a text in it, and the values of its placeholders.
///
/// The JSON of all tags is looked into first, which rules out most traces without reading tag by tag.
fn tagged(part: &str) -> (String, [Value; 2]) {
    let needle = part.to_lowercase();
    let tags = lowered("t.tags", "t.tags_folded", &needle);
    let sql = format!(
        "t.tags IS NOT NULL AND instr({tags}, ?) > 0
         AND EXISTS (SELECT 1 FROM json_each({tags}) tag WHERE instr(tag.value, ?) > 0)"
    );
    let json = serde_json::to_string(&needle).unwrap_or_default();
    let escaped = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default();
    (sql, [escaped.into(), needle.into()])
}

/// Returns the terms of a filter that ask for text, which SQL does not check.
pub(crate) fn text_terms<'f>(terms: impl IntoIterator<Item = &'f Term>) -> Vec<Term> {
    terms.into_iter().filter(|term| matches!(term.test, Test::Text(..))).cloned().collect()
}
