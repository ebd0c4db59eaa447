//! One batch of dirty ranges as a state machine: events in, actions out. No I/O, no clock.
//!
//! Windows are cut from the ranges in order; each goes `Reading`, `Computing`, `Writing` and is gone.
//! Where writes are to be compared first, what the targets hold is read together with the sources,
//! so that it costs no second round trip. A window that could not be read is cut into smaller ones,
//! until only what is unreadable is taken from elsewhere (`narrow`). A member that fails a write or a
//! flush is not written any more, and a piece that would need it is not begun. When no window is left
//! the members that were written are flushed, and only what they all took does [`Batch::finish`] hand
//! out as a [`Durable`], without which no bit is cleared.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::array::bad::Listed;
use crate::array::recipe::{Extent, Recipe, Task};
use crate::units::{SectorRange, Sectors};

mod narrow;
mod talk;

pub use talk::{Action, Ended, Event, Unreadable};

/// Smallest piece that is read by itself when reading fails: a page, as the kernel does.
const LEAST: Sectors = Sectors::new(8);

/// Proof that the data of what is inside is on stable storage on every target. Only a batch whose
/// flushes all succeeded makes one.
#[derive(Debug)]
pub struct Durable<T>(T);

impl<T> Durable<T> {
    /// What is durable.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// Without any proof, for tests.
    #[cfg(test)]
    pub(super) fn for_test(inside: T) -> Self {
        Self(inside)
    }
}

#[derive(Debug)]
enum State {
    Reading { waiting: usize, failed: BTreeSet<usize>, task: Task },
    Computing { task: Task },
    Writing { waiting: usize, ok: bool, targets: Vec<Extent>, mends: BTreeMap<usize, Listed> },
}

#[derive(Debug)]
struct Window {
    range: SectorRange,
    avoid: BTreeSet<usize>,
    state: State,
}

/// A range that was written, and to whom.
#[derive(Debug)]
struct Copied {
    range: SectorRange,
    targets: Vec<usize>,
}

/// A range still to be done, and the members that could not be read there.
#[derive(Clone, Debug)]
struct Piece {
    range: SectorRange,
    avoid: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Copying,
    Flushing { waiting: usize },
    Over,
}

/// The machine.
#[derive(Debug)]
pub struct Batch<'a> {
    recipe: &'a dyn Recipe,
    window_len: Sectors,
    depth: usize,
    /// Whether targets are looked at before they are written.
    looks: bool,
    pieces: VecDeque<Piece>,
    windows: BTreeMap<u64, Window>,
    next_window: u64,
    actions: VecDeque<Action>,
    phase: Phase,
    written: BTreeSet<usize>,
    copied: Vec<Copied>,
    mended: Vec<(Extent, Sectors)>,
    unreadable: Vec<Unreadable>,
    undone: Vec<SectorRange>,
    failed: BTreeSet<usize>,
    gone: BTreeSet<usize>,
    /// How many least pieces in a row each member could not read.
    losses: BTreeMap<usize, u32>,
    stopped: bool,
}

impl<'a> Batch<'a> {
    /// A batch over `ranges`, in windows of at most `window_len` with at most
    /// `depth` of them under way.
    #[must_use]
    pub fn new(
        recipe: &'a dyn Recipe,
        ranges: &[SectorRange],
        window_len: Sectors,
        depth: usize,
    ) -> Self {
        let pieces = ranges.iter().map(|range| Piece { range: *range, avoid: BTreeSet::new() });
        Self {
            recipe,
            window_len: window_len.max(LEAST),
            depth: depth.max(1),
            looks: false,
            pieces: pieces.filter(|piece| !piece.range.len.is_zero()).collect(),
            windows: BTreeMap::new(),
            next_window: 0,
            actions: VecDeque::new(),
            phase: Phase::Copying,
            written: BTreeSet::new(),
            copied: Vec::new(),
            mended: Vec::new(),
            unreadable: Vec::new(),
            undone: Vec::new(),
            failed: BTreeSet::new(),
            gone: BTreeSet::new(),
            losses: BTreeMap::new(),
            stopped: false,
        }
    }

    /// The same without writing members that failed in an earlier batch.
    #[must_use]
    pub fn without(self, failed: &BTreeSet<usize>) -> Self {
        Self { failed: failed.clone(), ..self }
    }

    /// The same, with a look at what targets hold where `looks`.
    #[must_use]
    pub fn looking(self, looks: bool) -> Self {
        Self { looks, ..self }
    }

    /// The next thing to do; `None` when an event must come first, or when all is over.
    pub fn next_action(&mut self) -> Option<Action> {
        while self.actions.is_empty() && self.advance() {}
        self.actions.pop_front()
    }

