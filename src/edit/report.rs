//! What an editing command did, or would do.

use std::path::{Path, PathBuf};

use crate::manage::{Fact, Step};
use crate::store::create::Note;
use crate::units::{ChunkSize, Chunks, SectorRange};

/// The most ranges that are kept to be listed.
pub const MOST_RANGES: usize = 10_000;

/// The report of one command.
#[derive(Clone, Debug)]
pub struct Report {
    /// The command's name.
    pub command: &'static str,
    /// What was looked at or changed.
    pub targets: Vec<PathBuf>,
    /// The file that was made.
    pub output: Option<PathBuf>,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether nothing was to be written: it was asked how things are.
    pub looks: bool,
    /// What was found.
    pub facts: Vec<Fact>,
    /// What was done, in its order.
    pub steps: Vec<Step>,
    /// What a person should know.
    pub notes: Vec<Note>,
    /// Where bitmaps differ: the first [`MOST_RANGES`].
    pub ranges: Vec<SectorRange>,
    /// Whether what was looked for was found: a difference.
    pub found: bool,
}

impl Report {
    /// An empty one.
    #[must_use]
    pub fn new(command: &'static str, targets: &[PathBuf], dry_run: bool) -> Self {
        Self {
            command,
            targets: targets.to_vec(),
            output: None,
            dry_run,
            looks: false,
            facts: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            ranges: Vec::new(),
            found: false,
        }
    }

    /// Of a command that only looks.
    #[must_use]
    pub fn only_looks(self) -> Self {
        Self { looks: true, ..self }
    }

    /// Adds a fact.
    pub(super) fn fact(
        &mut self,
        key: &'static str,
        label: &'static str,
        value: impl Into<crate::manage::FactValue>,
    ) {
        self.facts.push(Fact::new(key, label, value));
    }

    /// Adds a note.
    pub(super) fn note(&mut self, code: &'static str, message: impl Into<String>) {
        self.notes.push(Note::new(code, message));
    }

    /// Adds a step.
    pub(super) fn step(
        &mut self,
        code: &'static str,
        verb: (&'static str, &'static str),
        what: impl Into<String>,
    ) {
        self.steps.push(Step::new(code, verb, what));
    }

    /// Says which bits there are now.
    pub(super) fn bits(&mut self, chunk: ChunkSize, total: Chunks, dirty: Chunks) {
        self.fact("chunk_bytes", "Bytes per chunk", chunk.bytes());
        self.fact("chunks_total", "Bits", total.get());
        self.fact("chunks_dirty", "Dirty", dirty.get());
    }

    /// Says that a file was made.
    pub(super) fn made(&mut self, path: &Path) {
        self.output = Some(path.to_owned());
        self.step("write", ("wrote", "write"), path.display().to_string());
    }
}
