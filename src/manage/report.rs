//! What a command did to an array, or would do: steps in their order, facts, and notes.

use std::fmt;
use std::path::PathBuf;

pub use crate::store::create::Note;

use super::Target;

/// One thing that was done, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// A stable name for programs, in kebab-case.
    pub code: &'static str,
    /// The verb of what was done: "created".
    pub done: &'static str,
    /// The same verb, of what would be done: "create".
    pub would: &'static str,
    /// What follows the verb.
    pub what: String,
}

impl Step {
    /// A step; `verb` is what was done and what would be done: `("created", "create")`.
    pub fn new(
        code: &'static str,
        (done, would): (&'static str, &'static str),
        what: impl Into<String>,
    ) -> Self {
        Self { code, done, would, what: what.into() }
    }
}

/// The value of a [`Fact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactValue {
    /// Words.
    Text(String),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// Not known.
    Unknown,
}

impl fmt::Display for FactValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Flag(true) => f.write_str("yes"),
            Self::Flag(false) => f.write_str("no"),
            Self::Unknown => f.write_str("not known"),
        }
    }
}

impl From<u64> for FactValue {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for FactValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<String> for FactValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for FactValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T: Into<Self>> From<Option<T>> for FactValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Into::into)
    }
}

/// Something found out that the command went by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// A stable name for programs, in snake_case, with the unit where there is one.
    pub key: &'static str,
    /// The name for a person.
    pub label: &'static str,
    /// Its value.
    pub value: FactValue,
}

impl Fact {
    /// A fact.
    pub fn new(key: &'static str, label: &'static str, value: impl Into<FactValue>) -> Self {
        Self { key, label, value: value.into() }
    }
}

/// What a command did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The command's name: "attach".
    pub command: &'static str,
    /// The kernel's name of the array.
    pub array: String,
    /// Its device node.
    pub device: PathBuf,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// Whether nothing was to be done: it was asked how things are.
    pub looks: bool,
    /// What was done, in its order. Empty where there was nothing to do.
    pub steps: Vec<Step>,
    /// What it went by.
    pub facts: Vec<Fact>,
    /// What a person should know.
    pub notes: Vec<Note>,
}

impl Report {
    /// An empty one.
    #[must_use]
    pub fn new(command: &'static str, target: &Target, dry_run: bool) -> Self {
        Self::of(command, &target.array.name, target.array.node.clone(), dry_run)
    }

    /// Of a command that was only asked how things are.
    #[must_use]
    pub fn only_looks(self) -> Self {
        Self { dry_run: true, looks: true, ..self }
    }

    /// An empty one, of an array that is not assembled (any more).
    #[must_use]
    pub fn of(command: &'static str, array: &str, device: PathBuf, dry_run: bool) -> Self {
        let array = array.to_owned();
        let (steps, facts, notes) = (Vec::new(), Vec::new(), Vec::new());
        Self { command, array, device, dry_run, looks: false, steps, facts, notes }
    }
}
