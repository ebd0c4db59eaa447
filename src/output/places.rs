//! Places and files, as text and as JSON.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanBytes;
use serde::Serialize;

use super::encode;
use crate::array::geometry::Part;
use crate::array::locate::{Answer, PieceAt, Spot};
use crate::error::printable;
use crate::places::{Ask, FilesReport, LocateReport, Located, MemberPlaces, Owned, Owner};
use crate::units::{SectorRange, Sectors};

/// Prints `report` for a person.
///
/// # Errors
/// The output failed.
pub fn locate_text(out: &mut dyn Write, report: &LocateReport, width: usize) -> io::Result<()> {
    writeln!(out, "RAID{} {}, {}", report.level, report.uuid, sizes(report))?;
    for located in &report.answers {
        writeln!(out)?;
        match &located.answer {
            Ok(answer) => {
                writeln!(out, "{}: {}", asked(&located.ask), where_(report, answer, located.rest))?;
                writeln!(out, "{}", table(report, answer, located.rest, width).trim_fmt())?;
                if answer.more {
                    writeln!(out, "  and more: the first places only")?;
                }
            }
            Err(other) => writeln!(
                out,
                "{}: {}, on {}",
                asked(&located.ask),
                other.what,
                printable(&other.path)
            )?,
        }
    }
    Ok(())
}

fn sizes(report: &LocateReport) -> String {
    let chunk = match report.chunk.is_zero() {
        true => String::new(),
        false => format!(", in chunks of {}", HumanBytes(bytes(report.chunk))),
    };
    let bit = match report.bit {
        Some(bit) => format!("; a bit is {}", HumanBytes(bit.bytes())),
        None => "; no bitmap".to_owned(),
    };
    let of = if report.per_member { " of each member" } else { "" };
    format!("{}{chunk}{bit}{of}", HumanBytes(bytes(report.array_len)))
}

fn asked(ask: &Ask) -> String {
    match ask {
        Ask::Array(at) => format!("byte {} of the array", at.get()),
        Ask::Bit(bit) => format!("bit {bit}"),
        Ask::Stripe(stripe) => format!("stripe {stripe}"),
        Ask::Slot(slot, at) => format!("byte {} of slot {slot}", at.get()),
        Ask::Path(path, at) => {
            format!("byte {} of {}", at.get(), printable(&path.display().to_string()))
        }
    }
}

fn where_(report: &LocateReport, answer: &Answer, rest: u64) -> String {
    let mut parts = Vec::new();
    match answer.array.first() {
        None => parts.push("parity".to_owned()),
        Some(first) => {
            let more = if answer.array.len() > 1 { " and on" } else { "" };
            parts.push(format!("byte {} of the array{more}", bytes(first.start) + rest));
        }
    }
    if report.per_member {
        parts.push(format!("byte {} of the data areas", bytes(answer.range.start) + rest));
    }
    if let Some(bits) = answer.bits {
        let last = bits.end().get().saturating_sub(1);
        parts.push(match bits.count.get() {
            1 => format!("bit {last}"),
            _ => format!("bits {} to {last}", bits.first),
        });
    }
    parts.extend(answer.stripe.map(|stripe| format!("stripe {stripe}")));
    parts.join(", ")
}

fn table(report: &LocateReport, answer: &Answer, rest: u64, width: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(["", "Slot", "Member", "Byte", "Length", "Holds"]);
    for piece in &answer.pieces {
        for spot in &piece.spots {
            table.add_row(row(report, piece, spot, rest));
        }
    }
    table
}

fn row(report: &LocateReport, piece: &PieceAt, spot: &Spot, rest: u64) -> [String; 6] {
    let member = member(report, spot);
    let place = member.map(|member| bytes(member.data_offset) + bytes(spot.at) + rest);
    [
        if spot.asked { "*".into() } else { String::new() },
        spot.slot.to_string(),
        member.map_or_else(|| "(not given)".into(), |member| printable(&member.path)),
        place.map_or_else(|| format!("data + {}", bytes(spot.at) + rest), |at| at.to_string()),
        HumanBytes(bytes(piece.range.len)).to_string(),
        match spot.part {
            Part::Copy(n) => format!("copy {n}"),
            Part::Data { array, .. } => format!("data, byte {} of the array", bytes(array) + rest),
            Part::P => "P".into(),
            Part::Q => "Q".into(),
        },
    ]
}

