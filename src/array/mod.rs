//! What an array is, apart from any disk: who belongs to it, and where its data lies. Pure.
//!
//! Everything here decides and gives its reasons; nothing opens a file. Imports `format`, `units`,
//! `error`.

pub mod bad;
pub mod belief;
pub mod cast;
pub mod coverage;
pub mod geometry;
pub mod internal;
pub mod locate;
mod membership;
pub mod predict;
pub mod readd;
pub mod recipe;
pub mod repair;
pub mod replace;
pub mod row;
mod rules;
pub mod start;

pub use membership::{
    Assembly, Away, Candidate, Member, Standing, assemble, assemble_to_resync, muster,
};
