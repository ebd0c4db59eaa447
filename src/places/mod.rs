//! What lies where: addresses of an array translated, and the files that lie under its ranges.
//!
//! Only reads. [`locate`] is arithmetic on superblocks, which may be those of a running array;
//! [`files`] asks the tools of the file system, whose output is taken for hostile.

mod array;
mod files;
mod fs;
mod locate;
mod ranges;

pub use files::{FilesOptions, FilesReport, Owned, Owner, files};
pub use fs::FsKind;
pub use locate::{Ask, LocateOptions, LocateReport, Located, MemberPlaces, Outside, locate};
