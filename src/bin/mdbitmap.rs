//! The `mdbitmap` program: nothing but the call into the library.

fn main() {}
