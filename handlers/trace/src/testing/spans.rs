//! What every [`SpanStore`] promises.

use std::collections::HashSet;

use super::agreement::it_answers_as_the_plain_store_does;
use super::fixtures::{batch, completed, llm_span, new_span, new_trace, scope, span, time};
use super::samples::{self, WORDS};
use crate::filter::{Filter, ListQuery, SortBy, SortOrder, Test, TextField};
use crate::id::{Scope, SpanId, TraceId};
use crate::json::Json;
use crate::kind::{Attributes, Cost, KindInput, LlmCall, SpanKind, Usage};
use crate::ports::{Counts, SpanChange, SpanStore, SpanWrite, TraceChange, Written};
use crate::span::{Finish, NewSpan, Span, SpanStatus, Version};
use crate::trace::{NameRank, NewTrace, OnExisting};

/// How much of a text search a store promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextSearch {
    /// Needles are found wherever they start.
    Anywhere,
    /// Needles are found where they start at a word boundary; elsewhere they may be.
    AtWords,
}

/// What every [`SpanStore`] promises. `store` is empty.
pub async fn span_store_contract(store: &dyn SpanStore, search: TextSearch) {
    store.check().await.unwrap();
    every_field_comes_back(store, &scope(101)).await;
    projects_do_not_see_each_other(store, &scope(102), &scope(103)).await;
    a_repeated_create_changes_nothing(store, &scope(104)).await;
    the_higher_version_wins_in_any_order(store, &scope(105)).await;
    a_start_and_an_end_in_one_batch_are_told_and_kept(store, &scope(118)).await;
    an_end_is_final_and_kept_once(store, &scope(106)).await;
    an_id_alone_means_the_newest_span(store, &scope(107)).await;
    traces_merge_or_stay(store, &scope(108)).await;
    totals_follow_every_change(store, &scope(109)).await;
    traces_show_what_the_user_asked_first(store, &scope(117)).await;
    deleted_spans_and_traces_are_gone(store, &scope(110)).await;
    a_sweep_takes_old_traces_only(store, &scope(111)).await;
    pages_do_not_shift_under_inserts(store, &scope(112)).await;
    writers_that_race_agree(store, &scope(113)).await;
    large_and_empty_requests_work(store, &scope(114)).await;
    words_are_found(store, &scope(115)).await;
    it_answers_as_the_plain_store_does(store, &scope(116), search).await;
}

pub(super) fn tid(text: &str) -> TraceId {
    TraceId::parse(text).unwrap()
}

pub(super) fn sid(text: &str) -> SpanId {
    SpanId::parse(text).unwrap()
}

fn put(span: Span) -> SpanWrite {
    SpanWrite::Put(new_span(span, None, None))
}

fn finish(trace: Option<&str>, id: &str, status: SpanStatus, millis: i64) -> SpanWrite {
    SpanWrite::Finish(Finish {
        trace_id: trace.map(tid),
        span_id: sid(id),
        version: Version::new(&status, time(millis)),
        status,
        ended_at: time(millis),
        output: None,
        kind: None,
    })
}

fn failed(error: &str) -> SpanStatus {
    SpanStatus::Failed { error: error.to_owned() }
}

pub(super) fn query(filter: Filter, sort_by: SortBy, sort_order: SortOrder, limit: usize) -> ListQuery {
    ListQuery { filter, sort_by, sort_order, after: None, limit }
}