fn member<'a>(report: &'a LocateReport, spot: &Spot) -> Option<&'a MemberPlaces> {
    report.members.iter().find(|member| member.slot == Some(spot.slot))
}

fn bytes(sectors: Sectors) -> u64 {
    sectors.to_bytes().unwrap_or_default().get()
}

#[derive(Serialize)]
struct JsonLocate<'a> {
    schema: u32,
    array: JsonArray<'a>,
    answers: Vec<JsonAnswer<'a>>,
}

#[derive(Serialize)]
struct JsonArray<'a> {
    uuid: &'a str,
    level: i32,
    array_bytes: u64,
    covered_bytes: u64,
    addresses: &'static str,
    chunk_bytes: Option<u64>,
    bit_bytes: Option<u64>,
}

#[derive(Serialize)]
struct JsonAnswer<'a> {
    asked: String,
    holds: &'static str,
    path: Option<&'a str>,
    address: Option<JsonRange>,
    array: Vec<JsonRange>,
    bits: Option<[u64; 2]>,
    stripe: Option<u64>,
    places: Vec<JsonPlace<'a>>,
    more: bool,
}

#[derive(Serialize)]
struct JsonRange {
    start_bytes: u64,
    length_bytes: u64,
}

#[derive(Serialize)]
struct JsonPlace<'a> {
    slot: u16,
    path: Option<&'a str>,
    offset_bytes: Option<u64>,
    data_offset_bytes: u64,
    length_bytes: u64,
    part: &'static str,
    array_bytes: Option<u64>,
    asked: bool,
}

/// Prints `report` for a program: `schema/locate.schema.json`.
///
/// # Errors
/// The output failed.
pub fn locate_json(out: &mut dyn Write, report: &LocateReport) -> io::Result<()> {
    let chunk = (!report.chunk.is_zero()).then(|| bytes(report.chunk));
    let json = JsonLocate {
        schema: 1,
        array: JsonArray {
            uuid: &report.uuid,
            level: report.level,
            array_bytes: bytes(report.array_len),
            covered_bytes: bytes(report.covered),
            addresses: if report.per_member { "member" } else { "array" },
            chunk_bytes: chunk,
            bit_bytes: report.bit.map(|bit| bit.bytes()),
        },
        answers: report.answers.iter().map(|located| json_answer(report, located)).collect(),
    };
    encode::print(out, &json)
}

fn json_answer<'a>(report: &'a LocateReport, located: &'a Located) -> JsonAnswer<'a> {
    let asked = asked(&located.ask);
    let none = JsonAnswer {
        asked,
        holds: "",
        path: None,
        address: None,
        array: Vec::new(),
        bits: None,
        stripe: None,
        places: Vec::new(),
        more: false,
    };
    match &located.answer {
        Err(other) => JsonAnswer { holds: other.what, path: Some(&other.path), ..none },
        Ok(answer) => JsonAnswer {
            holds: if answer.array.is_empty() { "parity" } else { "data" },
            address: Some(json_range(answer.range, located.rest)),
            array: answer.array.iter().map(|range| json_range(*range, located.rest)).collect(),
            bits: answer.bits.map(|run| [run.first.get(), run.end().get().saturating_sub(1)]),
            stripe: answer.stripe,
            places: places(report, answer, located.rest),
            more: answer.more,
            ..none
        },
    }
}

fn places<'a>(report: &'a LocateReport, answer: &Answer, rest: u64) -> Vec<JsonPlace<'a>> {
    let all = answer.pieces.iter().flat_map(|piece| piece.spots.iter().map(move |s| (piece, s)));
    let place = |(piece, spot): (&PieceAt, &Spot)| {
        let member = member(report, spot);
        let (part, array) = match spot.part {
            Part::Copy(_) => ("copy", None),
            Part::Data { array, .. } => ("data", Some(bytes(array) + rest)),
            Part::P => ("p", None),
            Part::Q => ("q", None),
        };
        JsonPlace {
            slot: spot.slot.0,
            path: member.map(|member| member.path.as_str()),
            offset_bytes: member.map(|member| bytes(member.data_offset) + bytes(spot.at) + rest),
            data_offset_bytes: bytes(spot.at) + rest,
            length_bytes: bytes(piece.range.len),
            part,
            array_bytes: array,
            asked: spot.asked,
        }
    };
    all.map(place).collect()
}

