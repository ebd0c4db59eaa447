//! The ring itself, and the only unsafe code of this room.
//!
//! The kernel reads and writes the buffers of what is under way, so the ring owns them: a buffer
//! goes in with its transfer and comes out with its end, and a ring that is dropped first waits for
//! all ends. Where even waiting fails, buffers are leaked rather than freed under the kernel's
//! hands. Memory of buffers is registered where the kernel takes it. Descriptors are not: the kernel
//! lets go of registered files some time after a process was killed, and the command that is to go
//! on would find its members locked.
#![allow(unsafe_code)]

use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::thread::sleep;
use std::time::Duration;

use io_uring::squeue::{Entry, Flags};
use io_uring::{IoUring, Probe, opcode, types};
use nix::libc::{EAGAIN, EBUSY, EINTR, iovec};

use crate::io::buf::{ALIGN, aligned};
use crate::io::shelf::{Open, Shelf};
use crate::io::{Buf, OpKind};

/// The most bytes of one transfer: the kernel takes no more than 2 GiB less a page.
const MOST: usize = 1 << 30;

/// How long to leave a kernel alone that has no memory for requests.
const NAP: Duration = Duration::from_millis(1);

/// What is to be moved; the part before `from` was moved already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) kind: OpKind,
    pub(super) fd: RawFd,
    pub(super) offset: u64,
    pub(super) from: usize,
    /// As registered memory, if the buffer lies in such.
    pub(super) fixed: bool,
    /// By a thread of the kernel, without trying first.
    pub(super) aside: bool,
}

/// How a transfer ended: its slot, what the kernel said, and the buffer.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) slot: usize,
    pub(super) result: i32,
    pub(super) buf: Buf,
}

/// A ring with a buffer, or none, in each of its slots.
pub(super) struct Ring {
    // Before the shelf: memory is there as long as it is registered.
    ring: IoUring,
    shelf: Option<Open>,
    held: Vec<Option<Buf>>,
    /// How many transfers went by registered memory.
    fixed: u64,
    /// Nothing more is started, so that no late end passes for that of another transfer.
    broken: bool,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (busy, all) = (self.under_way(), self.held.len());
        write!(f, "Ring({busy} of {all} slots, {} transfers were fixed)", self.fixed)
    }
}

impl Ring {
    /// A ring for `depth` transfers at once.
    ///
    /// # Errors
    /// The kernel has none, forbids it, lacks an operation, or room for a thread of its own.
    pub(super) fn new(depth: u32) -> io::Result<Self> {
        let mut ring = IoUring::new(depth)?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        let needed = [opcode::Read::CODE, opcode::Write::CODE, opcode::Fsync::CODE];
        if !needed.iter().all(|code| probe.is_supported(*code)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        works_aside(&mut ring)?;
        let held = (0..depth).map(|_| None).collect();
        Ok(Self { ring, shelf: None, held, fixed: 0, broken: false })
    }

    /// Registers memory for `count` buffers of `len` bytes, once.
    ///
    /// # Errors
    /// The kernel does not take it: then buffers are what they were.
    pub(super) fn register(&mut self, len: usize, count: usize) -> io::Result<()> {
        if self.shelf.is_some() {
            return Ok(());
        }
        let shelf = len.checked_add(ALIGN).and_then(|all| Shelf::new(all, count));
        let Some(mut shelf) = shelf else { return Ok(()) };
        let areas: Vec<_> = shelf.pieces().map(|piece| area(piece, len)).collect();
        // SAFETY: the areas lie in allocations that belong to the shelf, in it or in a buffer that
        // keeps it and brings them back; none is freed or grows before the shelf goes, which this
        // keeps until the ring is gone. A buffer that is leaked leaks the shelf as well.
        unsafe { self.ring.submitter().register_buffers(&areas) }?;
        self.shelf = Some(Open::new(shelf));
        Ok(())
    }

    /// How many transfers went by registered memory.
    #[cfg(test)]
    pub(super) fn fixed(&self) -> u64 {
        self.fixed
    }

    pub(super) fn under_way(&self) -> usize {
        self.held.iter().flatten().count()
    }

    /// A slot that holds nothing.
    pub(super) fn free(&self) -> Option<usize> {
        self.held.iter().position(Option::is_none)
    }

    /// Queues a transfer in a free slot; the kernel hears of it at the next [`Self::ended`] or
    /// [`Self::poll`].
    ///
    /// # Errors
    /// No such slot, or it is taken, or no room, or the ring broke: the buffer comes back.
    pub(super) fn start(&mut self, slot: usize, what: Transfer, mut buf: Buf) -> Result<(), Buf> {
        let taken = self.held.get(slot).is_none_or(Option::is_some);
        if taken || self.broken || what.from > buf.len() {
            return Err(buf);
        }
        if what.kind == OpKind::Read {
            // Where it is shared it becomes a copy, which lies elsewhere.
            buf.bytes_mut();
        }
        let number = self.shelf.as_ref().filter(|_| what.fixed).and_then(|all| buf.number(all));
        let entry = entry(what, &mut buf, number).user_data(slot as u64);
        self.held[slot] = Some(buf);
        // SAFETY: the entry points into a buffer that `held` keeps, at a fixed place on the heap,
        // until the kernel says that it is done with it; nobody else can reach a buffer that is
        // read into, and nobody changes one that is written from while it is shared. A number is
        // that of the very memory the buffer lies in, registered with this ring.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        match (pushed, self.held[slot].take()) {
            (Err(_), Some(buf)) => Err(buf),
            (_, held) => {
                self.held[slot] = held;
                self.fixed += u64::from(number.is_some());
                Ok(())
            }
        }
    }