async fn every_field_comes_back(store: &dyn SpanStore, scope: &Scope) {
    let attributes: Attributes =
        serde_json::from_str(r#"{"b":[1,2.5,0.1,{"ü":null}],"a":"\u0001 quote\" 東"}"#).unwrap();
    let usage = Usage {
        input_tokens: Some(1 << 40),
        output_tokens: Some(0),
        cached_input_tokens: Some(1),
        cache_write_tokens: Some(2),
        cache_write_1h_tokens: Some(3),
        reasoning_tokens: Some(4),
        audio_input_tokens: Some(5),
        audio_output_tokens: Some(6),
    };
    let call = LlmCall {
        model: "m".to_owned(),
        provider: Some("p".to_owned()),
        usage,
        service_tier: Some("flex".to_owned()),
        cost: Some(Cost::Estimated(0.1 + 0.2)),
        input_preview: Some("in".to_owned()),
        output_preview: Some(String::new()),
    };
    let kinds = [
        SpanKind::LlmCall(call),
        SpanKind::LlmCall(LlmCall {
            model: "m".to_owned(),
            cost: Some(Cost::Given(0.0)),
            ..LlmCall::default()
        }),
        SpanKind::Custom { kind: "retrieval".to_owned(), attributes: attributes.clone() },
        SpanKind::FsRead {
            path: "a b/ü".to_owned(),
            bytes_read: 9,
            file_version: Some("sha256:1".to_owned()),
        },
        SpanKind::FsRead { path: String::new(), bytes_read: 0, file_version: None },
        SpanKind::FsWrite { path: "a".to_owned(), bytes_written: 1, file_version: String::new() },
    ];
    let mut spans: Vec<Span> = kinds
        .into_iter()
        .enumerate()
        .map(|(at, kind)| Span { kind, ..span("t", &format!("s{at}"), i64::try_from(at).unwrap()) })
        .collect();
    spans[0].attributes.clone_from(&attributes);
    spans[0].ms_to_first_chunk = Some(77);
    spans[0].parent_id = Some(sid("missing:parent"));
    spans[1] = completed(spans[1].clone(), -5);
    spans[2] = Span { status: failed("ünable\n"), ..completed(spans[2].clone(), 3) };
    "名前 \u{1F980} 'quoted' \\".clone_into(&mut spans[3].name);
    let mut trace = new_trace("t", -7, Some("näme"), &["a", "b:c", "a"], Some("sess ion/ü"));
    trace.metadata = attributes;
    trace.machine_id = Some("host".to_owned());

    let written =
        store.write(scope, batch(vec![trace.clone()], spans.iter().cloned().map(put).collect())).await;
    let written = written.unwrap();
    assert_eq!(written.spans.len(), spans.len());
    for span in &spans {
        assert_eq!(store.find(scope, Some(&tid("t")), &span.id).await.unwrap().as_ref(), Some(span));
    }
    assert_eq!(store.list_of_traces(scope, &[tid("t")]).await.unwrap(), spans);
    let stored = store.find_trace(scope, &tid("t")).await.unwrap().unwrap();
    let (given, _) = trace.into_trace();
    assert_eq!(*written.traces[0].trace, stored);
    assert_eq!((stored.id, stored.name, stored.tags), (given.id, given.name, given.tags));
    assert_eq!((stored.session_id, stored.metadata), (given.session_id, given.metadata));
    assert_eq!((stored.machine_id, stored.started_at), (given.machine_id, given.started_at));
}

async fn projects_do_not_see_each_other(store: &dyn SpanStore, ours: &Scope, theirs: &Scope) {
    let other_org = Scope { org: crate::id::OrgId(uuid::Uuid::from_u128(2)), ..*ours };
    let own = completed(llm_span("t", "s", 0, "m"), 5);
    let trace = || new_trace("t", 0, Some("ours"), &["tag"], Some("session"));
    store.write(ours, batch(vec![trace()], vec![put(own.clone())])).await.unwrap();
    let everything = query(Filter::default(), SortBy::StartedAt, SortOrder::Desc, 10);
    for stranger in [theirs, &other_org] {
        assert_eq!(store.find(stranger, None, &own.id).await.unwrap(), None);
        assert_eq!(store.find(stranger, Some(&own.trace_id), &own.id).await.unwrap(), None);
        assert_eq!(store.find_trace(stranger, &own.trace_id).await.unwrap(), None);
        assert_eq!(store.list(stranger, &everything).await.unwrap().items, []);
        assert_eq!(store.list_traces(stranger, &everything).await.unwrap().items, []);
        assert_eq!(store.list_sessions(stranger, &everything).await.unwrap().items, []);
        assert_eq!(store.find_session(stranger, "session").await.unwrap(), None);
        assert_eq!(store.list_of_traces(stranger, &[tid("t")]).await.unwrap(), []);
        assert_eq!(store.counts(stranger).await.unwrap(), Counts::default());
        assert_eq!(store.delete(stranger, None, &own.id).await.unwrap(), None);
        assert_eq!(store.delete_trace(stranger, &own.trace_id).await.unwrap(), None);
        assert_eq!(store.sweep(stranger, time(9_999)).await.unwrap(), 0);
        store.clear(stranger).await.unwrap();
    }
    // The same ids in another project are another trace and span.
    let foreign = Span { name: "theirs".to_owned(), ..span("t", "s", 1) };
    let written =
        store.write(theirs, batch(vec![], vec![SpanWrite::Create(new_span(foreign.clone(), None, None))]));
    assert_eq!(written.await.unwrap().traces[0].change, TraceChange::Created);
    assert_eq!(store.find(theirs, None, &own.id).await.unwrap(), Some(foreign));
    assert_eq!(store.find(ours, None, &own.id).await.unwrap().as_ref(), Some(&own));
    store.clear(theirs).await.unwrap();
    assert_eq!(store.find(theirs, None, &own.id).await.unwrap(), None);
    assert_eq!(store.find(ours, None, &own.id).await.unwrap(), Some(own));
    assert_eq!(store.counts(ours).await.unwrap(), Counts { traces: 1, spans: 1 });
}

async fn a_repeated_create_changes_nothing(store: &dyn SpanStore, scope: &Scope) {
    let create = |span: Span| SpanWrite::Create(new_span(span, Some("1"), None));
    let first = span("t", "s", 0);
    let written = store.write(scope, batch(vec![], vec![create(first.clone())])).await.unwrap();
    assert!(matches!(&written.spans[..], [SpanChange::Created(span)] if **span == first));
    assert_eq!(written.traces[0].change, TraceChange::Created);
    assert_eq!(written.traces[0].trace.name, None);

    let other = Span { name: "other".to_owned(), ..span("t", "s", 9) };
    let elsewhere = span("u", "s", 0);
    let writes = vec![create(other), create(elsewhere), create(span("t", "s2", 1))];
    let written = store.write(scope, batch(vec![], writes)).await.unwrap();
    assert!(
        matches!(&written.spans[..], [SpanChange::Existing, SpanChange::Conflict, SpanChange::Created(_)]),
        "{:?}",
        written.spans
    );
    assert_eq!(store.find(scope, None, &first.id).await.unwrap(), Some(first));
    assert_eq!(store.find_trace(scope, &tid("u")).await.unwrap(), None, "a refused span brings no trace");
    let twice = vec![create(span("t", "s3", 0)), create(span("t", "s3", 5))];
    let written = store.write(scope, batch(vec![], twice)).await.unwrap();
    assert!(matches!(&written.spans[..], [SpanChange::Created(_), SpanChange::Existing]));
    assert_eq!(store.counts(scope).await.unwrap(), Counts { traces: 1, spans: 3 });
}

async fn the_higher_version_wins_in_any_order(store: &dyn SpanStore, scope: &Scope) {
    let at = |span: Span, version: i64| {
        let version = Version::new(&span.status, time(version));
        NewSpan { version, ..new_span(span, None, None) }
    };
    let start = at(span("t", "s", 0), 50);
    let end = at(completed(llm_span("t", "s", 0, "m"), 10), 20);
    let again = at(Span { status: failed("x"), ..completed(llm_span("t", "s", 0, "n"), 12) }, 30);
    let mut orders =
        vec![vec![0, 1, 2], vec![0, 2, 1], vec![1, 0, 2], vec![1, 2, 0], vec![2, 0, 1], vec![2, 1, 0]];
    orders.push(vec![2, 2, 0, 1, 0]);
    let writes = [start, end, again];
    for (number, order) in orders.iter().enumerate() {
        let trace = format!("t{number}");
        for (step, &write) in order.iter().enumerate() {
            let mut new = writes[write].clone();
            new.span.trace_id = tid(&trace);
            let newest_so_far = order[..step].iter().all(|&earlier| earlier < write);
            let written = store.write(scope, batch(vec![], vec![SpanWrite::Put(new)])).await.unwrap();
            assert_eq!(written.spans[0] != SpanChange::Stale, newest_so_far, "{order:?} step {step}");
        }
        let found = store.find(scope, Some(&tid(&trace)), &sid("s")).await.unwrap().unwrap();
        assert_eq!((found.status, found.kind.llm().unwrap().model.as_str()), (failed("x"), "n"));
        let totals = store.find_trace(scope, &tid(&trace)).await.unwrap().unwrap().totals;
        assert_eq!(
            (totals.spans, totals.running, totals.failed, totals.llm_calls),
            (1, 0, 1, 1),
            "{order:?}"
        );
        assert_eq!((totals.models, totals.cost), (vec!["n".to_owned()], 0.25), "{order:?}");
        assert_eq!(totals.last_end, Some(time(12)));
    }
}

async fn a_start_and_an_end_in_one_batch_are_told_and_kept(store: &dyn SpanStore, scope: &Scope) {
    let (running, ended) = (llm_span("t", "s", 0, "m"), completed(llm_span("t", "s", 0, "m"), 10));
    let writes = [
        new_span(running.clone(), Some("\"question\""), None),
        new_span(ended.clone(), None, Some("\"answer\"")),
    ];
    let written = store.write(scope, batch(vec![], writes.map(SpanWrite::Put).to_vec())).await.unwrap();
    let told = matches!(
        &written.spans[..],
        [SpanChange::Created(first), SpanChange::Updated(then)]
            if first.status == SpanStatus::Running && then.status == SpanStatus::Completed
    );
    assert!(told, "{:?}", written.spans);
    let found = store.find(scope, None, &running.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.ended_at), (ended.status, ended.ended_at));
    let totals = store.find_trace(scope, &tid("t")).await.unwrap().unwrap().totals;
    assert_eq!((totals.spans, totals.running, totals.llm_calls), (1, 0, 1));
    assert_eq!(store.counts(scope).await.unwrap(), Counts { traces: 1, spans: 1 });
}

