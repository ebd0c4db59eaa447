//! Fetches what sysfs and `/proc/mdstat` say of an array.

use std::path::Path;

use super::{Array, Bitmap, BitmapKind, Member, Progress, Sync, parse};
use crate::error::{Error, Result};
use crate::guard::running_array;
use crate::sysfs::System;
use crate::units::{Bytes, Sectors};

/// Every array there is.
///
/// # Errors
/// sysfs cannot be read.
pub fn all(system: &System) -> Result<Vec<Array>> {
    let mut found = Vec::new();
    for name in system.md_names()? {
        found.extend(look(&name, system)?);
    }
    Ok(found)
}

/// The kernel's name of the array that somebody calls `path`: a device node, or that name itself.
///
/// # Errors
/// There is no such thing, or it is no assembled array.
pub fn find(path: &Path, system: &System) -> Result<String> {
    let none = || {
        Error::usage("no array is assembled there")
            .at_path(path)
            .hint("name an array such as /dev/md0; `mdbitmap status` lists them")
    };
    if bare(path).is_some() && !path.exists() {
        return find_by_name(path, system)?.ok_or_else(none);
    }
    find_running(path, system)?.ok_or_else(none)
}

/// The same, none where that is no assembled array.
///
/// # Errors
/// There is nothing at `path`, or sysfs cannot be read.
pub fn find_running(path: &Path, system: &System) -> Result<Option<String>> {
    match find_by_name(path, system)? {
        Some(name) => Ok(Some(name)),
        None => Ok(running_array(path, system)?.map(|array| array.name)),
    }
}

fn find_by_name(path: &Path, system: &System) -> Result<Option<String>> {
    let Some(name) = bare(path) else { return Ok(None) };
    Ok(look(name, system)?.map(|array| array.name))
}

/// The kernel's name of an array, where that was typed.
fn bare(path: &Path) -> Option<&str> {
    path.to_str().filter(|name| name.starts_with("md") && !name.contains('/'))
}

/// The array of this name; none where there is none, or it has gone.
///
/// # Errors
/// sysfs cannot be read.
pub fn look(name: &str, system: &System) -> Result<Option<Array>> {
    let text = |key: &str| system.md_attribute(name, key);
    let number = |key: &str| Ok::<_, Error>(text(key)?.and_then(|text| parse::number(&text)));
    let word = |key: &str| Ok::<_, Error>(text(key)?.and_then(|text| parse::word(&text)));
    let Some(state) = text("array_state")? else { return Ok(None) };
    let members = members(name, system)?;
    if members.is_empty() && state == "clear" {
        return Ok(None);
    }
    Ok(Some(Array {
        name: name.to_owned(),
        node: system.node(name),
        level: word("level")?,
        state: parse::state(&state),
        metadata: word("metadata_version")?,
        uuid: text("uuid")?.and_then(|text| crate::sysfs::md::uuid(&text)),
        raid_disks: number("raid_disks")?,
        degraded: number("degraded")?,
        members,
        bitmap: bitmap(name, system)?,
        sync: sync(name, system)?,
        mismatches: number("mismatch_cnt")?.map(Sectors::new),
    }))
}

fn members(array: &str, system: &System) -> Result<Vec<Member>> {
    let mut found = Vec::new();
    for name in system.md_members(array)? {
        let text = |key: &str| system.md_attribute(array, &format!("dev-{name}/{key}"));
        let slot = text("slot")?.and_then(|text| parse::slot(&text));
        let states = text("state")?.map(|text| parse::member_states(&text));
        found.push(Member { slot, states: states.unwrap_or_default(), name });
    }
    found.sort_by_key(|member| member.slot.map_or(u32::MAX, |slot| slot.0.into()));
    Ok(found)
}

fn sync(array: &str, system: &System) -> Result<Sync> {
    let text = |key: &str| system.md_attribute(array, key);
    let progress = text("sync_completed")?.map_or(Progress::None, |text| parse::progress(&text));
    Ok(Sync {
        action: parse::action(text("sync_action")?.as_deref()),
        progress,
        speed: text("sync_speed")?.and_then(|text| parse::speed(&text)),
    })
}

fn bitmap(array: &str, system: &System) -> Result<Bitmap> {
    let text = |key: &str| system.md_attribute(array, key);
    let lockless = system.md_has(array, "llbitmap");
    let clustered = text("bitmap/metadata")?.as_deref() == Some("clustered");
    let (kind, offset) = parse::bitmap(text("bitmap/location")?.as_deref(), lockless, clustered);
    let chunk = match kind {
        BitmapKind::None => None,
        BitmapKind::Lockless => {
            text("llbitmap/metadata")?.and_then(|text| parse::lockless_chunk(&text))
        }
        _ => text("bitmap/chunksize")?.and_then(|text| parse::number(&text)).map(Bytes::new),
    };
    let path = match kind {
        BitmapKind::File => {
            system.bitmap_files()?.into_iter().find(|(name, _)| name == array).map(|(_, path)| path)
        }
        _ => None,
    };
    let chunk = chunk.filter(|chunk| !chunk.is_zero());
    Ok(Bitmap { kind, offset, path, chunk, dirty: None, why: None })
}
