//! Waiting for arrays: progress on standard error with the kernel's own rate, and the result.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::encode;
use super::progress::Style;
use crate::error::printable;
use crate::running::wait::{Ended, Waited};
use crate::running::{Progress, Sync};

/// Least time between two lines.
const LINES_EVERY: Duration = Duration::from_secs(5);

/// Shows how far the kernel got with one array.
#[derive(Debug)]
pub struct Meter {
    name: String,
    style: Style,
    bar: ProgressBar,
    last: Option<Instant>,
}

impl Meter {
    /// One for the array `name`.
    #[must_use]
    pub fn new(name: &str, style: Style) -> Self {
        Self { name: printable(name), style, bar: ProgressBar::hidden(), last: None }
    }

    /// Shows what runs now.
    pub fn show(&mut self, sync: &Sync) {
        match self.style {
            Style::None => {}
            Style::Bar => self.draw(sync),
            Style::Json => say(&json_line(&self.name, sync)),
            Style::Lines if self.last.is_some_and(|last| last.elapsed() < LINES_EVERY) => {}
            Style::Lines => {
                self.last = Some(Instant::now());
                say(&line(&self.name, sync));
            }
        }
    }

    /// The bar's own rate would take what was done before it was drawn for speed.
    fn draw(&mut self, sync: &Sync) {
        if self.bar.is_hidden() {
            let template = "{prefix} {wide_bar} {percent:>3}%  {msg}";
            let style = ProgressStyle::with_template(template);
            let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            self.bar = bar.with_style(style).with_prefix(self.name.clone());
        }
        if let Progress::At { done, total } = sync.progress {
            self.bar.set_length(total.get());
            self.bar.set_position(done.get());
        }
        self.bar.set_message(format!("{} {}", sync.action.as_str(), rate_and_time(sync)));
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `5.00 MiB/s, 4 seconds to go`, as far as the kernel tells.
pub(super) fn rate_and_time(sync: &Sync) -> String {
    match (sync.progress, sync.speed, sync.eta()) {
        (Progress::Delayed, ..) => "delayed".into(),
        (_, Some(speed), Some(eta)) => {
            let eta = HumanDuration(Duration::from_secs(eta));
            format!("{}/s, {eta} to go", HumanBytes(speed.get()))
        }
        _ => "rate unknown".into(),
    }
}

fn line(name: &str, sync: &Sync) -> String {
    let action = sync.action.as_str();
    match sync.progress {
        Progress::At { done, total } => {
            let percent = u128::from(done.get()) * 100 / u128::from(total.get()).max(1);
            format!("{name}: {action} {percent:>3}%  {}", rate_and_time(sync))
        }
        Progress::Delayed | Progress::None => format!("{name}: {action}, {}", rate_and_time(sync)),
    }
}

fn json_line(name: &str, sync: &Sync) -> String {
    let (done, total) = match sync.progress {
        Progress::At { done, total } => (Some(done.get()), Some(total.get())),
        Progress::Delayed | Progress::None => (None, None),
    };
    let line = serde_json::json!({
        "schema": 1,
        "array": name,
        "action": sync.action.as_str(),
        "bytes_total": total,
        "bytes_done": done,
        "bytes_per_second": sync.speed.map(|bytes| bytes.get()),
        "eta_seconds": sync.eta(),
    });
    encode::line(&line).unwrap_or_default()
}

fn say(line: &str) {
    // Progress that nobody can see is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Prints what waiting came to, for a person.
///
/// # Errors
/// The output failed.
pub fn text(out: &mut dyn Write, all: &[Waited]) -> io::Result<()> {
    for waited in all {
        let name = printable(&waited.name);
        let actions: Vec<&str> = waited.actions.iter().map(|action| action.as_str()).collect();
        match (waited.ended, &actions[..]) {
            (Ended::Idle, []) => writeln!(out, "{name}: idle")?,
            (Ended::Idle, _) => writeln!(out, "{name}: idle, after {}", actions.join(", "))?,
            (Ended::Frozen, _) => writeln!(out, "{name}: frozen; nothing goes on until thawed")?,
            (Ended::Stopped, _) => writeln!(out, "{name}: the array was stopped meanwhile")?,
            (Ended::Interrupted, _) => writeln!(out, "{name}: interrupted; it goes on by itself")?,
        }
    }
    Ok(())
}

/// Prints what waiting came to, for a program: `schema/wait.schema.json`.
///
/// # Errors
/// The output failed.
pub fn json(out: &mut dyn Write, all: &[Waited]) -> io::Result<()> {
    let array = |waited: &Waited| {
        let actions: Vec<&str> = waited.actions.iter().map(|action| action.as_str()).collect();
        serde_json::json!({
            "name": waited.name, "ended": waited.ended.as_str(), "waited_for": actions,
        })
    };
    let arrays: Vec<_> = all.iter().map(array).collect();
    let json = serde_json::json!({ "schema": 1, "arrays": arrays });
    encode::print(out, &json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::running::Action;

    fn waited(ended: Ended, actions: &[Action]) -> Waited {
        Waited { name: "md0".into(), ended, actions: actions.to_vec() }
    }

    fn all() -> Vec<Waited> {
        use Action::{Check, Recover, Repair, Reshape, Resync};
        vec![
            waited(Ended::Idle, &[]),
            waited(Ended::Idle, &[Resync, Recover, Check, Repair, Reshape]),
            waited(Ended::Frozen, &[Check]),
            waited(Ended::Stopped, &[]),
            waited(Ended::Interrupted, &[Resync]),
        ]
    }

    #[test]
    fn a_program_gets_what_the_schema_promises() {
        let mut out = Vec::new();
        json(&mut out, &all()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let schema = include_str!("../../schema/wait.schema.json");
        let schema = serde_json::from_str(schema).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        assert!(schema.is_valid(&value), "{:?}", schema.iter_errors(&value).next());
        assert_eq!(value["arrays"][1]["waited_for"][4], "reshape");
    }

    #[test]
    fn a_person_reads_how_it_ended() {
        let mut out = Vec::new();
        text(&mut out, &all()).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "md0: idle");
        assert_eq!(lines[1], "md0: idle, after resync, recover, check, repair, reshape");
        assert!(lines[2].contains("frozen") && lines[3].contains("stopped"), "{text}");
        assert!(lines[4].contains("goes on by itself"), "{text}");
    }
}