async fn an_end_is_final_and_kept_once(store: &dyn SpanStore, scope: &Scope) {
    let running = llm_span("t", "s", 0, "gpt-4o");
    let writes = vec![put(running.clone()), finish(Some("t"), "none", SpanStatus::Completed, 5)];
    let written = store.write(scope, batch(vec![], writes)).await.unwrap();
    assert_eq!(written.spans[1], SpanChange::Missing);
    let kind = KindInput::parse(serde_json::json!({"type": "llm_call", "output_tokens": 9})).unwrap();
    let SpanWrite::Finish(mut end) = finish(None, "s", SpanStatus::Completed, 30) else { unreachable!() };
    end.kind = Some(kind);
    let written = store.write(scope, batch(vec![], vec![SpanWrite::Finish(end)])).await.unwrap();
    let SpanChange::Updated(ended) = &written.spans[0] else { panic!("{:?}", written.spans) };
    assert_eq!(ended.ended_at, Some(time(30)));
    assert_eq!(ended.kind.llm().unwrap().usage.output_tokens, Some(9));
    assert_eq!(ended.kind.llm().unwrap().usage.input_tokens, Some(10));
    assert_eq!((written.traces.len(), written.traces[0].change), (1, TraceChange::Unchanged));
    assert_eq!(written.traces[0].trace.totals.output_tokens, 9);
    for (trace, status) in [(None, failed("late")), (Some("t"), SpanStatus::Completed)] {
        let written = store.write(scope, batch(vec![], vec![finish(trace, "s", status, 40)])).await.unwrap();
        assert_eq!(written.spans, [SpanChange::Terminal]);
    }
    let wrong_trace = finish(Some("u"), "s", SpanStatus::Completed, 40);
    let written = store.write(scope, batch(vec![], vec![wrong_trace])).await.unwrap();
    assert_eq!(written.spans, [SpanChange::Missing]);
    assert_eq!(store.find(scope, None, &sid("s")).await.unwrap().as_ref(), Some(&**ended));
}

