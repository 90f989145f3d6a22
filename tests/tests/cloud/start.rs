//! Starting in cloud mode: what is wrong is said at once, and no secret with it.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use conformance::mount::binary;

const SECRETS: [(&str, &str); 8] = [
    ("DATABASE_URL", "postgres://user:hunter2-database@127.0.0.1:1/none"),
    ("TURBOPUFFER_API_KEY", "hunter2-turbopuffer"),
    ("JWT_SECRET", "hunter2-sessions-with-32-characters"),
    ("RESEND_API_KEY", "hunter2-resend"),
    ("POLAR_ACCESS_TOKEN", "hunter2-polar"),
    ("POLAR_WEBHOOK_SECRET", "hunter2-webhooks"),
    ("REDIS_URL", "redis://:hunter2-redis@127.0.0.1:1"),
    ("TRACEWAY_API_KEYS", "ci:tw_sk_hunter2-0123456789"),
];

/// Runs the binary until it ends by itself.
fn run(args: &[&str], env: &[(&str, &str)]) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(binary().unwrap())
        .args(args)
        .env_clear()
        .env("HOME", folder.path())
        .envs(env.iter().copied())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

/// Starts a cloud at ports that are taken, so that one that opens them before it checks would name them.
fn start(env: &[(&str, &str)]) -> (Option<i32>, String) {
    let ports = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [api, proxy] = ports.each_ref().map(|port| port.local_addr().unwrap().to_string());
    let (output, text) = run(&["serve", "--cloud", "--api-addr", &api, "--proxy-addr", &proxy], env);
    for address in [&api, &proxy] {
        assert!(!text.contains(address.as_str()), "a port was tried first: {text}");
    }
    (output.status.code(), text)
}

fn without<'a>(names: &[&str]) -> Vec<(&'a str, &'a str)> {
    SECRETS.into_iter().filter(|(name, _)| !names.contains(name)).collect()
}

#[test]
fn all_missing_variables_are_named_at_once() {
    let required = ["DATABASE_URL", "TURBOPUFFER_API_KEY", "JWT_SECRET", "RESEND_API_KEY"];
    let (code, text) = start(&[]);
    assert_eq!(code, Some(1), "{text}");
    for name in required {
        assert!(text.contains(name), "{name} in {text}");
    }
    for name in required {
        let (code, text) = start(&without(&[name]));
        assert_eq!((code, text.contains(name), text.contains("hunter2")), (Some(1), true, false), "{text}");
        for other in required.iter().filter(|other| **other != name) {
            assert!(!text.contains(*other), "{other} is there: {text}");
        }
    }
}

#[test]
fn a_short_secret_is_refused_with_whatever_else_is_wrong() {
    let mut env = without(&["JWT_SECRET", "TURBOPUFFER_API_KEY", "DATABASE_URL"]);
    env.extend([
        ("JWT_SECRET", "hunter2-hunter2-hunter2-hunter2"),
        ("DATABASE_URL", "mysql://root:hunter2@db/x"),
        ("TRACEWAY_RATE_LIMIT", "none"),
    ]);
    let (code, text) = start(&env);
    assert_eq!(code, Some(1), "{text}");
    for name in ["JWT_SECRET", "TURBOPUFFER_API_KEY", "DATABASE_URL", "TRACEWAY_RATE_LIMIT"] {
        assert!(text.contains(name), "{name} in {text}");
    }
    assert!(text.contains("32") && !text.contains("hunter2"), "{text}");
}

#[test]
fn no_secret_is_printed_by_help_or_by_a_start_that_fails() {
    for args in
        [&["--help"][..], &["-h"], &["serve", "--help"], &["serve", "--cloud", "--help"], &["--version"]]
    {
        let (output, text) = run(args, &SECRETS);
        assert!(output.status.success(), "{args:?} {text}");
        assert!(!text.contains("hunter2"), "{args:?} shows a secret: {text}");
    }
    let mut env = SECRETS.to_vec();
    env.push(("TRACEWAY_LOG", "debug"));
    let (code, text) = start(&env);
    assert_eq!((code, text.contains("hunter2")), (Some(1), false), "the database does not answer: {text}");
    assert!(!text.is_empty());
}
