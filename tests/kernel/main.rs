//! Real-kernel tests.

fn main() {}