async fn an_id_alone_means_the_newest_span(store: &dyn SpanStore, scope: &Scope) {
    let spans = [span("a", "s", 5), span("b", "s", 9), span("c", "s", 1)];
    store.write(scope, batch(vec![], spans.iter().cloned().map(put).collect())).await.unwrap();
    assert_eq!(store.find(scope, None, &sid("s")).await.unwrap().as_ref(), Some(&spans[1]));
    for span in &spans {
        assert_eq!(store.find(scope, Some(&span.trace_id), &span.id).await.unwrap().as_ref(), Some(span));
    }
    store.write(scope, batch(vec![], vec![finish(None, "s", SpanStatus::Completed, 20)])).await.unwrap();
    let ended = store.find(scope, Some(&tid("b")), &sid("s")).await.unwrap().unwrap();
    assert!(ended.status.is_terminal());
    assert_eq!(store.delete(scope, None, &sid("s")).await.unwrap(), Some(tid("b")));
    assert_eq!(store.find(scope, None, &sid("s")).await.unwrap().as_ref(), Some(&spans[0]));
    let asked = [tid("c"), tid("none"), tid("a")];
    let found = store.list_of_traces(scope, &asked).await.unwrap();
    assert_eq!(found, [spans[2].clone(), spans[0].clone()]);
}

