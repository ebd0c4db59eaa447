//! How a resync tells of its progress: a narrow observer, so that the engine knows no terminal.

use crate::units::Bytes;

/// A snapshot of the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// What is to be made equal, by the data it covers.
    pub total: Bytes,
    /// How much of it was looked after: copied, or found impossible.
    pub done: Bytes,
    /// Bytes read from members.
    pub read: Bytes,
    /// Bytes written to members.
    pub written: Bytes,
    /// Bytes that were found to differ, where targets were read first.
    pub differed: Bytes,
}

/// Told of a resync as it goes.
pub trait Observer {
    /// Work begins.
    fn start(&mut self, stats: &Stats);
    /// Something moved.
    fn tick(&mut self, stats: &Stats);
    /// Something a person should know.
    fn note(&mut self, text: &str);
    /// Work ended, well or not.
    fn finish(&mut self, stats: &Stats);
}

/// Hears and says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {
    fn start(&mut self, _: &Stats) {}
    fn tick(&mut self, _: &Stats) {}
    fn note(&mut self, _: &str) {}
    fn finish(&mut self, _: &Stats) {}
}
