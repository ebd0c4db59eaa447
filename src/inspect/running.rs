//! A running array: what sysfs says, and what is on its members past the page cache. The verdict is
//! what would be after a power cut at this moment, for that is what is on disk.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::InspectOptions;
use super::gather::{self, Gathered};
use super::picture::{Foreseen, Member, Picture, Sort, UNREADABLE};
use super::verdict::{judged, one_line};
use crate::error::{Error, Kind, Result};
use crate::format::Finding;
use crate::running::{self, BitmapKind};
use crate::store::{BitmapAtRest, MemberAtRest};
use crate::sysfs::System;

/// The picture of the array that the kernel calls `name`.
pub(super) fn inspect(
    name: &str,
    options: &InspectOptions,
    system: &System,
    stop: &AtomicBool,
) -> Result<Picture> {
    let gone = || Error::usage("no array is assembled there").at_path(name);
    let mut array = running::look(name, system)?.ok_or_else(gone)?;
    running::count_dirty(&mut array, system, stop);
    let mut members = Vec::new();
    for member in &array.members {
        let mut found = look(&system.node(&member.name), stop)?;
        found.states.clone_from(&member.states);
        members.push(found);
    }
    let path = array.bitmap.path.clone().filter(|_| array.bitmap.kind == BitmapKind::File);
    // One that cannot be read is told by the count of dirty chunks.
    let file = path.as_ref().and_then(|path| BitmapAtRest::open(path, stop).ok());
    let sort = Sort::Running(Box::new(array));
    let gathered = Gathered { sort, members, file, file_path: path };
    let mut picture = judged(gathered, options.speed, stop)?;
    let why = "the array runs: the kernel keeps its members in sync";
    picture.resync = Foreseen::Refused(why.into());
    Ok(picture)
}

/// A member that cannot be read is shown as such.
fn look(node: &Path, stop: &AtomicBool) -> Result<Member> {
    let read = MemberAtRest::open(node).and_then(|rest| gather::member(rest, stop));
    match read {
        Err(error) if error.kind() == Kind::Interrupted => Err(error),
        Err(error) => Ok(Member {
            path: node.to_owned(),
            rest: None,
            bitmap: None,
            states: Vec::new(),
            findings: vec![Finding::error(UNREADABLE, one_line(&error))],
        }),
        read => read,
    }
}