async fn traces_merge_or_stay(store: &dyn SpanStore, scope: &Scope) {
    let merge = |new: NewTrace| NewTrace { on_existing: OnExisting::Merge, ..new };
    let ranked = |id: &str, millis, name: &str, rank| NewTrace {
        name: Some((name.to_owned(), rank)),
        ..merge(new_trace(id, millis, None, &[], None))
    };
    let both = vec![new_trace("t", 10, Some("given"), &["a"], None), new_trace("u", 3, None, &[], None)];
    let written = store.write(scope, batch(both, vec![put(span("v", "s", 4))])).await.unwrap();
    let ids: Vec<&str> = written.traces.iter().map(|touched| touched.trace.id.as_str()).collect();
    assert_eq!(ids, ["t", "u", "v"]);
    assert!(written.traces.iter().all(|touched| touched.change == TraceChange::Created));
    assert_eq!(store.counts(scope).await.unwrap(), Counts { traces: 3, spans: 1 });

    let keep = new_trace("t", 1, Some("other"), &["b"], Some("s"));
    let written = store.write(scope, batch(vec![keep], vec![])).await.unwrap();
    assert_eq!(written.traces[0].change, TraceChange::Unchanged);
    assert_eq!(written.traces[0].trace.name.as_deref(), Some("given"));

    let more = merge(new_trace("t", 1, None, &["b", "session:x", "a"], None));
    let written = store.write(scope, batch(vec![more.clone()], vec![])).await.unwrap();
    assert_eq!(written.traces[0].change, TraceChange::Updated);
    let trace = store.find_trace(scope, &tid("t")).await.unwrap().unwrap();
    assert_eq!(trace.tags, ["a", "b", "session:x"]);
    assert_eq!((trace.session_id.as_deref(), trace.started_at), (Some("x"), time(1)));
    assert_eq!(*written.traces[0].trace, trace);
    let written = store.write(scope, batch(vec![more], vec![])).await.unwrap();
    assert_eq!(written.traces[0].change, TraceChange::Unchanged);

    for (name, rank, wanted) in [
        ("service", NameRank::Service, "service"),
        ("root", NameRank::Root, "root"),
        ("late service", NameRank::Service, "root"),
    ] {
        store.write(scope, batch(vec![ranked("w", 5, name, rank)], vec![])).await.unwrap();
        let trace = store.find_trace(scope, &tid("w")).await.unwrap().unwrap();
        assert_eq!(trace.name.as_deref(), Some(wanted));
    }
}

async fn totals_follow_every_change(store: &dyn SpanStore, scope: &Scope) {
    let totals = async || store.find_trace(scope, &tid("t")).await.unwrap().unwrap();
    store.write(scope, batch(vec![new_trace("t", 0, None, &[], None)], vec![])).await.unwrap();
    let trace = totals().await;
    assert_eq!((trace.ended_at(), trace.duration_ms(), trace.totals.spans), (None, None, 0));

    let writes = vec![
        put(completed(llm_span("t", "a", 100, "m1"), 50)),
        put(llm_span("t", "b", 40, "m2")),
        put(completed(span("t", "c", 60), 20)),
    ];
    store.write(scope, batch(vec![], writes)).await.unwrap();
    let trace = totals().await;
    assert_eq!((trace.totals.spans, trace.totals.running, trace.totals.llm_calls), (3, 1, 2));
    assert_eq!((trace.totals.input_tokens, trace.totals.output_tokens, trace.totals.cost), (20, 10, 0.5));
    assert_eq!(trace.totals.models, ["m1", "m2"]);
    assert_eq!((trace.ended_at(), trace.duration_ms()), (None, Some(110)));

    store.write(scope, batch(vec![], vec![finish(Some("t"), "b", failed("x"), 400)])).await.unwrap();
    let trace = totals().await;
    assert_eq!((trace.totals.running, trace.totals.failed), (0, 1));
    assert_eq!((trace.ended_at(), trace.duration_ms()), (Some(time(400)), Some(360)));

    // A later write moves the span that began first and ended last.
    let moved = completed(llm_span("t", "b", 70, "m1"), 10);
    let moved = NewSpan { version: Version::new(&moved.status, time(900)), ..new_span(moved, None, None) };
    let written = store.write(scope, batch(vec![], vec![SpanWrite::Put(moved)])).await.unwrap();
    let trace = totals().await;
    assert_eq!(*written.traces[0].trace, trace);
    assert_eq!((trace.totals.first_start, trace.totals.last_end), (Some(time(60)), Some(time(150))));
    assert_eq!((trace.totals.failed, trace.totals.models.clone()), (0, vec!["m1".to_owned()]));

    assert_eq!(store.delete(scope, Some(&tid("t")), &sid("a")).await.unwrap(), Some(tid("t")));
    let trace = totals().await;
    assert_eq!((trace.totals.spans, trace.totals.cost, trace.totals.last_end), (2, 0.25, Some(time(80))));
    for id in ["b", "c"] {
        store.delete(scope, None, &sid(id)).await.unwrap();
    }
    assert_eq!(totals().await.totals, crate::trace::Totals::default());
}

