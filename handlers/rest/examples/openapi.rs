//! Prints the description of the API; `scripts/openapi.sh` keeps it for the dashboard.
#![expect(clippy::print_stdout, reason = "its output is the point")]

fn main() -> serde_json::Result<()> {
    println!("{}", serde_json::to_string_pretty(&rest::openapi())?);
    Ok(())
}
