//! Turns filters into the service's.
//!
//! Where the service cannot tell exactly, it is asked for more, and what it returns is verified here: text in payloads,
//! texts too long to be filtered, costs closer to each other than 10⁻¹² dollars.

use trace::filter::{Filter as Terms, Inclusive, NumberField, Range, Term, Test, TextField};
use trace::text::Needle;
use trace::trace::Trace;

use crate::client::Filter;
use crate::ids;
use crate::key::{Cut, having, is_whole, key};
use crate::pico::pico;
use crate::side::Which;
use crate::words::Search;

/// Returns the filter of a superset of the spans for which a term holds.
///
/// Terms about the trace restrict nothing here: rows of spans do not say.
pub(crate) fn of_span(term: &Term) -> Filter {
    let filter = match &term.test {
        Test::Model(model) => Filter::eq("model", key(model)),
        Test::Provider(provider) => Filter::eq("provider", key(provider)),
        Test::Kind(word) => Filter::any([Filter::eq("sk", key(word)), Filter::eq("word", key(word))]),
        Test::Status(word) => Filter::eq("state", word.as_str()),
        Test::Name(part) => return name(part, term.negated),
        Test::Trace(id) => Filter::is("trace_id", ids::trace(id)),
        Test::Session(_) | Test::Tag(_) => return Filter::Everything,
        Test::Number(field, range) => return number(of_span_number(*field), *range, term.negated),
        Test::Since(time) => Filter::at_least("start_us", time.as_micros()),
        Test::Until(time) => Filter::at_most("start_us", time.as_micros()),
        Test::Text(..) if term.negated => return Filter::Everything,
        Test::Text(field, text) => return of_text(*field, text),
        Test::Path(path) => Filter::eq("path", key(path)),
    };
    if term.negated { filter.negated() } else { filter }
}

/// Returns the filter of a superset of the traces for which a term about the trace itself holds.
pub(crate) fn of_trace(term: &Term) -> Filter {
    let filter = match &term.test {
        Test::Status(word) => Filter::eq("state", word.as_str()),
        Test::Trace(id) => Filter::is("id", ids::trace(id)),
        Test::Session(id) => Filter::eq("session", key(id)),
        Test::Tag(part) => return part_of("tags_lc", part, term.negated),
        Test::Since(time) => Filter::at_least("start_us", time.as_micros()),
        Test::Until(time) => Filter::at_most("start_us", time.as_micros()),
        Test::Number(field, range) => return number(of_trace_number(*field), *range, term.negated),
        Test::Model(_)
        | Test::Provider(_)
        | Test::Kind(_)
        | Test::Name(_)
        | Test::Text(..)
        | Test::Path(_) => return Filter::Everything,
    };
    if term.negated { filter.negated() } else { filter }
}

/// Returns the filter of a superset of the rows whose own name has, or has not, `part` in it.
pub(crate) fn name(part: &str, negated: bool) -> Filter {
    part_of("name_lc", part, negated)
}

/// Returns the filter of the rows whose name has `part` in what is kept of it.
pub(crate) fn named(part: &str) -> Filter {
    having("name_lc", &part.to_lowercase(), Cut::ByStart)
}

fn part_of(attribute: &'static str, part: &str, negated: bool) -> Filter {
    let part = part.to_lowercase();
    if negated {
        having(attribute, &part, Cut::ByStart).negated()
    } else {
        having(attribute, &part, Cut::Match)
    }
}

/// Returns the filter of a superset of the spans that have a text.
fn of_text(field: TextField, text: &str) -> Filter {
    // What consists of punctuation alone is looked for everywhere.
    let Some(search) = Search::of(text) else { return Filter::Everything };
    let side = |which: Which| search.filter(which.words(), which.many());
    match field {
        TextField::Input => side(Which::Input),
        TextField::Output => side(Which::Output),
        TextField::Anywhere => Filter::any([side(Which::Input), side(Which::Output), name(text, false)]),
    }
}

