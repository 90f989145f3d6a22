//! Measurements as a table for people and JSON for programs.

use hdrhistogram::Histogram;
use serde::Serialize;

/// One measured line: what, the figure, what it is compared with, and whether it keeps its budget.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What was measured.
    pub what: String,
    /// The figure.
    pub measured: String,
    /// The baseline of the same run.
    pub baseline: String,
    /// What the difference is, and the budget for it.
    pub budget: String,
    /// Whether the budget is kept; `None` where there is none.
    pub kept: Option<bool>,
}

/// All lines of a run.
#[derive(Default, Debug, Serialize)]
pub struct Report {
    /// In the order measured.
    pub lines: Vec<Line>,
}

impl Report {
    /// Adds a line and prints it.
    #[expect(clippy::print_stdout, reason = "the table is the program's output")]
    pub fn add(&mut self, what: &str, measured: String, baseline: &str, budget: &str, kept: Option<bool>) {
        let line = Line {
            what: what.to_owned(),
            measured,
            baseline: baseline.to_owned(),
            budget: budget.to_owned(),
            kept,
        };
        println!("{}", line.row());
        self.lines.push(line);
    }

    /// Adds the median and the 95th percentile of timings in microseconds; the latter has `budget` milliseconds.
    pub fn add_timings(&mut self, what: &str, timings: &Histogram<u64>, baseline: &str, budget: u64) {
        let (p50, p95) = (timings.value_at_quantile(0.5), timings.value_at_quantile(0.95));
        let measured = format!("p50 {}, p95 {}", ms(p50), ms(p95));
        self.add(what, measured, baseline, &format!("p95 ≤ {budget} ms"), Some(p95 <= budget * 1000));
    }

    /// Returns the head of the table.
    pub fn head() -> &'static str {
        "| What | Measured | Baseline, same run | Budget | |\n|---|---|---|---|---|"
    }
}

impl Line {
    fn row(&self) -> String {
        let kept = match self.kept {
            Some(true) => "kept",
            Some(false) => "**missed**",
            None => "",
        };
        format!("| {} | {} | {} | {} | {kept} |", self.what, self.measured, self.baseline, self.budget)
    }
}

/// Returns microseconds as milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a latency has few digits")]
pub fn ms(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1000.0)
}
