//! The picture of an array: as text, as JSON, and field by field.

pub mod answer;
pub mod hex;
pub mod json;
mod members;
pub mod text;
mod time;