async fn traces_show_what_the_user_asked_first(store: &dyn SpanStore, scope: &Scope) {
    let newest = query(Filter::default(), SortBy::StartedAt, SortOrder::Desc, 10);
    let shown = async || {
        let found = store.find_trace(scope, &tid("t")).await.unwrap().unwrap();
        let listed = store.list_traces(scope, &newest).await.unwrap();
        assert_eq!(listed.items, std::slice::from_ref(&found));
        found.totals.preview.map(|preview| preview.text)
    };
    let asked = |text: &str| Some(text.to_owned());
    let child = |span: Span, text: &str| Span {
        parent_id: Some(sid("root")),
        preview: Some(text.to_owned()),
        ..span
    };
    let write = async |writes| store.write(scope, batch(vec![], writes)).await.unwrap();

    // A step that is neither a root nor a model call shows nothing, until its end says that it is one.
    write(vec![put(child(span("t", "step", 50), "step"))]).await;
    assert_eq!(shown().await, None);
    let kind = KindInput::parse(serde_json::json!({"type": "llm_call", "model": "m"})).unwrap();
    let SpanWrite::Finish(end) = finish(Some("t"), "step", SpanStatus::Completed, 60) else { unreachable!() };
    write(vec![SpanWrite::Finish(Finish { kind: Some(kind), ..end })]).await;
    assert_eq!(shown().await, asked("step"));

    // The earliest call is shown, in whatever order they come.
    write(vec![put(child(llm_span("t", "first", 20, "m"), "first"))]).await;
    write(vec![put(child(llm_span("t", "second", 30, "m"), "second"))]).await;
    assert_eq!(shown().await, asked("first"));

    // A later write without an input leaves it, as it leaves the input; one with an input replaces it.
    let ended = completed(llm_span("t", "first", 20, "m"), 5);
    let ended = Span { parent_id: Some(sid("root")), ..ended };
    write(vec![put(ended.clone())]).await;
    assert_eq!(shown().await, asked("first"));
    let again = NewSpan {
        version: Version::new(&ended.status, time(100)),
        ..new_span(child(ended, "asked anew"), Some("[]"), None)
    };
    let written = write(vec![SpanWrite::Put(again)]).await;
    assert_eq!(shown().await, asked("asked anew"));
    assert_eq!(written.traces[0].trace.totals.preview.as_ref().unwrap().text, "asked anew");

    // A root that says something goes first, however late it began; one that says nothing does not.
    write(vec![put(span("t", "silent", 0))]).await;
    assert_eq!(shown().await, asked("asked anew"));
    write(vec![put(Span { preview: asked("root"), ..span("t", "root", 90) })]).await;
    assert_eq!(shown().await, asked("root"));

    // What was shown before comes back when the root goes, also when another span changes at that time.
    store.delete(scope, Some(&tid("t")), &sid("root")).await.unwrap();
    assert_eq!(shown().await, asked("asked anew"));
    store.delete(scope, Some(&tid("t")), &sid("second")).await.unwrap();
    let moved = completed(child(llm_span("t", "first", 80, "m"), "late"), 5);
    let moved =
        NewSpan { version: Version::new(&moved.status, time(200)), ..new_span(moved, Some("[]"), None) };
    write(vec![SpanWrite::Put(moved)]).await;
    assert_eq!(shown().await, asked("step"));
    for id in ["first", "step", "silent"] {
        store.delete(scope, None, &sid(id)).await.unwrap();
    }
    assert_eq!(shown().await, None);
    store.clear(scope).await.unwrap();
}

