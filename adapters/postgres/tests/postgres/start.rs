//! Starting: migrations by many at once, and what stands between here and Postgres.

use std::time::Duration;

use crate::support::{Schema, url};
use adapter_postgres::{
    ConnectError, Leases, MigrateError, Namespace, PoolOptions, PostgresNamespaces, Start, check_pooler,
    connect, migrate,
};
use futures_util::future::join_all;
use trace::testing::scope;

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_start_at_once_migrate_once() {
    let schema = Schema::empty().await;
    let address = schema.url();
    let taken = join_all((0..12).map(|_| migrate(&address))).await;
    let mut taken: Vec<&str> = taken.into_iter().flat_map(Result::unwrap).collect();
    let count = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), count, "each step was taken once");
    let mut raw = schema.raw().await;
    let recorded: Vec<String> = sqlx::query_scalar("SELECT name FROM _auth_migrations ORDER BY name")
        .fetch_all(&mut raw)
        .await
        .unwrap();
    assert_eq!(recorded, taken);
    assert_eq!(migrate(&address).await.unwrap(), Vec::<&str>::new());
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let schema = Schema::empty().await;
    let mut raw = schema.raw().await;
    sqlx::raw_sql(
        "CREATE TABLE _auth_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
         INSERT INTO _auth_migrations (name) VALUES ('9999_from_the_future')",
    )
    .execute(&mut raw)
    .await
    .unwrap();
    let error = migrate(&schema.url()).await.unwrap_err();
    assert!(matches!(&error, MigrateError::Newer { unknown } if unknown == "9999_from_the_future"));
    assert!(error.to_string().contains("newer version of traceway"), "{error}");
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
            .fetch_one(&mut raw)
            .await
            .unwrap();
    assert_eq!(tables, 1);
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_connection_is_accepted() {
    let database = connect(&url("TEST_DATABASE_URL"), PoolOptions::default()).await.unwrap();
    database.check().await.unwrap();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_is_accepted() {
    let database = connect(&url("TEST_PGBOUNCER_SESSION_URL"), PoolOptions::default()).await.unwrap();
    database.check().await.unwrap();
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_mixes_up_statements_is_refused_with_what_to_do() {
    for attempt in 0..5 {
        let error = connect(&url("TEST_PGBOUNCER_URL"), PoolOptions::default()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Pooler(_)), "attempt {attempt}: {error:?}");
        let text = error.to_string();
        for hint in ["session-mode endpoint", "max_prepared_statements", "DATABASE_URL"] {
            assert!(text.contains(hint), "{text}");
        }
    }
    assert!(check_pooler(&url("TEST_PGBOUNCER_URL")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_is_named_without_its_password() {
    let nowhere = "postgres://ann:secret@127.0.0.1:1/db";
    let error = connect(nowhere, PoolOptions::default()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }));
    assert!(
        error.to_string().contains("127.0.0.1:1") && !format!("{error:?}").contains("secret"),
        "{error:?}"
    );
    let error = migrate(nowhere).await.unwrap_err();
    assert!(matches!(error, MigrateError::Connect(ConnectError::Unreachable { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lazy_pool_opens_before_there_is_a_database() {
    let options = PoolOptions { acquire_timeout: Duration::from_millis(300), ..PoolOptions::lambda() };
    assert_eq!((options.connections, options.start), (2, Start::Lazy));
    let database = connect("postgres://ann@127.0.0.1:1/db", options).await.unwrap();
    assert!(database.check().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_died_is_replaced_unnoticed() {
    let (schema, database) = Schema::migrated().await;
    database.check().await.unwrap();
    let mut raw = schema.raw().await;
    sqlx::query(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE pid <> pg_backend_pid() AND application_name = current_setting('application_name')",
    )
    .execute(&mut raw)
    .await
    .map(|done| assert!(done.rows_affected() >= 1))
    .unwrap();
    database.check().await.unwrap();
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_processes_leads() {
    let (schema, database) = Schema::migrated().await;
    let processes: Vec<Leases> = (0..20).map(|_| Leases::new(&database)).collect();
    let minute = Duration::from_mins(1);
    let led = join_all(processes.iter().map(|leases| leases.try_lead("sweep", minute))).await;
    let leaders: Vec<usize> = (0..20).filter(|at| led[*at].as_ref().unwrap().is_some()).collect();
    assert_eq!(leaders.len(), 1);
    let (leader, other) = (&processes[leaders[0]], &processes[(leaders[0] + 1) % 20]);
    let lease = leader.try_lead("sweep", minute).await.unwrap().unwrap();
    assert_eq!(other.try_lead("sweep", minute).await.unwrap(), None);
    assert!(other.try_lead("mail", minute).await.unwrap().is_some(), "other work has its own leader");
    leader.resign(lease).await.unwrap();
    assert!(other.try_lead("sweep", Duration::from_millis(50)).await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(leader.try_lead("sweep", minute).await.unwrap().is_some(), "a leader that died is followed");
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_are_listed_in_pages_and_never_grow_older() {
    let (schema, database) = Schema::migrated().await;
    let namespaces = PostgresNamespaces::new(&database);
    let namespace =
        |name: &str, schema_version| Namespace { name: name.to_owned(), scope: scope(7), schema_version };
    for name in ["b", "a", "c"] {
        namespaces.register(&namespace(name, 2)).await.unwrap();
    }
    namespaces.register(&namespace("a", 1)).await.unwrap();
    namespaces.register(&namespace("b", 3)).await.unwrap();
    namespaces.forget("c").await.unwrap();
    let listed = namespaces.list(None, 10).await.unwrap();
    assert_eq!(listed, [namespace("a", 2), namespace("b", 3)]);
    assert_eq!(namespaces.list(Some("a"), 1).await.unwrap(), [namespace("b", 3)]);
    database.close().await;
    schema.drop().await;
}
