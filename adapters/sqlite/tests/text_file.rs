//! The file of the text index belongs to its database, or is made anew.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use adapter_sqlite::{Options, SqliteStore};
use trace::filter::{Filter, ListQuery, SortBy, SortOrder, Test, TextField};
use trace::id::{Scope, TraceId};
use trace::ports::{SpanStore, SpanWrite};
use trace::testing::{batch, completed, new_span, span};

/// More than a search reads before it asks the index.
const SPANS: i64 = 600;

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Options::default()).await.unwrap()
}

/// Writes spans, each in a trace of its own with a word of its own.
async fn write(store: &SqliteStore, word: &str) {
    let writes = (0..SPANS).map(|number| {
        let input = format!(
            r#"[{{"role":"user","content":"A message long enough to be a part, which says {word}-{number}-"}}]"#
        );
        let trace = format!("{word}{number}");
        SpanWrite::Put(new_span(completed(span(&trace, "s", number), 1), Some(&input), None))
    });
    store.write(&Scope::LOCAL, batch(vec![], writes.collect())).await.unwrap();
}

async fn indexed(store: &SqliteStore) {
    let start = Instant::now();
    while store.unindexed().await.unwrap() > 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "the index does not catch up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns the traces that a search finds.
async fn search(store: &SqliteStore, needle: &str) -> Vec<String> {
    let mut filter = Filter::default();
    filter.and(Test::Text(TextField::Anywhere, needle.to_owned()));
    let query =
        ListQuery { filter, sort_by: SortBy::StartedAt, sort_order: SortOrder::Desc, after: None, limit: 50 };
    let page = store.list(&Scope::LOCAL, &query).await.unwrap();
    page.items.into_iter().map(|span| span.trace_id.to_string()).collect()
}

/// Returns a directory in which `alpha` was written and indexed, the path of its database and that of the index.
async fn filled() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traceway.db");
    let store = open(&path).await;
    write(&store, "alpha").await;
    indexed(&store).await;
    store.close().await;
    let index = directory.path().join("traceway.text.db");
    (directory, path, index)
}

async fn alpha_is_found(path: &Path) {
    let store = open(path).await;
    assert_eq!(search(&store, "alpha-3-").await, ["alpha3"]);
    indexed(&store).await;
    for number in [3, SPANS - 1] {
        assert_eq!(search(&store, &format!("alpha-{number}-")).await, [format!("alpha{number}")]);
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_kept_over_a_restart() {
    let (_directory, path, index) = filled().await;
    let before = fs::metadata(&index).unwrap().ino();
    let store = open(&path).await;
    assert_eq!(store.unindexed().await.unwrap(), 0);
    store.close().await;
    assert_eq!(fs::metadata(&index).unwrap().ino(), before, "the index was made anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_index_is_made_anew() {
    let (_directory, path, index) = filled().await;
    fs::remove_file(index).unwrap();
    alpha_is_found(&path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_index_is_made_anew() {
    let (_directory, path, index) = filled().await;
    fs::write(index, "something else entirely, and longer than the header of a database".repeat(90)).unwrap();
    alpha_is_found(&path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_of_another_database_is_made_anew() {
    let (_directory, path, index) = filled().await;
    let (_other_directory, other, other_index) = filled().await;
    let store = open(&other).await;
    store.clear(&Scope::LOCAL).await.unwrap();
    store.close().await;
    fs::copy(other_index, index).unwrap();
    alpha_is_found(&path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_ahead_of_a_restored_database_is_made_anew() {
    let (directory, path, _) = filled().await;
    let backup = directory.path().join("backup");
    fs::copy(&path, &backup).unwrap();
    let store = open(&path).await;
    store.delete_trace(&Scope::LOCAL, &TraceId::parse("alpha3").unwrap()).await.unwrap();
    indexed(&store).await;
    assert_eq!(search(&store, "alpha-3-").await, Vec::<String>::new());
    store.close().await;
    drop(store);
    fs::copy(&backup, &path).unwrap();
    alpha_is_found(&path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_damaged_while_it_is_used_hides_nothing_and_takes_nothing_with_it() {
    let (_directory, path, index) = filled().await;
    let store = open(&path).await;
    // All but the pages that say what the file is.
    let file = fs::OpenOptions::new().write(true).open(&index).unwrap();
    let damaged = fs::metadata(&index).unwrap().ino();
    for page in 3..fs::metadata(&index).unwrap().len() / 4_096 {
        file.write_all_at(&[0xA5; 4_096], page * 4_096).unwrap();
    }
    for number in [3, SPANS - 1] {
        assert_eq!(search(&store, &format!("alpha-{number}-")).await, [format!("alpha{number}")]);
    }
    write(&store, "beta").await;
    indexed_anew(&store, &index, damaged).await;
    for word in ["alpha", "beta"] {
        assert_eq!(search(&store, &format!("{word}-5-")).await, [format!("{word}5")]);
    }
    store.close().await;
    drop(store);
    alpha_is_found(&path).await;
}

/// Waits until there is another file at `path` that has taken in everything.
async fn indexed_anew(store: &SqliteStore, path: &Path, damaged: u64) {
    let start = Instant::now();
    let is_anew = || fs::metadata(path).is_ok_and(|file| file.ino() != damaged);
    while !is_anew() || store.unindexed().await.unwrap_or(1) > 0 {
        assert!(start.elapsed() < Duration::from_secs(30), "the damaged index stays");
        assert_eq!(search(store, "alpha-3-").await, ["alpha3"]);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
