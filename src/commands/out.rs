//! Standard output, whose reader may go away (`| head`).
//!
//! That is no failure, and must not hide the answer: what is printed from then on goes nowhere, and the
//! command ends with the status it would have had. Every other error is one.

use std::io::{self, ErrorKind, Write};

/// Where reports go.
#[derive(Debug)]
pub struct Out<W = io::Stdout> {
    to: W,
    unread: bool,
}

impl<W> Out<W> {
    /// Prints to `to`.
    pub fn new(to: W) -> Self {
        Self { to, unread: false }
    }

    /// Whether the reader went away.
    pub fn is_unread(&self) -> bool {
        self.unread
    }

    /// `nothing` in place of a broken pipe.
    fn excuse<T>(&mut self, result: io::Result<T>, nothing: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.unread = true;
                Ok(nothing)
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unread {
            return Ok(bytes.len());
        }
        let written = self.to.write(bytes);
        self.excuse(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.unread {
            return Ok(());
        }
        let flushed = self.to.flush();
        self.excuse(flushed, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error_and_a_full_disk_is() {
        let mut out = Out::new(Broken(ErrorKind::BrokenPipe));
        assert!(!out.is_unread());
        out.write_all(b"report").unwrap();
        out.flush().unwrap();
        assert!(out.is_unread());
        let mut out = Out::new(Broken(ErrorKind::StorageFull));
        out.write_all(b"report").unwrap_err();
        out.flush().unwrap_err();
        assert!(!out.is_unread());
    }
}
