//! A disk that takes a third of a second to make anything durable.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use conformance::providers;
use tokio::task::JoinSet;

use crate::server::{assert_no_panic, call, client, ingest, resident, start};

/// How long a flush takes.
const FLUSH: Duration = Duration::from_millis(300);

/// Delays every flush; loaded into the server in front of the C library.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static void wait_for_disk(void) { usleep(300000); }
int fsync(int fd) { static int (*real)(int); if (!real) real = dlsym(RTLD_NEXT, "fsync"); wait_for_disk(); return real(fd); }
int fdatasync(int fd) { static int (*real)(int); if (!real) real = dlsym(RTLD_NEXT, "fdatasync"); wait_for_disk(); return real(fd); }
"#;

fn shim(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("slow.c"), folder.join("slow.so"));
    std::fs::write(&source, SHIM).unwrap();
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").status();
    assert!(built.unwrap().success());
    library
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_bounds_memory_and_leaves_proxied_calls_fast() {
    let provider = providers::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let library = shim(folder.path());
    let data = folder.path().join("data");
    let server = start(&data, provider.base_url(), &[("LD_PRELOAD", library.to_str().unwrap())]);
    let before = resident(&server);

    let mut load = JoinSet::new();
    let lasting = Duration::from_secs(12);
    let started = Instant::now();
    for worker in 0..150 {
        let api = server.api.clone();
        load.spawn(async move {
            let client = client();
            let (mut taken, mut n) = (0, 0);
            while started.elapsed() < lasting {
                n += 1;
                let text = format!("{worker} {n} ").repeat(8_000);
                match ingest(&client, &api, &format!("s-{worker}-{n}"), &text).await.unwrap() {
                    200 => taken += 1,
                    503 => tokio::time::sleep(Duration::from_millis(50)).await,
                    other => panic!("status {other} instead of 200 or 503"),
                }
            }
            taken
        });
    }
    let (client, mut slow, mut peak, mut calls) = (client(), 0, before, 0);
    while started.elapsed() < lasting {
        let sent = Instant::now();
        assert_eq!(call(&client, &server.proxy).await.unwrap().0, 200);
        slow += usize::from(sent.elapsed() >= FLUSH);
        peak = peak.max(resident(&server));
        calls += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut taken = 0;
    while let Some(done) = load.join_next().await {
        taken += done.unwrap();
    }
    assert!(taken > 0, "nothing was taken at all");
    assert!(calls > 50, "only {calls} proxied calls in {lasting:?}");
    assert!(peak < 600, "memory grew from {before} to {peak} MiB");
    // If calls waited for a flush, all of them would take as long; a busy machine makes some of them slow.
    assert!(slow * 4 < calls, "{slow} of {calls} proxied calls took as long as a flush");
    assert_no_panic(&server);
}