async fn deleted_spans_and_traces_are_gone(store: &dyn SpanStore, scope: &Scope) {
    let child = Span { parent_id: Some(sid("root")), ..span("t", "child", 2) };
    let spans = vec![put(span("t", "root", 1)), put(child.clone()), put(span("u", "other", 3))];
    let named = vec![new_trace("t", 0, None, &[], Some("s")), new_trace("e", 0, None, &[], None)];
    store.write(scope, batch(named, spans)).await.unwrap();
    assert_eq!(store.delete(scope, Some(&tid("u")), &sid("root")).await.unwrap(), None);
    assert_eq!(store.delete(scope, None, &sid("root")).await.unwrap(), Some(tid("t")));
    assert_eq!(store.delete(scope, None, &sid("root")).await.unwrap(), None);
    assert_eq!(store.list_of_traces(scope, &[tid("t")]).await.unwrap(), [child]);
    assert_eq!(store.delete_trace(scope, &tid("t")).await.unwrap(), Some(1));
    assert_eq!(store.delete_trace(scope, &tid("t")).await.unwrap(), None);
    assert_eq!(store.delete_trace(scope, &tid("e")).await.unwrap(), Some(0));
    assert_eq!(store.find_session(scope, "s").await.unwrap(), None);
    assert_eq!(store.find(scope, None, &sid("child")).await.unwrap(), None);
    assert_eq!(store.counts(scope).await.unwrap(), Counts { traces: 1, spans: 1 });
    // What was deleted may come again, and is new.
    let written = store.write(scope, batch(vec![], vec![put(span("t", "root", 1))])).await.unwrap();
    assert!(matches!(&written.spans[..], [SpanChange::Created(_)]));
    store.clear(scope).await.unwrap();
    assert_eq!(store.counts(scope).await.unwrap(), Counts::default());
    let everything = query(Filter::default(), SortBy::StartedAt, SortOrder::Desc, 10);
    assert_eq!(store.list(scope, &everything).await.unwrap().items, []);
    assert_eq!(store.list_traces(scope, &everything).await.unwrap().items, []);
    store.clear(scope).await.unwrap();
}

async fn a_sweep_takes_old_traces_only(store: &dyn SpanStore, scope: &Scope) {
    for chunk in (0..450_i64).collect::<Vec<_>>().chunks(50) {
        let spans = chunk.iter().flat_map(|&at| {
            let trace = format!("t{at}");
            [put(span(&trace, &format!("a{at}"), at)), put(span(&trace, &format!("b{at}"), at + 1_000))]
        });
        store.write(scope, batch(vec![], spans.collect())).await.unwrap();
    }
    assert_eq!(store.sweep(scope, time(0)).await.unwrap(), 0);
    assert_eq!(store.sweep(scope, time(440)).await.unwrap(), 440);
    assert_eq!(store.counts(scope).await.unwrap(), Counts { traces: 10, spans: 20 });
    assert_eq!(store.find(scope, None, &sid("b439")).await.unwrap(), None);
    assert!(store.find(scope, None, &sid("b440")).await.unwrap().is_some());
}

async fn pages_do_not_shift_under_inserts(store: &dyn SpanStore, scope: &Scope) {
    let spans = (0..30).map(|at| put(span(&format!("t{at}"), &format!("s{at:02}"), 100 + at / 3)));
    store.write(scope, batch(vec![], spans.collect())).await.unwrap();
    for order in [SortOrder::Asc, SortOrder::Desc] {
        let mut query = query(Filter::default(), SortBy::StartedAt, order, 7);
        let mut of_traces = query.clone();
        let (mut spans, mut traces) = (Vec::new(), Vec::new());
        for at in 0.. {
            let page = store.list(scope, &query).await.unwrap();
            let trace_page = store.list_traces(scope, &of_traces).await.unwrap();
            spans.extend(page.items.into_iter().map(|span| span.id.to_string()));
            traces.extend(trace_page.items.into_iter().map(|trace| trace.id.to_string()));
            // New rows on either side of the cursor.
            let new = [40, 160].map(|millis| put(span(&format!("{order:?}{at}-{millis}"), "x", millis)));
            store.write(scope, batch(vec![], new.to_vec())).await.unwrap();
            (query.after, of_traces.after) = (page.next, trace_page.next);
            if query.after.is_none() || of_traces.after.is_none() {
                break;
            }
        }
        let old: Vec<&String> = spans.iter().filter(|id| id.starts_with('s')).collect();
        let mut wanted: Vec<String> = (0..30).map(|at| format!("s{at:02}")).collect();
        if order == SortOrder::Desc {
            wanted.reverse();
        }
        assert_eq!(old, wanted.iter().collect::<Vec<_>>(), "{order:?}");
        let unique: HashSet<&String> = traces.iter().collect();
        assert_eq!(unique.len(), traces.len(), "a trace came twice");
    }
}

