//! Queries and filters as text that reads back the same.
//!
//! Two things have no form in the language: a range that is open at one end and bounded at both, which only a program can
//! ask for, and a text with spaces that ends in a backslash, since a backslash before a quote escapes it.

use std::fmt;

use super::Query;
use crate::filter::{Filter, Inclusive, NumberField, Range, Term, Test, TextField};

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = if self.filter.is_empty() { "" } else { " " };
        self.filter.fmt(f)?;
        if let Some(sort_by) = self.sort_by {
            write!(f, "{space}sort:{}", sort_by.as_str())?;
            space = " ";
        }
        self.sort_order.map_or(Ok(()), |order| write!(f, "{space}order:{}", order.as_str()))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minus = if self.negated { "-" } else { "" };
        write!(f, "{minus}{}", self.test)
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(text) => write!(f, "model:{}", Quoted(text)),
            Self::Provider(text) => write!(f, "provider:{}", Quoted(text)),
            Self::Kind(text) => write!(f, "kind:{}", Quoted(text)),
            Self::Status(word) => write!(f, "status:{}", word.as_str()),
            Self::Name(text) => write!(f, "name:{}", Quoted(text)),
            Self::Trace(id) => write!(f, "trace:{id}"),
            Self::Session(text) => write!(f, "session:{}", Quoted(text)),
            Self::Number(field, range) => write!(f, "{}:{}", key(*field), Bounds(range)),
            Self::Since(time) => write!(f, "since:{time}"),
            Self::Until(time) => write!(f, "until:{time}"),
            Self::Text(TextField::Input, text) => write!(f, "input:{}", Quoted(text)),
            Self::Text(TextField::Output, text) => write!(f, "output:{}", Quoted(text)),
            Self::Text(TextField::Anywhere, text) => write!(f, "text:{}", Quoted(text)),
            Self::Path(text) => write!(f, "path:{}", Quoted(text)),
            Self::Tag(text) => write!(f, "tag:{}", Quoted(text)),
        }
    }
}

fn key(field: NumberField) -> &'static str {
    match field {
        NumberField::Cost => "cost",
        NumberField::Tokens => "tokens",
        NumberField::InputTokens => "input_tokens",
        NumberField::OutputTokens => "output_tokens",
        NumberField::Duration => "duration",
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = !self.0.contains(char::is_whitespace) && !self.0.starts_with(['"', '<', '>', '=']);
        if bare {
            return f.write_str(self.0);
        }
        write!(f, "\"{}\"", self.0.replace('"', "\\\""))
    }
}

struct Bounds<'a>(&'a Range);