    /// Takes in what happened.
    pub fn on(&mut self, event: Event) {
        match event {
            Event::Read { window, member, ok } => self.on_read(window, member, ok),
            Event::Looked { window } => self.on_looked(window),
            Event::Computed { window } => self.start_writing(window),
            Event::Wrote { window, member, ok } => self.on_write(window, member, ok),
            Event::Flushed { member, ok } => self.on_flush(member, ok),
            Event::Gone { member } => {
                self.failed.insert(member);
                self.gone.insert(member);
            }
            Event::Stop => {
                self.stopped |= !self.pieces.is_empty();
                self.pieces.clear();
            }
        }
    }

    /// The end of it: `None` while something is still to do.
    #[must_use]
    pub fn finish(self) -> Option<Ended> {
        if self.phase != Phase::Over || !self.actions.is_empty() {
            return None;
        }
        let Self { mut undone, failed, .. } = self;
        let mut durable = Vec::new();
        for Copied { range, targets } in self.copied {
            let lost = targets.iter().any(|member| failed.contains(member));
            if lost { undone.push(range) } else { durable.push(range) }
        }
        let mended = self.mended.into_iter().filter(|(place, _)| !failed.contains(&place.member));
        Some(Ended {
            durable: Durable(durable),
            mended: Durable(mended.collect()),
            unreadable: self.unreadable,
            undone: SectorRange::merged(&undone),
            failed,
            gone: self.gone,
            stopped: self.stopped,
        })
    }

    /// One step on; false where an event must come first, or all is over. A step may need no
    /// action: a piece that is as it should be, or that nobody has.
    fn advance(&mut self) -> bool {
        match self.phase {
            Phase::Copying if !self.pieces.is_empty() && self.windows.len() < self.depth => {
                self.open_window();
            }
            Phase::Copying if self.pieces.is_empty() && self.windows.is_empty() => {
                self.start_flushing();
            }
            _ => return false,
        }
        true
    }

    /// Cuts the next window off the front of the work.
    fn open_window(&mut self) {
        let Some(Piece { range: all, avoid }) = self.pieces.pop_front() else { return };
        let most = self.recipe.piece_len(all.start).max(Sectors::new(1)).min(self.window_len);
        let range = SectorRange { start: all.start, len: all.len.min(most) };
        let rest = all.len.saturating_sub(range.len);
        if !rest.is_zero() {
            let range = SectorRange { start: range.end(), len: rest };
            self.pieces.push_front(Piece { range, avoid: avoid.clone() });
        }
        let avoid: BTreeSet<usize> = avoid.union(&self.gone).copied().collect();
        match self.recipe.task(range, &avoid) {
            Some(task) if task.is_empty() => self.copied(range, Vec::new()),
            Some(task) if self.cannot_write(&task) => self.undone.push(range),
            Some(task) => self.start_reading(range, avoid, task),
            None => self.unreadable(range, avoid),
        }
    }

    /// One of those who must be written failed already: nothing of it could count.
    fn cannot_write(&self, task: &Task) -> bool {
        task.writes.iter().any(|(to, _)| self.failed.contains(&to.member))
    }

    fn copied(&mut self, range: SectorRange, targets: Vec<usize>) {
        match self.copied.last_mut() {
            Some(last) if last.range.end() == range.start && last.targets == targets => {
                last.range.len = last.range.len.saturating_add(range.len);
            }
            _ => self.copied.push(Copied { range, targets }),
        }
    }

    fn start_reading(&mut self, range: SectorRange, avoid: BTreeSet<usize>, task: Task) {
        let window = self.next_window;
        self.next_window += 1;
        let len = range.len;
        for (buffer, from) in task.reads.iter().enumerate() {
            self.actions.push_back(Action::Read { window, buffer, from: *from, len });
        }
        let looks = self.looked_at(&task, &avoid);
        let waiting = task.reads.len() + looks.len();
        let look = |target| Action::Look { window, target, len };
        self.actions.extend(looks.into_iter().map(look));
        let state = State::Reading { waiting, failed: BTreeSet::new(), task };
        self.windows.insert(window, Window { range, avoid, state });
    }

    /// Targets to be read before they are written: none that is listed as bad, or could not be read
    /// there a moment ago.
    fn looked_at(&self, task: &Task, avoid: &BTreeSet<usize>) -> Vec<Extent> {
        let sound =
            |to: &Extent| !task.mends.contains_key(&to.member) && !avoid.contains(&to.member);
        let targets = task.writes.iter().map(|(to, _)| *to).filter(sound);
        targets.filter(|_| self.looks).collect()
    }