/// Returns whether the filter of a test selects exactly the spans for which it holds, or as good as that.
pub(crate) fn is_exact(test: &Test) -> bool {
    match test {
        Test::Text(..) | Test::Session(_) | Test::Tag(_) => false,
        Test::Name(part) => is_whole(part),
        _ => true,
    }
}

/// A number as rows have it.
struct Number {
    attribute: &'static str,
    /// What tells that there is a number at all.
    present: Filter,
    scale: Scale,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Whole,
    Pico,
}

fn of_span_number(field: NumberField) -> Number {
    let whole = |attribute, present| Number { attribute, present, scale: Scale::Whole };
    match field {
        NumberField::Cost => {
            Number { attribute: "cost_p", present: Filter::eq("priced", true), scale: Scale::Pico }
        }
        NumberField::Tokens => {
            whole("tok_tot", Filter::any([Filter::present("tok_in"), Filter::present("tok_out")]))
        }
        NumberField::InputTokens => whole("tok_in", Filter::present("tok_in")),
        NumberField::OutputTokens => whole("tok_out", Filter::present("tok_out")),
        NumberField::Duration => whole("dur_ms", Filter::present("end_us")),
    }
}

fn of_trace_number(field: NumberField) -> Number {
    let whole = |attribute, present| Number { attribute, present, scale: Scale::Whole };
    match field {
        NumberField::Cost => Number { attribute: "cost_p", present: Filter::Everything, scale: Scale::Pico },
        NumberField::Tokens => whole("tok_tot", Filter::Everything),
        NumberField::Duration => whole("dur_ms", Filter::present("end_us")),
        // What only spans have, no trace has.
        NumberField::InputTokens => whole("tok_in", Filter::Nothing),
        NumberField::OutputTokens => whole("tok_out", Filter::Nothing),
    }
}

fn number(number: Number, range: Range, negated: bool) -> Filter {
    let is_nan = |bound: Option<(f64, Inclusive)>| bound.is_some_and(|(value, _)| value.is_nan());
    let filter = if is_nan(range.min) || is_nan(range.max) {
        Filter::Nothing
    } else {
        let (min, max) = match number.scale {
            Scale::Whole => (range.min.map(lowest), range.max.map(highest)),
            Scale::Pico => {
                // Costs that round to a bound may lie on either side of it: taken in, or left in when negated.
                let inset = i64::from(negated);
                let at = |(value, _): (f64, Inclusive)| pico(value);
                let min = range.min.map(|min| at(min).saturating_add(inset));
                (min, range.max.map(|max| at(max).saturating_sub(inset)))
            }
        };
        let min = min.map_or(Filter::Everything, |min| Filter::at_least(number.attribute, min));
        let max = max.map_or(Filter::Everything, |max| Filter::at_most(number.attribute, max));
        Filter::all([number.present, min, max])
    };
    if negated { filter.negated() } else { filter }
}

/// Returns the lowest whole number in a range that starts at `value`.
#[expect(clippy::cast_possible_truncation, reason = "the casts saturate")]
fn lowest((value, own): (f64, Inclusive)) -> i64 {
    match own {
        Inclusive::Yes => value.ceil() as i64,
        Inclusive::No => (value.floor() as i64).saturating_add(1),
    }
}

/// Returns the highest whole number in a range that ends at `value`.
#[expect(clippy::cast_possible_truncation, reason = "the casts saturate")]
fn highest((value, own): (f64, Inclusive)) -> i64 {
    match own {
        Inclusive::Yes => value.floor() as i64,
        Inclusive::No => (value.ceil() as i64).saturating_sub(1),
    }
}