impl fmt::Display for Bounds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |own| if own == Inclusive::Yes { "=" } else { "" };
        match (self.0.min, self.0.max) {
            (Some((min, Inclusive::Yes)), Some((max, Inclusive::Yes))) if min.total_cmp(&max).is_eq() => {
                write!(f, "{min}")
            }
            (Some((min, Inclusive::Yes)), Some((max, Inclusive::Yes))) => write!(f, "{min}-{max}"),
            (Some((min, own)), None) => write!(f, ">{}{min}", sign(own)),
            (None, Some((max, own))) => write!(f, "<{}{max}", sign(own)),
            (Some((min, low)), Some((max, high))) => {
                write!(f, ">{}{min}<{}{max}", sign(low), sign(high))
            }
            (None, None) => f.write_str("any"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use crate::filter::{
        Filter, Inclusive, ListQuery, NumberField, Range, SortBy, SortOrder, Term, Test, TextField,
    };
    use crate::id::TraceId;
    use crate::query::{Query, parse};
    use crate::span::StatusWord;
    use crate::time::Timestamp;

    fn now() -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000)
    }

    fn read(text: &str) -> Query {
        parse(text, now()).unwrap()
    }

    fn any_text() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            "[a-z]{1,8}",
            proptest::collection::vec(any::<char>(), 1..12).prop_map(String::from_iter),
            "[-:<>=\"\\\\ a]{1,8}",
        ];
        text.prop_filter("has no form", |text| !(text.ends_with('\\') && text.contains(char::is_whitespace)))
            // A bare text that begins with a sign is quoted, and so cannot end in a backslash either.
            .prop_filter("has no form", |text| {
                !(text.ends_with('\\') && text.starts_with(['"', '<', '>', '=']))
            })
    }

    fn any_range() -> impl Strategy<Value = Range> {
        let number =
            || prop_oneof![Just(0.0), -1e6..1e6_f64, any::<i32>().prop_map(f64::from), Just(f64::MAX)];
        let own = || prop_oneof![Just(Inclusive::Yes), Just(Inclusive::No)];
        prop_oneof![
            number().prop_map(Range::exactly),
            (number(), number())
                .prop_map(|(a, b)| Range { max: Range::at_most(b).max, ..Range::at_least(a) }),
            (number(), own()).prop_map(|bound| Range { min: Some(bound), max: None }),
            (number(), own()).prop_map(|bound| Range { min: None, max: Some(bound) }),
        ]
    }

    fn any_test() -> impl Strategy<Value = Test> {
        let status = [StatusWord::Running, StatusWord::Completed, StatusWord::Failed];
        let field = [
            NumberField::Cost,
            NumberField::Tokens,
            NumberField::InputTokens,
            NumberField::OutputTokens,
            NumberField::Duration,
        ];
        let side = [TextField::Input, TextField::Output, TextField::Anywhere];
        let time = || any::<i64>().prop_map(Timestamp::from_micros);
        prop_oneof![
            any_text().prop_map(Test::Model),
            any_text().prop_map(Test::Provider),
            any_text().prop_map(Test::Kind),
            any_text().prop_map(Test::Name),
            any_text().prop_map(Test::Session),
            any_text().prop_map(Test::Path),
            any_text().prop_map(Test::Tag),
            "[A-Za-z0-9._:-]{1,128}".prop_map(|id| Test::Trace(TraceId::parse(&id).unwrap())),
            proptest::sample::select(status.to_vec()).prop_map(Test::Status),
            (proptest::sample::select(field.to_vec()), any_range()).prop_map(|(f, r)| Test::Number(f, r)),
            (proptest::sample::select(side.to_vec()), any_text()).prop_map(|(f, t)| Test::Text(f, t)),
            time().prop_map(Test::Since),
            time().prop_map(Test::Until),
        ]
    }

    fn any_filter() -> impl Strategy<Value = Filter> {
        let term = (any::<bool>(), any_test()).prop_map(|(negated, test)| Term { negated, test });
        proptest::collection::vec(term, 0..6).prop_map(|terms| Filter { terms, ..Filter::default() })
    }

    #[test]
    fn a_query_prints_as_people_write_it() {
        for text in [
            "model:gpt-4o -status:failed cost:>0.01 duration:500-2000 name:\"two words\" sort:cost order:asc",
            "order:desc",
            "",
            "text:refund tag:session:abc input_tokens:<=5",
        ] {
            assert_eq!(read(text).to_string(), text);
        }
    }

    #[test]
    fn lists_with_another_filter_or_order_have_another_fingerprint() {
        let list = |text: &str, sort_by| {
            let (filter, sort_order) = (read(text).filter, SortOrder::Desc);
            ListQuery { filter, sort_by, sort_order, after: None, limit: 50 }.fingerprint()
        };
        let plain = list("model:a since:1h", SortBy::Cost);
        assert_eq!(plain, list("model:\"a\" since:1h", SortBy::Cost));
        for other in [
            "model:b since:1h",
            "-model:a since:1h",
            "model:a",
            "model:a -since:1h",
            "model:a until:1h",
            "model:a since:2h",
            "since:1h model:a",
        ] {
            assert_ne!(plain, list(other, SortBy::Cost), "{other}");
        }
        assert_ne!(plain, list("model:a since:1h", SortBy::Name));
        assert_eq!(read("a b").filter.fingerprint(), read("a b").filter.fingerprint());
        assert_ne!(read("a b").filter.fingerprint(), read("\"a b\"").filter.fingerprint());
    }

    #[test]
    fn a_relative_time_is_the_same_list_at_any_moment_and_an_absolute_one_is_its_moment() {
        let at = |text: &str, micros| {
            parse(text, Timestamp::from_micros(now().as_micros() + micros)).unwrap().filter.fingerprint()
        };
        assert_eq!(at("since:1h until:5m", 0), at("since:1h until:5m", 7_000_000));
        assert_eq!(at("since:2025-03-01", 0), at("since:2025-03-01T01:00:00+01:00", 7));
        assert_ne!(at("since:2025-03-01", 0), at("since:2025-03-02", 0));
        assert_ne!(at("since:1h", 0), at(&format!("since:{}", now().minus_micros(3_600_000_000)), 0));
    }

    proptest! {
        #[test]
        fn a_printed_query_reads_back_the_same(
            filter in any_filter(),
            sort_by in proptest::option::of(proptest::sample::select(SortBy::ALL.to_vec())),
            sort_order in proptest::option::of(proptest::sample::select(vec![SortOrder::Asc, SortOrder::Desc])),
        ) {
            let query = Query { filter, sort_by, sort_order };
            prop_assert_eq!(read(&query.to_string()), query);
        }

        #[test]
        fn whatever_is_read_prints_and_reads_back_the_same(text in "([a-z]{1,3}|-|:|\"|model:|cost:|>|5|\\\\| ){0,12}") {
            if let Ok(query) = parse(&text, now()) {
                let printed = query.to_string();
                // See the head of this file.
                if !printed.contains('\\') {
                    prop_assert_eq!(read(&printed), query, "{}", printed);
                }
            }
        }
    }
}
