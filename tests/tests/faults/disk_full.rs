//! A full disk, and one with room again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use conformance::providers;

use crate::server::{assert_no_panic, call, client, ingest, start, status};

/// A file system of its own, small enough to fill. Needs root.
struct SmallDisk(PathBuf, #[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir);

impl SmallDisk {
    fn new(mebibytes: u32) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).status().unwrap();
        assert!(mounted.success(), "mounting a tmpfs needs root");
        Self(path, parent)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_503_while_the_proxy_serves_and_recovers_without_a_restart() {
    let provider = providers::start().await.unwrap();
    let disk = SmallDisk::new(48);
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 24 << 20]).unwrap();
    let server = start(disk.path(), provider.base_url(), &[]);
    let client = client();

    let mut promised = Vec::new();
    // Text that does not compress, in ever smaller pieces, so that at last there is no room for anything.
    for (size, label) in [(2000, "large"), (100, "small"), (1, "tiny")] {
        let mut refused = 0;
        for n in 0..4000 {
            let text =
                (0..size).fold(String::new(), |text, k| text + &format!("{:016x}", hash(n * 10_000 + k)));
            let id = format!("{label}-{n}");
            match ingest(&client, &server.api, &id, &text).await.unwrap() {
                200 => promised.push(id),
                503 => refused += 1,
                other => panic!("status {other} instead of 200 or 503"),
            }
            if refused == 5 {
                break;
            }
        }
        assert_eq!(refused, 5, "the disk never filled");
    }
    assert_eq!(status(&client, &format!("{}/api/ready", server.api)).await, 503);
    assert_eq!(status(&client, &format!("{}/api/health", server.api)).await, 503);
    assert_eq!(status(&client, &format!("{}/api/live", server.api)).await, 200);
    for _ in 0..10 {
        assert_eq!(call(&client, &server.proxy).await.unwrap().0, 200, "the proxy must go on serving");
    }

    std::fs::remove_file(&ballast).unwrap();
    let mut recovered = false;
    for n in 0..100 {
        if ingest(&client, &server.api, &format!("after-{n}"), "there is room again").await.unwrap() == 200 {
            recovered = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(recovered, "writes must succeed once there is room, without a restart");
    let mut ready = 0;
    for _ in 0..50 {
        ready = status(&client, &format!("{}/api/ready", server.api)).await;
        if ready == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(ready, 200);
    for n in promised {
        assert_eq!(
            status(&client, &format!("{}/api/spans/{n}", server.api)).await,
            200,
            "{n} was answered 200"
        );
    }
    assert_no_panic(&server);
}

fn hash(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
