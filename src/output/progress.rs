//! Progress on standard error: a bar with rate and time to go, plain lines, or JSON lines.
//!
//! Rate and time to go are worked out here; the engine only gives counts.

use std::io::Write as _;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::resync::{Observer, Silent, Stats};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A bar that is redrawn.
    Bar,
    /// A line every few seconds.
    Lines,
    /// A JSON object per line.
    Json,
    /// Nothing.
    None,
}

/// Least time between two plain lines, and between two JSON lines.
const LINES_EVERY: Duration = Duration::from_secs(5);
const JSON_EVERY: Duration = Duration::from_millis(500);

/// The observer for `style`.
#[must_use]
pub fn observer(style: Style) -> Box<dyn Observer> {
    match style {
        Style::Bar => Box::new(Bar { bar: ProgressBar::hidden() }),
        Style::Lines => Box::new(Paced::new(LINES_EVERY, line)),
        Style::Json => Box::new(Paced::new(JSON_EVERY, json_line)),
        Style::None => Box::new(Silent),
    }
}

#[derive(Debug)]
struct Bar {
    bar: ProgressBar,
}

impl Observer for Bar {
    fn start(&mut self, stats: &Stats) {
        let template = "{wide_bar} {percent:>3}%  {binary_bytes}/{binary_total_bytes}  \
                        {binary_bytes_per_sec}  {eta} to go";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| {
            // The template is fixed; should indicatif ever refuse it, its own will do.
            ProgressStyle::default_bar()
        });
        let target = ProgressDrawTarget::stderr();
        self.bar = ProgressBar::with_draw_target(Some(stats.total.get()), target).with_style(style);
    }

    fn tick(&mut self, stats: &Stats) {
        self.bar.set_position(stats.done.get());
    }

    fn note(&mut self, text: &str) {
        self.bar.suspend(|| say(text));
    }

    fn finish(&mut self, stats: &Stats) {
        self.bar.set_position(stats.done.get());
        match stats.done >= stats.total {
            true => self.bar.finish(),
            false => self.bar.abandon(),
        }
    }
}

type Render = fn(&Stats, Duration) -> String;

/// Lines, no more often than `every`.
#[derive(Debug)]
struct Paced {
    every: Duration,
    render: Render,
    started: Instant,
    last: Instant,
}

impl Paced {
    fn new(every: Duration, render: Render) -> Self {
        let now = Instant::now();
        Self { every, render, started: now, last: now }
    }

    fn print(&mut self, stats: &Stats) {
        self.last = Instant::now();
        say(&(self.render)(stats, self.started.elapsed()));
    }
}

impl Observer for Paced {
    fn start(&mut self, _: &Stats) {
        self.started = Instant::now();
        self.last = self.started;
    }

    fn tick(&mut self, stats: &Stats) {
        if self.last.elapsed() >= self.every {
            self.print(stats);
        }
    }

    fn note(&mut self, text: &str) {
        say(text);
    }

    fn finish(&mut self, stats: &Stats) {
        self.print(stats);
    }
}

fn say(line: &str) {
    // Progress that nobody can see is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Bytes a second, and seconds to go at that rate.
fn forecast(stats: &Stats, elapsed: Duration) -> (u64, Option<u64>) {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let (done, left) = (stats.done.get(), stats.total.saturating_sub(stats.done).get());
    let rate = u64::try_from(u128::from(done) * 1000 / u128::from(millis)).unwrap_or(u64::MAX);
    (rate, left.checked_div(rate))
}

fn line(stats: &Stats, elapsed: Duration) -> String {
    let (rate, eta) = forecast(stats, elapsed);
    let percent = (stats.done.get().saturating_mul(100)).checked_div(stats.total.get());
    let done = format!("{} of {}", HumanBytes(stats.done.get()), HumanBytes(stats.total.get()));
    let eta =
        eta.map_or_else(|| "unknown".into(), |s| HumanDuration(Duration::from_secs(s)).to_string());
    format!("{:>3}%  {done}  {}/s  {eta} to go", percent.unwrap_or(100), HumanBytes(rate))
}

fn json_line(stats: &Stats, elapsed: Duration) -> String {
    let (rate, eta) = forecast(stats, elapsed);
    let line = serde_json::json!({
        "schema": 1,
        "bytes_total": stats.total.get(),
        "bytes_done": stats.done.get(),
        "bytes_read": stats.read.get(),
        "bytes_written": stats.written.get(),
        "bytes_per_second": rate,
        "eta_seconds": eta,
    });
    line.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Bytes;

    #[test]
    fn rate_and_time_to_go_follow_from_the_counts() {
        let (total, done) = (Bytes::new(300 << 20), Bytes::new(100 << 20));
        let stats = Stats { total, done, ..Stats::default() };
        let elapsed = Duration::from_secs(2);
        assert_eq!(forecast(&stats, elapsed), (50 << 20, Some(4)));
        assert_eq!(
            line(&stats, elapsed),
            " 33%  100.00 MiB of 300.00 MiB  50.00 MiB/s  4 seconds to go"
        );
        assert_eq!(forecast(&Stats::default(), Duration::ZERO), (0, None));
    }
}