    fn on_read(&mut self, id: u64, member: usize, read: bool) {
        let Some(window) = self.windows.get_mut(&id) else { return };
        let State::Reading { failed, .. } = &mut window.state else { return };
        match read {
            true => drop(self.losses.remove(&member)),
            false => drop(failed.insert(member)),
        }
        self.on_looked(id);
    }

    /// One read less to wait for. What a look found is not the machine's business, nor whether it
    /// found anything: then the target is written as it is.
    fn on_looked(&mut self, id: u64) {
        let Some(window) = self.windows.get_mut(&id) else { return };
        let State::Reading { waiting, failed, .. } = &mut window.state else { return };
        *waiting -= 1;
        match (*waiting, failed.is_empty()) {
            (0, true) => self.start_computing(id),
            (0, false) => self.read_again(id),
            _ => {}
        }
    }

    fn start_computing(&mut self, id: u64) {
        let Some(window) = self.windows.get_mut(&id) else { return };
        let State::Reading { task, .. } = &mut window.state else { return };
        let mut task = std::mem::take(task);
        let (steps, len) = (std::mem::take(&mut task.steps), window.range.len);
        let lost = task.writes.iter().any(|(to, _)| self.failed.contains(&to.member));
        let idle = steps.is_empty() || task.writes.is_empty() || lost;
        window.state = State::Computing { task };
        match idle {
            true => self.start_writing(id),
            false => self.actions.push_back(Action::Compute { window: id, steps, len }),
        }
    }

    fn start_writing(&mut self, id: u64) {
        let Some(window) = self.windows.get_mut(&id) else { return };
        let State::Computing { task } = &mut window.state else { return };
        let Task { writes, mends, .. } = std::mem::take(task);
        // Who failed meanwhile leaves the whole of it undone.
        let lost = writes.iter().any(|(to, _)| self.failed.contains(&to.member));
        let writes = if lost { Vec::new() } else { writes };
        for (i, (to, buffer)) in writes.iter().enumerate() {
            self.written.insert(to.member);
            let last = writes[i + 1..].iter().all(|(_, other)| other != buffer);
            let mend = mends.get(&to.member).copied().unwrap_or_default();
            let (to, buffer) = (*to, *buffer);
            self.actions.push_back(Action::Write { window: id, buffer, to, last, mend });
        }
        let targets: Vec<Extent> = writes.iter().map(|(to, _)| *to).collect();
        let waiting = targets.len();
        window.state = State::Writing { waiting, ok: !lost, targets, mends };
        if waiting == 0 {
            self.close(id);
        }
    }

    fn on_write(&mut self, id: u64, member: usize, written: bool) {
        let Some(window) = self.windows.get_mut(&id) else { return };
        let State::Writing { waiting, ok, targets, mends } = &mut window.state else { return };
        let place = targets.iter().find(|to| to.member == member);
        match (mends.get(&member).copied().unwrap_or_default(), written) {
            (Listed::Not, true) => {}
            (_, true) => self.mended.extend(place.map(|place| (*place, window.range.len))),
            // What stays bad stays listed, and whoever reads goes round it.
            (Listed::Whole, false) => {}
            // Of what is not listed nobody would know that it is not what it should be.
            (Listed::InPart | Listed::Not, false) => {
                *ok = false;
                self.failed.insert(member);
            }
        }
        *waiting -= 1;
        if *waiting == 0 {
            self.close(id);
        }
    }

    fn close(&mut self, id: u64) {
        let Some(window) = self.windows.remove(&id) else { return };
        let range = window.range;
        let State::Writing { ok: done, targets, .. } = window.state else { return };
        match done {
            true => self.copied(range, targets.iter().map(|to| to.member).collect()),
            false => self.undone.push(range),
        }
        self.actions.push_back(Action::Release { window: id, done, range });
    }

    fn start_flushing(&mut self) {
        let members: Vec<_> = self.written.difference(&self.failed).copied().collect();
        self.actions.extend(members.iter().map(|member| Action::Flush { member: *member }));
        self.phase = match members.len() {
            0 => Phase::Over,
            waiting => Phase::Flushing { waiting },
        };
    }

    fn on_flush(&mut self, member: usize, flushed: bool) {
        if !flushed {
            self.failed.insert(member);
        }
        if let Phase::Flushing { waiting } = &mut self.phase {
            *waiting -= 1;
            if *waiting == 0 {
                self.phase = Phase::Over;
            }
        }
    }
}

#[cfg(test)]
mod tests;
