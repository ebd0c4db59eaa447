//! What a command needs of the world besides its arguments: where to print, how wide, the clock,
//! and the flag that a signal raises.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};

use super::out::Out;
use crate::error::{Error, Kind, Result, printable};

/// How long a signal may go unnoticed.
const STEP: Duration = Duration::from_millis(50);

/// The world as a command sees it.
#[derive(Debug)]
pub struct Context {
    /// Standard output, buffered; [`Context::finish`] flushes it.
    pub out: BufWriter<Out>,
    /// Raised by the first SIGINT or SIGTERM; a second one ends the process at once.
    pub stop: Arc<AtomicBool>,
}

impl Context {
    /// The process's own streams and signals.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn new() -> io::Result<Self> {
        let out = BufWriter::with_capacity(1 << 16, Out::new(io::stdout()));
        Ok(Self { out, stop: watch_signals()? })
    }

    /// Columns of the terminal that standard output is; 80 where it is none.
    #[must_use]
    pub fn width(&self) -> usize {
        terminal_size::terminal_size_of(io::stdout()).map_or(80, |(width, _)| usize::from(width.0))
    }

    /// Whether progress has a terminal to draw on.
    #[must_use]
    pub fn stderr_is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Whether standard output can be drawn over.
    #[must_use]
    pub fn stdout_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether somebody can be asked.
    #[must_use]
    pub fn stdin_is_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Asks on the terminal, below what was printed; anything but yes is no.
    ///
    /// # Errors
    /// The question or the answer got lost, or a signal came instead.
    pub fn ask(&mut self, question: &str) -> Result<bool> {
        self.out.flush().map_err(|error| Error::io("print to", "standard output", error))?;
        let failed = |error| Error::io("ask", "standard input", error);
        write!(io::stderr(), "{question} [y/N] ").map_err(failed)?;
        self.wait_for_answer()?;
        let mut answer = String::new();
        if io::stdin().read_line(&mut answer).map_err(failed)? == 0 {
            next_line();
        }
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Reading itself goes on after a signal, so it is begun when there is something to read.
    fn wait_for_answer(&self) -> Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            if typed().map_err(|errno| Error::io("ask", "standard input", errno.into()))? {
                return Ok(());
            }
        }
        next_line();
        Err(Error::new(Kind::Interrupted, "stopped by a signal: nothing was written"))
    }

    /// Sleeps so long; false as soon as somebody asks to stop.
    #[must_use]
    pub fn nap(&self, long: Duration) -> bool {
        let until = Instant::now() + long;
        while !self.stop.load(Ordering::Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(STEP));
        }
        false
    }

    /// Seconds since 1970, as superblocks count them.
    #[must_use]
    pub fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// Asks a person on the terminal whether to go on with what `warning` tells.
    ///
    /// # Errors
    /// Refused where nobody can be asked, or the answer is not yes.
    pub fn consent(&mut self, warning: &str) -> Result<()> {
        if !io::stdin().is_terminal() {
            let what = "this needs a yes, and standard input is no terminal to ask on";
            return Err(Error::refused(what)
                .details(vec![warning.to_owned()])
                .hint("--yes says yes"));
        }
        match self.ask(&format!("{}.\nGo on?", printable(warning)))? {
            true => Ok(()),
            false => Err(Error::refused("not confirmed: nothing was written")),
        }
    }

    /// Flushes standard output, so that a full disk is noticed, or that nobody reads any more.
    ///
    /// # Errors
    /// The output could not be written.
    pub fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Whether something was typed, or nothing ever will be; waits a moment for it.
fn typed() -> nix::Result<bool> {
    let stdin = io::stdin();
    let mut asked = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let step = PollTimeout::try_from(STEP).unwrap_or(PollTimeout::ZERO);
    match poll(&mut asked, step) {
        Err(Errno::EINTR) => Ok(false),
        answer => answer.map(|count| count > 0),
    }
}

/// Nobody ended the line with the question.
fn next_line() {
    let _ = writeln!(io::stderr());
}

fn watch_signals() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order a second signal finds the flag up and ends the process.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    // Caught, so that a write beyond the limit of file sizes fails like any other that fails.
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    Ok(stop)
}
