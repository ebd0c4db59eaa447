//! The `mdbitmap` program: nothing but the call into the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    mdbitmap::commands::main(std::env::args_os()).into()
}
