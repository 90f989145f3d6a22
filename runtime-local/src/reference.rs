//! The configuration reference, made from the flags, so that it cannot say anything else than `--help`.

use std::fmt::Write as _;

use clap::{Arg, CommandFactory};

use crate::cli::Cli;

const HEAD: &str = "# Configuration reference

Made from the flags of `traceway serve` by `scripts/configuration.sh`; a test fails when it is out of date.

A flag beats the environment, the environment beats the config file, the file beats the default. A `.env` file in the
working folder is read into the environment first, whole or not at all; values with spaces need quotes. A variable that
is set but empty counts as absent, but for `RESEND_API_KEY`. Every mistake in flags and variables is named at once, before
a port opens, and the exit code is 1 (2 for flags there are not). What is wrong in the config file is a warning, and the
default holds.

Local mode needs none of this. Cloud mode (`--cloud`) needs `DATABASE_URL`, `TURBOPUFFER_API_KEY`, `JWT_SECRET` and
`RESEND_API_KEY`; there the addresses default to `0.0.0.0` and logs to JSON. [Cloud mode](cloud.md) and [Hosting](hosting.md)
say more. `.env.example` lists all variables.
";

const TAIL: &str = "
## Config file

TOML, by default `~/.traceway/config.toml`. All keys are optional.

```toml
[api]
addr = \"127.0.0.1:3000\"

[proxy]
addr = \"127.0.0.1:3001\"
target = \"http://localhost:11434\"
capture_mode = \"preview:500\"

[storage]
data_dir = \"/var/lib/traceway\"

[logging]
level = \"info\"
```

`GET` and `PUT /api/config` read and write it; changes apply at the next start. `PUT` replaces the whole file, comments
included. `GET /api/config/proxy` tells how the running proxy is set, by whatever said so.

## Also read

| Variable | Meaning |
|---|---|
| `RUST_LOG` | how much to log, where neither `--log-level` nor `TRACEWAY_LOG` says |
| `FLY_REGION`, `RAILWAY_REGION`, `AWS_REGION`, `REGION` | `region` in `/api/health`; the first that is set |
| `FLY_ALLOC_ID`, `RAILWAY_REPLICA_ID`, `HOSTNAME` | `instance_id` in `/api/health`; the first that is set, else random |
| `TRACEWAY_URL`, `TRACEWAY_API_KEY` | which server `traceway health`, `export` and `tail` ask, and with which key |
| `TRACEWAY_SECRET_ARN`, `TRACEWAY_JOBS_QUEUE_URL`, `TRACEWAY_SSE_SECONDS`, `TRACEWAY_ORIGIN_SECRET` | functions on AWS Lambda only: [Hosting](hosting.md#variables-that-only-functions-have) |
";

/// Returns the whole page as Markdown.
fn reference() -> String {
    let mut cli = Cli::command();
    cli.build();
    let serve = cli.find_subcommand("serve").expect("there is a command named serve");
    let mut page = HEAD.to_owned();
    let mut heading = "";
    for flag in serve.get_arguments().filter(|flag| !matches!(flag.get_id().as_str(), "help" | "version")) {
        let own = flag.get_help_heading().unwrap_or("Other");
        if own != heading {
            heading = own;
            // Writing to a string cannot fail, here and below.
            let _ = write!(
                page,
                "\n## {own}\n\n| Flag | Environment | Config key | Default | Meaning |\n|---|---|---|---|---|\n"
            );
        }
        page.push_str(&row(flag));
    }
    page.push_str(TAIL);
    page
}

fn row(flag: &Arg) -> String {
    let long = flag.get_long().unwrap_or_default();
    let value =
        flag.get_value_names().and_then(|names| names.first()).filter(|_| flag.get_action().takes_values());
    // A value that may be left out has to be attached.
    let is_optional = flag.get_num_args().is_some_and(|count| count.min_values() == 0);
    let value = value.map(|name| if is_optional { format!("[={name}]") } else { format!(" {name}") });
    let value = value.unwrap_or_default();
    let env = flag.get_env().map(|name| code(&name.to_string_lossy())).unwrap_or_default();
    let help = flag.get_long_help().or(flag.get_help()).map(ToString::to_string).unwrap_or_default();
    let (help, default) = cut(&help, "default");
    let (help, config) = cut(&help, "config");
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let help = help.trim_end_matches([' ', '.']);
    let config = config.map(|key| code(key.trim_matches('`'))).unwrap_or_default();
    let default = default.unwrap_or_default();
    format!("| `--{long}{value}` | {env} | {config} | {default} | {help} |\n")
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Takes `[name: value]` out of a help text.
fn cut(help: &str, name: &str) -> (String, Option<String>) {
    let start = format!("[{name}: ");
    let Some((before, rest)) = help.split_once(&start) else { return (help.to_owned(), None) };
    let Some((value, after)) = rest.split_once(']') else { return (help.to_owned(), None) };
    (format!("{before}{after}"), Some(value.replace('<', "\\<")))
}

/// `UPDATE_DOCS=1` writes the page instead of comparing it.
#[test]
fn configuration_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, reference()).expect("the page can be written");
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(page == reference(), "docs/configuration.md is out of date: run scripts/configuration.sh");
}
