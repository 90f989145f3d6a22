//! Builds the dashboard with npm, for embedding. What is text is embedded compressed, and served so.
//!
//! Without Node, without the dashboard's sources, or with `TRACEWAY_DASHBOARD=skip`, the server is built without
//! it and says so on its page. `TRACEWAY_DASHBOARD=<folder>` embeds a dashboard that is built already.

#![expect(clippy::disallowed_methods, reason = "the bans are for handlers; this runs while building")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?).join("dashboard");
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let source = here.join("../../dashboard");
    println!("cargo:rerun-if-env-changed=TRACEWAY_DASHBOARD");
    let watched = [
        "src",
        "public",
        "index.html",
        "package.json",
        "package-lock.json",
        "vite.config.ts",
        "openapi.json",
    ];
    for name in watched.iter().map(|name| source.join(name)).filter(|path| path.exists()) {
        println!("cargo:rerun-if-changed={}", name.display());
    }
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;
    let wanted = env::var("TRACEWAY_DASHBOARD").unwrap_or_default();
    let outcome = match wanted.as_str() {
        "skip" => Err("TRACEWAY_DASHBOARD=skip".to_owned()),
        "" => build(&source, &out),
        built => copy(Path::new(built), &out).map_err(|error| format!("{built}: {error}")),
    };
    if let Err(reason) = outcome {
        println!("cargo:warning=building without the dashboard: {reason}");
        if wanted.is_empty() {
            // What was missing may be there the next time, and cargo would not look: it always does for a missing file.
            println!("cargo:rerun-if-changed={}", out.join("missing").display());
        }
        fs::write(out.join("index.html"), WITHOUT)?;
    }
    zip(&out)
}

const WITHOUT: &str = "<!doctype html><title>Traceway</title><p>This server was built without its dashboard. \
    Install Node 20 or newer and build again. The API is at <a href=/api/openapi.json>/api</a>.</p>\n";

fn build(source: &Path, out: &Path) -> Result<(), String> {
    if !source.join("package.json").exists() {
        return Err("its sources are not here".to_owned());
    }
    let installed = source.join("node_modules/.package-lock.json");
    let lock = source.join("package-lock.json");
    if !is_newer(&installed, &lock) {
        npm(source, &["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    }
    let folder = out.to_str().ok_or("its output folder is not UTF-8")?;
    npm(source, &["run", "build", "--", "--outDir", folder, "--emptyOutDir"])
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    matches!((time(file), time(than)), (Ok(a), Ok(b)) if a >= b)
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let run = Command::new("npm").args(arguments).current_dir(folder).output();
    let done = run.map_err(|error| format!("npm could not be started ({error})"))?;
    if done.status.success() {
        return Ok(());
    }
    let said = [String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)].concat();
    let last: Vec<&str> = said.lines().rev().take(15).collect();
    Err(format!(
        "npm {} failed: {}",
        arguments.join(" "),
        last.into_iter().rev().collect::<Vec<_>>().join(" | ")
    ))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Replaces what is text by the same with `.gz` after its name.
fn zip(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            zip(&path)?;
            continue;
        }
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if !["html", "js", "css", "svg", "json", "txt", "webmanifest"].contains(&kind) {
            continue;
        }
        let zipped = File::create(path.with_extension(format!("{kind}.gz")))?;
        let mut encoder = GzEncoder::new(zipped, Compression::best());
        io::copy(&mut File::open(&path)?, &mut encoder)?;
        encoder.finish()?;
        fs::remove_file(&path)?;
    }
    Ok(())
}
