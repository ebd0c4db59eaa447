//! Memory of buffers that ended, kept for the next ones of the same length.
//!
//! A fresh MiB costs page faults and zeroing, about as much as moving a MiB that is cached. Each
//! thread keeps its own, the latest first since that is in the processor's cache; small buffers are
//! not worth it, and the amount is bounded.

use std::cell::RefCell;

/// Smaller allocations are the allocator's business.
const LEAST: usize = 64 << 10;

/// What a thread keeps at most, in bytes.
const MOST: usize = 8 << 20;

thread_local! {
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Keeps `bytes`, if there is room.
pub(super) fn put(bytes: Vec<u8>) {
    if bytes.len() < LEAST || bytes.len() > MOST {
        return;
    }
    // A thread that ends, or one that is here already, keeps nothing.
    let _ = KEPT.try_with(|kept| {
        let Ok(mut kept) = kept.try_borrow_mut() else { return };
        while kept.iter().map(Vec::len).sum::<usize>() + bytes.len() > MOST {
            kept.remove(0);
        }
        kept.push(bytes);
    });
}

/// What was kept with exactly `len` bytes, the latest first.
pub(super) fn take(len: usize) -> Option<Vec<u8>> {
    let found = KEPT.try_with(|kept| {
        let mut kept = kept.try_borrow_mut().ok()?;
        let at = kept.iter().rposition(|bytes| bytes.len() == len)?;
        Some(kept.remove(at))
    });
    found.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_amount_kept_is_bounded_and_the_oldest_goes_first() {
        (0..20_u8).for_each(|n| put(vec![n; 1 << 20]));
        let kept: Vec<_> = std::iter::from_fn(|| take(1 << 20)).map(|bytes| bytes[0]).collect();
        assert_eq!(kept, (12..20).rev().collect::<Vec<_>>());
        put(vec![0; 512]);
        assert!(take(512).is_none());
    }
}