fn json_range(range: SectorRange, rest: u64) -> JsonRange {
    let (start_bytes, length_bytes) = (bytes(range.start) + rest, bytes(range.len));
    JsonRange { start_bytes, length_bytes }
}

/// Prints `report` for a person; at most `limit` parts.
///
/// # Errors
/// The output failed.
pub fn files_text(out: &mut dyn Write, report: &FilesReport, limit: usize) -> io::Result<()> {
    let block = HumanBytes(report.block.get());
    writeln!(
        out,
        "RAID{} {}, {} in blocks of {block}",
        report.level,
        report.uuid,
        report.kind.as_str()
    )?;
    if report.ranges.is_empty() {
        return writeln!(out, "No range is asked about: nothing is dirty, or nothing differs.");
    }
    let mut left = limit;
    for (range, parts) in &report.ranges {
        if left == 0 {
            break;
        }
        writeln!(out, "byte {} of the array, {}:", bytes(range.start), human(range.len))?;
        for part in parts.iter().take(left) {
            let at = bytes(part.range.start);
            writeln!(out, "  byte {at}, {}: {}", human(part.range.len), words(&part.owner))?;
        }
        left = left.saturating_sub(parts.len());
    }
    let all: usize = report.ranges.iter().map(|(_, parts)| parts.len()).sum();
    match all.saturating_sub(limit) {
        0 => Ok(()),
        more => writeln!(out, "and {more} parts more; --list N or --json tells them"),
    }
}

fn human(len: Sectors) -> HumanBytes {
    HumanBytes(bytes(len))
}

fn words(owner: &Owner) -> String {
    match owner {
        Owner::Inode(inode, names) if names.is_empty() => {
            format!("inode {inode}, which has no name")
        }
        Owner::Inode(inode, names) => {
            let names: Vec<String> = names.iter().map(|name| printable(name)).collect();
            format!("{} (inode {inode})", names.join(", "))
        }
        Owner::Metadata => "the file system itself".into(),
        Owner::Free => "free space".into(),
        Owner::Outside => "behind the end of the file system".into(),
        Owner::Unknown => "in use, for what is not told".into(),
    }
}

#[derive(Serialize)]
struct JsonFiles<'a> {
    schema: u32,
    array: JsonWhose<'a>,
    file_system: &'static str,
    block_bytes: u64,
    ranges: Vec<JsonOwnedRange<'a>>,
}

#[derive(Serialize)]
struct JsonWhose<'a> {
    uuid: &'a str,
    level: i32,
}

#[derive(Serialize)]
struct JsonOwnedRange<'a> {
    start_bytes: u64,
    length_bytes: u64,
    parts: Vec<JsonOwned<'a>>,
}

#[derive(Serialize)]
struct JsonOwned<'a> {
    start_bytes: u64,
    length_bytes: u64,
    owner: &'static str,
    inode: Option<u64>,
    paths: &'a [String],
}

/// Prints `report` for a program: `schema/files.schema.json`.
///
/// # Errors
/// The output failed.
pub fn files_json(out: &mut dyn Write, report: &FilesReport) -> io::Result<()> {
    let ranges = report.ranges.iter().map(|(range, parts)| JsonOwnedRange {
        start_bytes: bytes(range.start),
        length_bytes: bytes(range.len),
        parts: parts.iter().map(json_owned).collect(),
    });
    let json = JsonFiles {
        schema: 1,
        array: JsonWhose { uuid: &report.uuid, level: report.level },
        file_system: report.kind.as_str(),
        block_bytes: report.block.get(),
        ranges: ranges.collect(),
    };
    encode::print(out, &json)
}

fn json_owned(part: &Owned) -> JsonOwned<'_> {
    let (inode, paths): (_, &[String]) = match &part.owner {
        Owner::Inode(inode, names) => (Some(*inode), names),
        _ => (None, &[]),
    };
    JsonOwned {
        start_bytes: bytes(part.range.start),
        length_bytes: bytes(part.range.len),
        owner: match part.owner {
            Owner::Inode(..) => "inode",
            Owner::Metadata => "metadata",
            Owner::Free => "free",
            Owner::Outside => "outside",
            Owner::Unknown => "unknown",
        },
        inode,
        paths,
    }
}