/// Returns whether a term about the trace itself holds for it.
#[expect(clippy::cast_precision_loss, reason = "counts are compared with numbers that people type")]
pub(crate) fn holds_for_trace(term: &Term, trace: &Trace) -> bool {
    let holds = match &term.test {
        Test::Status(status) => trace.status() == *status,
        Test::Trace(id) => trace.id == *id,
        Test::Session(id) => trace.session_id.as_ref() == Some(id),
        Test::Tag(part) => {
            let needle = Needle::new(part);
            trace.tags.iter().any(|own| needle.is_in(own))
        }
        Test::Since(time) => trace.started_at >= *time,
        Test::Until(time) => trace.started_at <= *time,
        Test::Number(field, range) => {
            let tokens = trace.totals.input_tokens.saturating_add(trace.totals.output_tokens);
            let value = match field {
                NumberField::Cost => Some(trace.totals.cost),
                NumberField::Tokens => Some(tokens as f64),
                NumberField::Duration => trace.duration_ms().map(|ms| ms as f64),
                NumberField::InputTokens | NumberField::OutputTokens => None,
            };
            value.is_some_and(|value| range.contains(value))
        }
        // These are about spans; whoever sorted the terms asks them there.
        Test::Model(_)
        | Test::Provider(_)
        | Test::Kind(_)
        | Test::Name(_)
        | Test::Text(..)
        | Test::Path(_) => return true,
    };
    holds != term.negated
}

/// Returns the filter in which all `tests` must hold.
pub(crate) fn having_all(tests: &[Test]) -> Terms {
    let mut terms = Terms::default();
    for test in tests {
        terms.and(test.clone());
    }
    terms
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::{Value, json};

    use super::*;

    fn shown(test: Test, negated: bool) -> Value {
        serde_json::to_value(of_span(&Term { negated, test })).unwrap()
    }

    fn range(min: Option<(f64, Inclusive)>, max: Option<(f64, Inclusive)>) -> Range {
        Range { min, max }
    }

    #[test]
    fn a_bound_above_asks_that_there_is_a_value() {
        let test = |range| Test::Number(NumberField::InputTokens, range);
        let present = json!(["tok_in", "NotEq", null]);
        assert_eq!(
            shown(test(Range::at_most(40.5)), false),
            json!(["And", [present, present, ["tok_in", "Lte", 40]]])
        );
        let exclusive = range(Some((40.0, Inclusive::No)), Some((41.0, Inclusive::No)));
        assert_eq!(
            shown(test(exclusive), true),
            json!(["Not", ["And", [present, ["tok_in", "Gte", 41], present, ["tok_in", "Lte", 40]]]])
        );
        let nan = Test::Number(NumberField::Cost, Range::at_least(f64::NAN));
        assert_eq!(of_span(&Term { negated: false, test: nan }), Filter::Nothing);
    }

    #[test]
    fn costs_at_a_bound_are_asked_for_and_verified() {
        let test = || Test::Number(NumberField::Cost, range(Some((0.25, Inclusive::No)), None));
        let priced = json!(["priced", "Eq", true]);
        assert_eq!(shown(test(), false), json!(["And", [priced, ["cost_p", "Gte", 250_000_000_000_i64]]]));
        assert_eq!(
            shown(test(), true),
            json!(["Not", ["And", [priced, ["cost_p", "Gte", 250_000_000_001_i64]]]])
        );
    }

    #[test]
    fn negation_keeps_what_has_no_value() {
        assert_eq!(shown(Test::Model("m".to_owned()), true), json!(["Not", ["model", "Eq", "m"]]));
        assert_eq!(shown(Test::Name("A*".to_owned()), true), json!(["Not", ["name_lc", "Glob", "*a[*]*"]]));
    }

    #[test]
    fn text_asks_for_its_words_or_for_a_name() {
        let wanted = json!(["Or", [
            ["in_w", "ContainsAllTokens", ["my", "ord"], {"last_as_prefix": true}],
            ["in_many", "Eq", true],
            ["out_w", "ContainsAllTokens", ["my", "ord"], {"last_as_prefix": true}],
            ["out_many", "Eq", true],
            ["name_lc", "Glob", "*my ord*"],
            ["name_lc", "Glob", "*\u{1}*"],
        ]]);
        assert_eq!(shown(Test::Text(TextField::Anywhere, "My ord".to_owned()), false), wanted);
        let nothing = Term { negated: false, test: Test::Text(TextField::Input, "{\"".to_owned()) };
        assert_eq!(of_span(&nothing), Filter::Everything);
    }
}
