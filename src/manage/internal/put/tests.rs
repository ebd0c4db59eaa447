//! What is written lies where it should, and nothing beside it is touched: on images of members.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use super::*;
use crate::array::internal::{Ground, fit, gaps};
use crate::format::bitmap::{RawBitmapSuper, decode};
use crate::format::md::{HostOrder, MdUuid, MdVersion, NewArray, NewMember};
use crate::io::Device;
use crate::units::{ChunkSize, Events, Sectors, Slot};

const DEVICE: u64 = 16 << 20;
const FILL: u8 = 0x5a;

/// A member without a bitmap in `dir`; every byte that is not its superblock's is `FILL`.
fn member(dir: &tempfile::TempDir, version: MdVersion, bblog: bool) -> (PathBuf, Site) {
    let uuid = MdUuid::from_bytes([7; 16]);
    let mut array = NewArray::mirror(version, uuid, 1, Sectors::new(8 << 11));
    array.bitmap_offset = None;
    array.bblog = bblog && !version.is_0_90();
    let member = NewMember {
        slot: Slot(0),
        device: Sectors::new(DEVICE / 512),
        device_uuid: [9; 16],
        numbers: (7, 0),
    };
    let superblock = array.member(&member).unwrap();
    let path = dir.path().join("member");
    fs::write(&path, vec![FILL; usize::try_from(DEVICE).unwrap()]).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let at = superblock.view().super_offset.to_bytes().unwrap();
    file.write_all_at(superblock.raw(), at.get()).unwrap();
    let device = Device::new(file, &path, 512).unwrap();
    (path, Site { device, superblock, in_array: true })
}

fn image(site: &Site, clean: bool) -> Image {
    let size = site.superblock.view().size;
    let ground = Ground::of(&site.superblock, 512);
    let layout = fit(&gaps(&[ground]), size, ChunkSize::from_bytes(4096)).unwrap();
    let bitmap = NewBitmap {
        uuid: [7; 16],
        events: Events::new(5),
        events_cleared: Events::new(5),
        sync_size: size,
        chunk: layout.chunk,
        delay: 5,
        write_behind: 0,
        sectors_reserved: 8,
    };
    Image { bitmap, clean, layout }
}

/// The first byte of the bitmap, and all bytes of the member.
fn bytes(path: &PathBuf, site: &Site, image: &Image) -> (usize, Vec<u8>) {
    let at = place(site, image, 0).unwrap().to_usize().unwrap();
    (at, fs::read(path).unwrap())
}

fn versions() -> [MdVersion; 4] {
    [MdVersion::V0_90(HostOrder::Little), MdVersion::V1_0, MdVersion::V1_1, MdVersion::V1_2]
}

#[test]
fn nothing_beside_the_bitmap_is_touched_on_any_version() {
    for version in versions() {
        for (bblog, clean) in [(false, false), (true, true)] {
            let dir = tempfile::tempdir().unwrap();
            let (path, site) = member(&dir, version, bblog);
            let image = image(&site, clean);
            let (at, before) = bytes(&path, &site, &image);
            write(std::slice::from_ref(&site), &image).unwrap();
            let (_, after) = bytes(&path, &site, &image);
            let end = at + image.layout.bytes.to_usize().unwrap();
            assert_eq!(before[..at], after[..at], "{version}");
            assert_eq!(before[end..], after[end..], "{version}");
            // Zeroes: what is left of a superblock's own page.
            let free = |byte: &u8| [0, FILL].contains(byte);
            assert!(before[at..end].iter().all(free), "{version}: not free");
            let decoded = decode(&after[at..]);
            assert!(decoded.findings.is_empty(), "{version}: {:?}", decoded.findings);
            let fill = if clean { 0 } else { 0xff };
            assert!(after[at + SIZE..end].iter().all(|byte| *byte == fill), "{version}");
        }
    }
}

#[test]
fn what_is_wiped_is_no_bitmap_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let (path, site) = member(&dir, MdVersion::V1_2, true);
    let image = image(&site, true);
    write(std::slice::from_ref(&site), &image).unwrap();
    wipe(std::slice::from_ref(&site), &image).unwrap();
    let (at, after) = bytes(&path, &site, &image);
    assert_eq!(RawBitmapSuper::from_prefix(&after[at..]).unwrap().magic(), 0);
}

#[test]
fn a_member_that_cannot_be_written_leaves_no_header_on_the_others() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, good) = member(&one, MdVersion::V1_2, true);
    let (other, mut bad) = member(&two, MdVersion::V1_2, true);
    bad.device = Device::new(File::open(&other).unwrap(), &other, 512).unwrap();
    let image = image(&good, true);
    let sites = [good, bad];
    let error = write(&sites, &image).unwrap_err().to_string();
    assert!(error.contains("cannot write"), "{error}");
    let (at, after) = bytes(&path, &sites[0], &image);
    assert!(after[at..at + SIZE].iter().all(|byte| *byte == 0));
}

#[test]
fn a_spare_gets_no_copy() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut site) = member(&dir, MdVersion::V1_2, false);
    site.in_array = false;
    let image = image(&site, true);
    let before = fs::read(&path).unwrap();
    write(std::slice::from_ref(&site), &image).unwrap();
    assert_eq!(before, fs::read(&path).unwrap());
}
