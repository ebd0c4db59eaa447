//! Whether standard output was closed when the program was started.
//!
//! Rust's runtime opens /dev/null on each of the descriptors 0, 1 and 2 that is closed, before `main`.
//! So no member lands there and is printed into; but a report goes nowhere, and nobody can tell any
//! more, for a /dev/null that somebody asked for looks the same. Hence it is asked before the runtime
//! begins, by a function in the list of those that the loader calls first. It allocates nothing and
//! uses nothing of the runtime.

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc::{F_GETFD, STDOUT_FILENO, fcntl};

static CLOSED: AtomicBool = AtomicBool::new(false);

#[used]
// SAFETY: the loader calls what is listed there once, before `main`; arguments it passes are ignored.
#[unsafe(link_section = ".init_array")]
static FIRST: extern "C" fn() = look;

extern "C" fn look() {
    // SAFETY: asks for the flags of a descriptor; that there is none is one of the answers.
    let flags = unsafe { fcntl(STDOUT_FILENO, F_GETFD) };
    CLOSED.store(flags == -1, Ordering::Relaxed);
}

/// Whether the program was started without standard output.
#[must_use]
pub fn stdout_was_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}
