//! Runs the conformance suite against the local binary, against the cloud with `CONFORMANCE_MOUNT=cloud`, against the
//! functions with `CONFORMANCE_MOUNT=lambda`, or against the server that `CONFORMANCE_URL` names.
//!
//! Besides the usual arguments of a test binary: `--report FOLDER` (or `CONFORMANCE_REPORT`) writes what came of each
//! case as JSON and as a Markdown table.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use conformance::conformance::{Suite, all, trials};
use conformance::mount::{CloudMount, LambdaMount, LocalMount, Mount, RunningMount};
use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let (report, rest) = split_report(std::env::args().collect());
    let mut arguments = Arguments::from_iter(rest);
    // Cases mostly wait, so more of them run at once than there are cores.
    arguments.test_threads.get_or_insert(8);
    let mount: Arc<dyn Mount> =
        match (RunningMount::from_env(), std::env::var("CONFORMANCE_MOUNT").as_deref()) {
            (Some(running), _) => Arc::new(running),
            (None, Err(_) | Ok("" | "local")) => Arc::new(LocalMount),
            (None, Ok("cloud")) => Arc::new(CloudMount),
            (None, Ok("lambda")) => Arc::new(LambdaMount),
            (None, Ok(other)) => {
                eprintln!("CONFORMANCE_MOUNT is {other:?}; there are local, cloud and lambda");
                return ExitCode::FAILURE;
            }
        };
    let suite = match Suite::new(mount) {
        Ok(suite) => suite,
        Err(error) => {
            eprintln!("the suite cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let conclusion = libtest_mimic::run(&arguments, trials(&suite, all()));
    if conclusion.has_failed() {
        show_log(&suite.log());
    }
    if let Some(folder) = report
        && let Err(error) = suite.report().write(&folder)
    {
        eprintln!("the report cannot be written: {error}");
        return ExitCode::FAILURE;
    }
    let measured = suite.measured();
    for figure in &measured {
        eprintln!("{}", figure.text);
    }
    if measured.iter().any(|figure| !figure.kept) {
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// Takes `--report FOLDER` out of the arguments, which the test runner would not know.
fn split_report(arguments: Vec<String>) -> (Option<PathBuf>, Vec<String>) {
    let mut folder = std::env::var_os("CONFORMANCE_REPORT").map(PathBuf::from);
    let mut rest = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--report" {
            folder = arguments.next().map(PathBuf::from);
        } else if let Some(path) = argument.strip_prefix("--report=") {
            folder = Some(PathBuf::from(path));
        } else {
            rest.push(argument);
        }
    }
    (folder, rest)
}

/// Shows what the server itself found wrong.
fn show_log(log: &str) {
    let alarming = |line: &&str| ["ERROR", "WARN", "panicked"].iter().any(|word| line.contains(word));
    let lines: Vec<&str> = log.lines().filter(alarming).collect();
    if !lines.is_empty() {
        eprintln!("the server logged:");
        for line in lines.iter().rev().take(30).rev() {
            eprintln!("  {line}");
        }
    }
}
