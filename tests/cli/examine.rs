//! `mdbitmap examine`: the same as mdadm where mdadm is right, and what to say where it is not.

use std::path::{Path, PathBuf};

use mdbitmap::format::bitmap::{NewBitmap, RawBitmapSuper};
use mdbitmap::format::md::{HostOrder, MdUuid, MdVersion, NewArray, NewMember};
use mdbitmap::units::{ChunkSize, Events, Sectors, Slot};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{self, Run, run};

mod damage;
mod mdadm;
mod members;
mod shown;

const SCHEMA: &str = "examine.schema.json";

/// The example of the documents: 9070 bits, 1390 bytes.
fn sample() -> RawBitmapSuper {
    NewBitmap {
        uuid: *b"0123456789abcdef",
        events: Events::new(5),
        events_cleared: Events::new(3),
        sync_size: Sectors::new(580_480 * 2),
        chunk: ChunkSize::from_bytes(65536).unwrap(),
        delay: 3,
        write_behind: 0,
        sectors_reserved: 0,
    }
    .encode()
}

/// 313 chunks of 4 KiB.
fn small() -> RawBitmapSuper {
    let mut raw = sample();
    raw.set_sync_size(Sectors::new(313 * 8));
    raw.set_chunksize(4096);
    raw
}

fn with_bits(raw: &RawBitmapSuper, bits: &[u8]) -> Vec<u8> {
    [&raw.0[..], bits].concat()
}

fn examine(path: &Path, options: &[&str]) -> Run {
    let args = ["examine"].iter().chain(options).map(|arg| (*arg).into());
    run(args.chain([path.as_os_str().to_owned()]))
}

/// The one bitmap of a run with `--json`, and the status.
fn bitmap(path: &Path, options: &[&str]) -> (i32, Value) {
    let run = examine(path, &[&["--json"], options].concat());
    let value = support::json(&run.out, SCHEMA);
    assert_eq!(value["schema"], 1);
    let bitmaps = value["bitmaps"].as_array().unwrap();
    assert_eq!(bitmaps.len(), 1);
    (run.status, bitmaps[0].clone())
}

fn codes(bitmap: &Value) -> Vec<&str> {
    let findings = bitmap["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

fn clustered(nodes: u32) -> RawBitmapSuper {
    let mut raw = small();
    raw.set_version(5);
    raw.set_nodes(nodes);
    let mut name = [0; 64];
    name[..4].copy_from_slice(b"club");
    raw.set_cluster_name(name);
    raw
}

/// A member of a mirror with an internal bitmap of one chunk per MiB.
fn member(dir: &TempDir, version: MdVersion) -> (PathBuf, u64) {
    let (size, device) = (Sectors::new(61_440), Sectors::new(65_536));
    let uuid = MdUuid::from_bytes(sample().uuid());
    let array = NewArray::mirror(version, uuid, 2, size);
    let new = NewMember { slot: Slot(0), device, device_uuid: [7; 16], numbers: (8, 1) };
    let member = array.member(&new).unwrap();
    let view = member.view();
    let mut raw = small();
    raw.set_sync_size(size);
    raw.set_chunksize(1 << 20);
    let at = view.bitmap_at.unwrap().get() * 512;
    let super_at = view.super_offset.get() * 512;
    let parts = [(super_at, member.raw()), (at, &with_bits(&raw, &[0x5a; 4])[..])];
    (support::image(dir, "m", device.get() * 512, &parts), at)
}

const VERSIONS: [MdVersion; 5] = [
    MdVersion::V0_90(HostOrder::Little),
    MdVersion::V0_90(HostOrder::Big),
    MdVersion::V1_0,
    MdVersion::V1_1,
    MdVersion::V1_2,
];
