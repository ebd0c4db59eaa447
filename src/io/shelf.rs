//! Memory that a ring registered with the kernel: pieces of one length, for the largest buffers.
//!
//! Pages that a transfer goes to have to be looked up and held, for each transfer anew; those that
//! were registered are held once. A buffer of the shelf's length takes a piece, on whatever thread,
//! and gives it back when it ends. A piece is never freed before its shelf: the kernel goes by the
//! pages it saw when it registered them, so at that address there must never be others.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shorter buffers are not worth it.
const LEAST: usize = 64 << 10;

/// The most pieces that every kernel takes.
const MOST: usize = 1024;

/// Where buffers look for a piece.
static OPEN: Mutex<Vec<Arc<Shelf>>> = Mutex::new(Vec::new());

/// Pieces of one length.
pub(super) struct Shelf {
    len: usize,
    /// Each with its number in the kernel's table.
    free: Mutex<Vec<(u16, Vec<u8>)>>,
}

impl Shelf {
    /// At most `count` pieces of `len` bytes; `None` where that would not be worth it.
    pub(super) fn new(len: usize, count: usize) -> Option<Self> {
        if len < LEAST || count == 0 {
            return None;
        }
        let count = u16::try_from(count.min(MOST)).ok()?;
        let pieces = (0..count).map(|number| (number, vec![0; len]));
        Some(Self { len, free: Mutex::new(pieces.collect()) })
    }

    /// The memory of all pieces, by number. None is in use yet.
    pub(super) fn pieces(&mut self) -> impl Iterator<Item = &mut Vec<u8>> {
        let free = self.free.get_mut().unwrap_or_else(PoisonError::into_inner);
        free.iter_mut().map(|(_, bytes)| bytes)
    }

    fn free(&self) -> MutexGuard<'_, Vec<(u16, Vec<u8>)>> {
        lock(&self.free)
    }
}

/// A shelf whose pieces are given out until this is dropped.
pub(super) struct Open(Arc<Shelf>);

impl Open {
    pub(super) fn new(shelf: Shelf) -> Self {
        let shelf = Arc::new(shelf);
        lock(&OPEN).push(Arc::clone(&shelf));
        Self(shelf)
    }

    /// The number of the piece that belongs at `home`, if that is here.
    pub(super) fn number(&self, home: &Home) -> Option<u16> {
        Arc::ptr_eq(&self.0, &home.shelf).then_some(home.number)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        lock(&OPEN).retain(|other| !Arc::ptr_eq(&self.0, other));
    }
}

/// Where a piece that is in use belongs. Keeps the shelf, which may be closed by then.
pub(super) struct Home {
    shelf: Arc<Shelf>,
    number: u16,
}

impl Home {
    /// Gives the piece back.
    pub(super) fn put(self, bytes: Vec<u8>) {
        self.shelf.free().push((self.number, bytes));
    }
}

/// A piece of exactly `len` bytes, the latest first, and where it belongs.
pub(super) fn take(len: usize) -> Option<(Vec<u8>, Home)> {
    if len < LEAST {
        return None;
    }
    let open = lock(&OPEN);
    open.iter().filter(|shelf| shelf.len == len).find_map(|shelf| {
        let (number, bytes) = shelf.free().pop()?;
        Some((bytes, Home { shelf: Arc::clone(shelf), number }))
    })
}

/// Nothing is done under these locks that could leave a list half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shelf({} pieces of {} bytes free)", self.free().len(), self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = LEAST + 24;

    #[test]
    fn pieces_come_back_from_whatever_thread() {
        let open = Open::new(Shelf::new(LEN, 2).unwrap());
        let (one, other) = (take(LEN).unwrap(), take(LEN).unwrap());
        assert_ne!(open.number(&one.1), open.number(&other.1));
        assert!(take(LEN).is_none(), "more pieces than there are");
        let number = open.number(&one.1);
        std::thread::spawn(move || one.1.put(one.0)).join().unwrap();
        assert_eq!(open.number(&take(LEN).unwrap().1), number);
    }

    #[test]
    fn a_closed_shelf_gives_nothing_out_and_is_kept_by_what_it_gave() {
        let len = LEN + 8;
        let closed = Open::new(Shelf::new(len, 2).unwrap());
        let (bytes, home) = take(len).unwrap();
        drop(closed);
        assert!(take(len).is_none());
        let open = Open::new(Shelf::new(len, 1).unwrap());
        assert_eq!(open.number(&home), None, "a piece of another shelf passed for one of this");
        home.put(bytes);
        assert!(take(len).is_some_and(|(_, home)| open.number(&home) == Some(0)));
        assert!(take(len).is_none(), "what came back to a closed shelf was given out");
    }

    #[test]
    fn what_is_not_worth_it_or_too_much_for_a_kernel_is_not_made() {
        assert!(Shelf::new(LEAST - 1, 8).is_none());
        assert!(Shelf::new(LEAST, 0).is_none());
        assert_eq!(Shelf::new(LEAST, 5000).unwrap().pieces().count(), MOST);
    }
}
