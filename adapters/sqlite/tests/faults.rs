//! What the store does when it is opened wrongly, overloaded, out of space or stopped.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use adapter_sqlite::{OpenError, Options, SqliteStore};
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use trace::id::{Scope, TraceId};
use trace::ports::{SpanStore, SpanWrite, StoreError, Written};
use trace::testing::{batch, new_span, span, time};

async fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, Options::default()).await
}

fn write(trace: &str, id: &str, input: &str) -> trace::ports::Batch {
    batch(vec![], vec![SpanWrite::Put(new_span(span(trace, id, 0), Some(input), None))])
}

/// Returns a JSON string that no compression makes much smaller.
fn noise(seed: u64, bytes: usize) -> String {
    let mut n = seed.wrapping_add(1);
    let mut next = || {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b' ' + 5 + u8::try_from((n >> 40) % 55).unwrap())
    };
    format!("\"{}\"", (0..bytes).map(|_| next()).collect::<String>())
}

#[tokio::test]
async fn a_directory_in_use_is_refused_until_it_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traceway.db");
    let first = open(&path).await.unwrap();
    let error = open(&path).await.err().unwrap();
    assert!(
        matches!(&error, OpenError::Locked { directory: locked } if locked == directory.path()),
        "{error}"
    );
    assert!(error.to_string().contains(directory.path().to_str().unwrap()));
    first.close().await;
    drop(first);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_or_is_newer_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traceway.db");
    fs::write(&path, "something else entirely, and longer than the header of a database would be".repeat(40))
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::remove_file(&path).unwrap();

    open(&path).await.unwrap().close().await;
    let url = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&url).await.unwrap();
    sqlx::query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = (SELECT max(version) FROM _sqlx_migrations)")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 9999, .. }), "{error:?}");
    assert!(error.to_string().contains("newer version"));
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file.join("below").join("traceway.db")).await.err().unwrap();
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
    let closed = directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    // Whoever may write everywhere, such as root, is not kept out.
    if fs::write(closed.join("probe"), "").is_err() {
        let error = open(&closed.join("traceway.db")).await.err().unwrap();
        assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_created_is_its_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("traceway.db")).await.unwrap();
    store.write(&Scope::LOCAL, write("t", "s", "1")).await.unwrap();
    let mut names = Vec::new();
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
        names.push(file.file_name());
    }
    assert!(names.len() >= 3, "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_before_a_stop_is_there_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traceway.db");
    let store = open(&path).await.unwrap();
    let writes = (0..300).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let id = format!("s{number}");
            store.write(&Scope::LOCAL, write("t", &id, "1")).await.map(|_| id)
        })
    });
    let writes: Vec<_> = writes.collect();
    tokio::task::yield_now().await;
    store.close().await;
    let answers: Vec<Result<String, StoreError>> =
        join_all(writes).await.into_iter().map(Result::unwrap).collect();
    assert!(store.write(&Scope::LOCAL, write("t", "late", "1")).await.is_err());
    assert!(store.check().await.is_err());
    drop(store);
    let store = open(&path).await.unwrap();
    let stored = store.list_of_traces(&Scope::LOCAL, &[TraceId::parse("t").unwrap()]).await.unwrap();
    let stored: Vec<&str> = stored.iter().map(|span| span.id.as_str()).collect();
    for id in answers.iter().flatten() {
        assert!(stored.contains(&id.as_str()), "{id} was answered and is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_waiting_is_told_and_passes() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { queue_bytes: 200_000, ..Options::default() };
    let store = SqliteStore::open(&directory.path().join("traceway.db"), options).await.unwrap();
    let input = noise(1, 60_000);
    // Nothing is committed, however fast the disk, while somebody else has the file.
    let file = SqliteConnectOptions::new().filename(directory.path().join("traceway.db"));
    let mut other = SqliteConnection::connect_with(&file).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let mut writes: FuturesUnordered<_> = (0..60)
        .map(|number| {
            let (store, input) = (store.clone(), input.clone());
            async move { store.write(&Scope::LOCAL, write("t", &format!("s{number}"), &input)).await }
        })
        .collect();
    let mut answers: Vec<Result<Written, StoreError>> = vec![writes.next().await.unwrap()];
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    answers.extend(writes.collect::<Vec<_>>().await);
    let busy = answers.iter().filter(|answer| matches!(answer, Err(StoreError::Busy))).count();
    let written = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(busy > 0 && written > 0 && busy + written == 60, "{busy} busy, {written} written");
    assert_eq!(store.counts(&Scope::LOCAL).await.unwrap().spans, written as u64);
    // Larger than the whole queue, but alone.
    store.write(&Scope::LOCAL, write("t", "large", &noise(2, 400_000))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_space_writes_are_refused_until_there_is_some_and_reads_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { max_bytes: Some(2 << 20), ..Options::default() };
    let store = SqliteStore::open(&directory.path().join("traceway.db"), options).await.unwrap();
    let mut written = 0;
    let error = loop {
        let (trace, id) = (format!("t{written}"), format!("s{written}"));
        match store.write(&Scope::LOCAL, write(&trace, &id, &noise(written, 50_000))).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100, "2 MB are not full after 5");
    };
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(store.counts(&Scope::LOCAL).await.unwrap().spans, written);
    store.list_of_traces(&Scope::LOCAL, &[TraceId::parse("t0").unwrap()]).await.unwrap();

    // A large batch does not take its small neighbours down with it.
    let neighbours = (0..20).map(|number| {
        let input = if number == 7 { noise(99, 1_000_000) } else { "1".to_owned() };
        let store = store.clone();
        async move { store.write(&Scope::LOCAL, write("small", &format!("n{number}"), &input)).await }
    });
    store.delete_trace(&Scope::LOCAL, &TraceId::parse("t0").unwrap()).await.unwrap();
    let answers = join_all(neighbours).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.is_ok(), number != 7, "neighbour {number}: {answer:?}");
    }

    assert_eq!(store.sweep(&Scope::LOCAL, time(1)).await.unwrap(), written);
    store.write(&Scope::LOCAL, write("t", "after", &noise(1, 50_000))).await.unwrap();
    store.check().await.unwrap();
}
