//! How a bitmap is shown: as text that readers of `mdadm -X` know, as JSON, as a list of dirty
//! ranges and as a map.

pub mod json;
pub mod map;
pub mod text;
