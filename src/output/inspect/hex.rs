//! Every field of the superblocks as it is on disk: offset, width, the kernel's name, the bytes, and
//! the number that they are. By the field tables of `format`, whatever the bytes hold.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::printable;
use crate::format::bitmap::superblock::bitmap_super;
use crate::format::codec::LittleEndian;
use crate::format::layout::FieldInfo;
use crate::format::md::{HostOrder, MdVersion, super1, super090};
use crate::inspect::{Member, Picture};
use crate::store::BitmapAtRest;
use crate::units::Bytes;

/// Bytes of a field that are shown on one line.
const LINE: usize = 16;

/// One field.
#[derive(Debug, Serialize)]
pub(super) struct FieldDto {
    name: String,
    offset: usize,
    width: usize,
    hex: String,
    value: Option<String>,
    meaning: &'static str,
}

/// A structure and where it begins on its device.
#[derive(Debug, Serialize)]
pub(super) struct StructureDto {
    path: String,
    structure: &'static str,
    offset_bytes: u64,
    fields: Vec<FieldDto>,
}

/// Every structure in the picture.
pub(super) fn structures(picture: &Picture) -> Vec<StructureDto> {
    let mut found: Vec<StructureDto> = Vec::new();
    for member in &picture.members {
        found.extend(superblocks(member));
        found.extend(member.bitmap.iter().filter_map(bitmap));
    }
    found.extend(picture.file.iter().filter_map(bitmap));
    found
}

/// Writes them.
///
/// # Errors
/// The output failed.
pub fn dump(out: &mut dyn Write, picture: &Picture) -> io::Result<()> {
    for structure in structures(picture) {
        let (path, name) = (printable(&structure.path), structure.structure);
        writeln!(out, "\n{path}: {name} at byte {}", structure.offset_bytes)?;
        writeln!(out, "{:>6} {:>5}  {:<20} value", "offset", "width", "field")?;
        structure.fields.iter().try_for_each(|field| line(out, field))?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, field: &FieldDto) -> io::Result<()> {
    let FieldDto { name, offset, width, hex, value, meaning } = field;
    let value = match value {
        Some(value) => format!("{value} ({hex})"),
        None => hex.clone(),
    };
    writeln!(out, "{offset:>6} {width:>5}  {name:<20} {value}  # {meaning}")
}

fn superblocks(member: &Member) -> Vec<StructureDto> {
    let Some(rest) = &member.rest else { return Vec::new() };
    let path = rest.path.display().to_string();
    let sound = rest.superblock.iter().map(|found| {
        let view = found.view();
        superblock(&path, view.version, view.super_offset.to_bytes(), found.raw())
    });
    let broken = rest.broken.iter();
    let broken = broken.map(|b| superblock(&path, b.version, b.at.to_bytes(), &b.raw));
    sound.chain(broken).collect()
}

fn superblock(path: &str, version: MdVersion, at: Option<Bytes>, raw: &[u8]) -> StructureDto {
    let big = version == MdVersion::V0_90(HostOrder::Big);
    let (structure, mut fields) = match version {
        MdVersion::V0_90(_) => ("mdp_super_t", of_table(super090::sb::FIELDS, raw, 0, "", big)),
        _ => ("mdp_superblock_1", of_table(super1::sb::FIELDS, raw, 0, "", false)),
    };
    fields.extend(match version {
        MdVersion::V0_90(_) => descriptors(raw, big),
        _ => roles(raw),
    });
    let offset_bytes = at.unwrap_or_default().get();
    StructureDto { path: path.to_owned(), structure, offset_bytes, fields }
}

/// The roles behind a 1.x superblock, as many as it says and as were read; those that no device ever
/// had, at the end, as one field.
fn roles(raw: &[u8]) -> Vec<FieldDto> {
    const MEANING: &str = "0xffff spare, 0xfffe faulty, 0xfffd journal";
    let start = super1::sb::SIZE;
    let count = match raw.len() >= start {
        true => super1::sb::MAX_DEV.get::<LittleEndian>(raw),
        false => 0,
    };
    let bytes = raw.get(start..super1::length(count).min(raw.len())).unwrap_or_default();
    let used = bytes.chunks_exact(2).rposition(|role| role != [0xff; 2]).map_or(0, |last| last + 1);
    let role = |(n, bytes)| field(format!("dev_roles[{n}]"), start + 2 * n, bytes, MEANING, false);
    let mut fields: Vec<FieldDto> =
        bytes.chunks_exact(2).take(used).enumerate().map(role).collect();
    let rest = &bytes[2 * used..];
    if !rest.is_empty() {
        let name = format!("dev_roles[{used}..]");
        fields
            .push(FieldDto { value: None, ..field(name, start + 2 * used, rest, MEANING, false) });
    }
    fields
}

/// The descriptors inside a 0.90 superblock that were ever written.
fn descriptors(raw: &[u8], big: bool) -> Vec<FieldDto> {
    let (first, size) = (super090::sb::DISKS.offset(), super090::disk::SIZE);
    let places = (0..super090::MAX_DISKS).map(|n| (format!("disks[{n}]."), first + n * size));
    let this = ("this_disk.".to_owned(), super090::sb::THIS_DISK.offset());
    let mut fields = Vec::new();
    for (prefix, at) in places.chain([this]) {
        let Some(bytes) = raw.get(at..at + size) else { break };
        if bytes.iter().any(|byte| *byte != 0) {
            fields.extend(of_table(super090::disk::FIELDS, bytes, at, &prefix, big));
        }
    }
    fields
}

fn bitmap(bitmap: &BitmapAtRest) -> Option<StructureDto> {
    let report = bitmap.report();
    let raw = report.raw.as_ref()?;
    Some(StructureDto {
        path: report.path.display().to_string(),
        structure: "bitmap_super_t",
        offset_bytes: report.at.get(),
        fields: of_table(bitmap_super::FIELDS, &raw.0, 0, "", false),
    })
}

/// The fields of a table, as far as there are bytes.
fn of_table(table: &[FieldInfo], raw: &[u8], at: usize, prefix: &str, big: bool) -> Vec<FieldDto> {
    let there = table.iter().filter_map(|info| {
        let bytes = raw.get(info.offset..info.offset + info.width)?;
        Some((info, bytes))
    });
    there
        .map(|(info, bytes)| {
            let name = format!("{prefix}{}", info.name);
            field(name, at + info.offset, bytes, info.meaning, big)
        })
        .collect()
}

fn field(name: String, offset: usize, bytes: &[u8], meaning: &'static str, big: bool) -> FieldDto {
    FieldDto {
        name,
        offset,
        width: bytes.len(),
        hex: hex(bytes),
        value: value(bytes, big),
        meaning,
    }
}

/// The number, for what has the width of one.
fn value(bytes: &[u8], big: bool) -> Option<String> {
    if !matches!(bytes.len(), 1 | 2 | 4 | 8) {
        return None;
    }
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    let value = match big {
        true => bytes.iter().fold(0, add),
        false => bytes.iter().rev().fold(0, add),
    };
    Some(value.to_string())
}

/// The bytes; a long field that is all one byte in short.
fn hex(bytes: &[u8]) -> String {
    let first = bytes.first().copied().unwrap_or_default();
    if bytes.len() > LINE && bytes.iter().all(|byte| *byte == first) {
        return format!("{first:02x} * {}", bytes.len());
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