    /// Waits for the next end; `None` where nothing is under way.
    ///
    /// # Errors
    /// The ring does not work any more.
    pub(super) fn ended(&mut self) -> io::Result<Option<Ended>> {
        while self.under_way() > 0 {
            if let Some(ended) = self.reap() {
                return Ok(Some(ended));
            }
            self.enter(1)?;
        }
        Ok(None)
    }

    /// Tells the kernel what was queued, and gives an end that is there already.
    ///
    /// # Errors
    /// The ring does not work any more.
    pub(super) fn poll(&mut self) -> io::Result<Option<Ended>> {
        // What a ring that broke was not told of stays with it: it was said to have failed.
        if !self.broken && !self.ring.submission().is_empty() {
            self.enter(0)?;
        }
        Ok(self.reap())
    }

    fn reap(&mut self) -> Option<Ended> {
        let entry = self.ring.completion().next()?;
        let slot = usize::try_from(entry.user_data()).ok()?;
        let buf = self.held.get_mut(slot)?.take()?;
        Some(Ended { slot, result: entry.result(), buf })
    }

    /// Tells the kernel what was queued and waits for so many ends.
    fn enter(&self, ends: usize) -> io::Result<()> {
        match self.ring.submit_and_wait(ends) {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                Some(EINTR) => Ok(()),
                Some(EAGAIN | EBUSY) => {
                    sleep(NAP);
                    Ok(())
                }
                _ => Err(error),
            },
        }
    }

    /// Gives up on all that is under way: the kernel may still use the buffers, so they are never
    /// freed. Gives their slots and lengths.
    pub(super) fn abandon(&mut self) -> Vec<(usize, usize)> {
        self.broken = true;
        let held = self.held.iter_mut().enumerate();
        held.filter_map(|(slot, held)| {
            let buf = held.take()?;
            let len = buf.len();
            std::mem::forget(buf);
            Some((slot, len))
        })
        .collect()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        while let Ok(Some(_)) = self.ended() {}
        if !self.broken && self.under_way() == 0 && self.shelf.is_some() {
            // Else what is locked counts until the kernel has cleared up, and the next ring of this
            // user may find no room.
            let _ = self.ring.submitter().unregister_buffers();
        }
        self.abandon();
    }
}

/// Whether the kernel can have threads for us (`ulimit -u`): all that has to wait is theirs.
fn works_aside(ring: &mut IoUring) -> io::Result<()> {
    let nothing = opcode::Nop::new().build().flags(Flags::ASYNC);
    // SAFETY: it names no memory and no descriptor.
    unsafe { ring.submission().push(&nothing) }.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    match ring.completion().next().map(|entry| entry.result()) {
        Some(error) if error < 0 => Err(io::Error::from_raw_os_error(-error)),
        _ => Ok(()),
    }
}

/// What a buffer of `len` bytes uses of a piece.
fn area(piece: &mut [u8], len: usize) -> iovec {
    let start = aligned(piece);
    let area = &mut piece[start..start + len];
    iovec { iov_base: area.as_mut_ptr().cast(), iov_len: area.len() }
}

/// What the kernel is told; `number` is that of the buffer's memory, where it is registered.
pub(super) fn entry(what: Transfer, buf: &mut Buf, number: Option<u16>) -> Entry {
    let fd = types::Fd(what.fd);
    let left = (buf.len() - what.from).min(MOST);
    let len = u32::try_from(left).unwrap_or(0);
    let flags = if what.aside { Flags::ASYNC } else { Flags::empty() };
    let entry = match what.kind {
        OpKind::Read => {
            let to = buf.bytes_mut()[what.from..].as_mut_ptr();
            match number {
                Some(n) => opcode::ReadFixed::new(fd, to, len, n).offset(what.offset).build(),
                None => opcode::Read::new(fd, to, len).offset(what.offset).build(),
            }
        }
        OpKind::Write => {
            let from = buf.bytes()[what.from..].as_ptr();
            match number {
                Some(n) => opcode::WriteFixed::new(fd, from, len, n).offset(what.offset).build(),
                None => opcode::Write::new(fd, from, len).offset(what.offset).build(),
            }
        }
        OpKind::Flush => opcode::Fsync::new(fd).build(),
    };
    entry.flags(flags)
}
