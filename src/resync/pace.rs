//! The limit on real I/O: how long to wait before the next window. Clean chunks cost nothing, so
//! skipping them is never slowed down; md's own rule.

use std::time::{Duration, Instant};

use crate::units::Bytes;

/// A limit of so many bytes a second, counted from the first window on.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: Option<Bytes>,
    started: Option<Instant>,
    moved: u64,
}

impl Pace {
    /// At most `limit` bytes a second; no limit where there is none.
    #[must_use]
    pub(crate) fn new(limit: Option<Bytes>) -> Self {
        Self { limit: limit.filter(|limit| !limit.is_zero()), started: None, moved: 0 }
    }

    /// Counts `bytes` about to be moved, and says how long to wait for them at time `now`.
    pub(crate) fn wait_for(&mut self, bytes: Bytes, now: Instant) -> Duration {
        let Some(limit) = self.limit else { return Duration::ZERO };
        let started = *self.started.get_or_insert(now);
        let due = duration(self.moved, limit.get());
        self.moved = self.moved.saturating_add(bytes.get());
        due.saturating_sub(now.saturating_duration_since(started))
    }
}

fn duration(bytes: u64, per_second: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(per_second);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_spreads_windows_over_time() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(Bytes::new(1000)));
        assert_eq!(pace.wait_for(Bytes::new(500), start), Duration::ZERO);
        assert_eq!(pace.wait_for(Bytes::new(500), start), Duration::from_millis(500));
        let later = start + Duration::from_secs(2);
        assert_eq!(pace.wait_for(Bytes::new(500), later), Duration::ZERO);
        assert_eq!(Pace::new(None).wait_for(Bytes::new(u64::MAX), start), Duration::ZERO);
    }
}
