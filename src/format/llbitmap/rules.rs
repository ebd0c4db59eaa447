//! What becomes of states: of copies that differ, when an array is started again, when a chunk is
//! done.
//!
//! Where the kernel has a rule it is the kernel's. Where it has none (it reads one copy of the bitmap
//! and never compares) doubt counts as dirty: a chunk that one copy calls clean and another one
//! unwritten holds data, and nobody knows whether it agrees.

use super::{ChunkState, needs_resync};

/// What two copies that are both believed say together.
#[must_use]
pub fn merged(one: u8, other: u8) -> u8 {
    let clean = ChunkState::Clean.byte();
    match () {
        () if one == other => one,
        () if needs_resync(one) || needs_resync(other) => ChunkState::NeedSync.byte(),
        () if one == clean || other == clean => ChunkState::NeedSync.byte(),
        () => ChunkState::Unwritten.byte(),
    }
}

/// What the kernel makes of a state when it starts an array: what was being written or synced needs
/// a sync, parity that was being built ahead of data is not there. `returning`: somebody joins, who
/// has none of the parity that was built ahead.
#[must_use]
pub fn reloaded(byte: u8, returning: bool) -> u8 {
    match ChunkState::from_byte(byte) {
        Some(ChunkState::CleanUnwritten) if returning => ChunkState::Unwritten.byte(),
        Some(ChunkState::NeedSyncUnwritten | ChunkState::SyncingUnwritten) => {
            ChunkState::Unwritten.byte()
        }
        _ if needs_resync(byte) => ChunkState::NeedSync.byte(),
        _ => byte,
    }
}

/// What the kernel leaves of a chunk that is synced, once its daemon went by; others stay.
#[must_use]
pub fn synced(byte: u8) -> u8 {
    if needs_resync(byte) { ChunkState::Clean.byte() } else { byte }
}

/// Whether `now` cannot have come of `then` while the member that says `then` was away: a chunk that
/// is written for the first time needs a sync, and is never called clean before that member is back.
#[must_use]
pub fn cleaned_since(now: u8, then: u8) -> bool {
    use ChunkState::{CleanUnwritten, NeedSyncUnwritten, SyncingUnwritten, Unwritten};
    let unwritten = [Unwritten, NeedSyncUnwritten, SyncingUnwritten, CleanUnwritten];
    now == ChunkState::Clean.byte() && unwritten.iter().any(|state| state.byte() == then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_that_differ_are_dirty_or_hold_nothing() {
        for one in 0..=255 {
            assert_eq!(merged(one, one), one);
            for other in 0..=255 {
                let both = merged(one, other);
                assert_eq!(both, merged(other, one), "{one} {other}");
                let dirty = needs_resync(one) || needs_resync(other);
                assert!(!dirty || needs_resync(both), "{one} {other}");
                let data = |byte| byte == 1 || needs_resync(byte);
                assert_eq!(data(both), data(one) || data(other), "{one} {other}: data forgotten");
            }
        }
    }

    #[test]
    fn a_start_leaves_what_the_kernel_leaves() {
        let kernel = [(0, 0), (1, 1), (2, 3), (3, 3), (4, 3), (5, 0), (6, 0), (7, 7), (200, 3)];
        for (before, after) in kernel {
            assert_eq!(reloaded(before, false), after, "{before}");
        }
        assert_eq!(reloaded(7, true), 0);
        let done = [(0, 0), (1, 1), (2, 1), (3, 1), (4, 1), (5, 5), (6, 6), (7, 7), (99, 1)];
        for (before, after) in done {
            assert_eq!(synced(before), after, "{before}");
        }
    }

    #[test]
    fn only_data_out_of_nothing_tells_of_a_cleaning() {
        let told: Vec<(u8, u8)> = (0..9)
            .flat_map(|now| (0..9).map(move |then| (now, then)))
            .filter(|(now, then)| cleaned_since(*now, *then))
            .collect();
        assert_eq!(told, [(1, 0), (1, 5), (1, 6), (1, 7)]);
    }
}