async fn writers_that_race_agree(store: &dyn SpanStore, scope: &Scope) {
    let create = || SpanWrite::Create(new_span(llm_span("t", "s", 0, "m"), None, None));
    let creates = (0..20).map(|_| store.write(scope, batch(vec![], vec![create()])));
    let written = futures_util::future::join_all(creates).await;
    let is_created = |written: &Written| matches!(&written.spans[..], [SpanChange::Created(_)]);
    assert_eq!(written.iter().filter(|written| is_created(written.as_ref().unwrap())).count(), 1);
    let ends = (0..20).map(|at| {
        store.write(scope, batch(vec![], vec![finish(None, "s", failed(&format!("{at}")), 10 + at)]))
    });
    let written = futures_util::future::join_all(ends).await;
    let ended = written.into_iter().map(|written| written.unwrap().spans.remove(0));
    let ended: Vec<SpanChange> = ended.filter(|change| *change != SpanChange::Terminal).collect();
    let [SpanChange::Updated(winner)] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!(store.find(scope, None, &sid("s")).await.unwrap().as_ref(), Some(&**winner));
    let puts = (0..40).map(|at| {
        let span = completed(llm_span("t", &format!("p{at}"), at, "m"), 5);
        store.write(scope, batch(vec![], vec![put(span)]))
    });
    for written in futures_util::future::join_all(puts).await {
        written.unwrap();
    }
    let totals = store.find_trace(scope, &tid("t")).await.unwrap().unwrap().totals;
    assert_eq!((totals.spans, totals.failed, totals.running), (41, 1, 0));
    assert_eq!((totals.input_tokens, totals.cost), (410, 41.0 * 0.25));
}

async fn large_and_empty_requests_work(store: &dyn SpanStore, scope: &Scope) {
    let written = store.write(scope, batch(vec![], vec![])).await.unwrap();
    assert!(written.spans.is_empty() && written.traces.is_empty());
    assert_eq!(store.list_of_traces(scope, &[]).await.unwrap(), []);
    let spans: Vec<SpanWrite> = (0..1_500).map(|at| put(span("big", &format!("s{at}"), at))).collect();
    let written = store.write(scope, batch(vec![], spans)).await.unwrap();
    assert_eq!((written.spans.len(), written.traces.len()), (1_500, 1));
    assert_eq!(store.list_of_traces(scope, &[tid("big")]).await.unwrap().len(), 1_500);
    let page =
        store.list(scope, &query(Filter::default(), SortBy::Name, SortOrder::Asc, 1_000)).await.unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (1_000, true));
    let rest =
        ListQuery { after: page.next, ..query(Filter::default(), SortBy::Name, SortOrder::Asc, 1_000) };
    let page = store.list(scope, &rest).await.unwrap();
    assert_eq!((page.items.len(), page.next), (500, None));
    let huge = format!("{:?}", "words and more words ".repeat(150_000));
    let json = Json::parse(&huge).unwrap();
    let new = new_span(span("huge", "s", 0), Some(json.as_str()), None);
    store.write(scope, batch(vec![], vec![SpanWrite::Put(new)])).await.unwrap();
    assert!(store.find(scope, None, &sid("s")).await.unwrap().is_some());
}

async fn words_are_found(store: &dyn SpanStore, scope: &Scope) {
    let inputs = samples::INPUTS.iter().enumerate();
    let writes = inputs.map(|(at, input)| {
        let span = Span { name: "Ünnamed step".to_owned(), ..span(&format!("t{at}"), &format!("s{at}"), 0) };
        SpanWrite::Put(new_span(span, Some(input), None))
    });
    store.write(scope, batch(vec![], writes.collect())).await.unwrap();
    for needle in WORDS.iter().chain(&["ünnamed", "step"]) {
        let wanted = crate::text::Needle::new(needle);
        for (at, input) in samples::INPUTS.iter().enumerate() {
            let json = Json::parse(input).unwrap();
            if wanted.is_in_json(&json) && samples::starts_a_word(needle, input)
                || wanted.is_in("Ünnamed step")
            {
                let mut filter = Filter::default();
                filter.and(Test::Text(TextField::Anywhere, (*needle).to_owned()));
                filter.and(Test::Trace(tid(&format!("t{at}"))));
                let query = query(filter, SortBy::StartedAt, SortOrder::Desc, 10);
                assert_eq!(store.list(scope, &query).await.unwrap().items.len(), 1, "{needle:?} in {input}");
                assert_eq!(
                    store.list_traces(scope, &query).await.unwrap().items.len(),
                    1,
                    "{needle:?} in {input}"
                );
            }
        }
    }
}
