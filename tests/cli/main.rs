//! The program as its users see it: run with arguments on files, judged by what it prints, leaves
//! behind and returns.
#![allow(clippy::unwrap_used)]

mod assemble;
mod check;
mod convert;
mod create;
mod demo;
mod edit;
mod examine;
mod hostile;
mod inspect;
mod is;
mod manage;
mod members;
mod names;
mod places;
mod planted;
mod prompts;
mod resync;
mod sizes;
mod status;
mod support;
