//! A header that is repaired where it lies, and power cut at every write.

use super::*;
use crate::edit::crash::torn_images;
use crate::format::bitmap::{NewBitmap, bits, decode};
use crate::format::md::{MdUuid, MdVersion, NewArray, NewMember, Superblock};
use crate::io::mem::MemEngine;
use crate::units::{Events, Slot};

const UUID: [u8; 16] = *b"0123456789abcdef";
const SIZE: Sectors = Sectors::new(8 * 9001);
const DIRTY: [u64; 5] = [0, 3, 2047, 2048, 8999];

fn member() -> Superblock {
    let uuid = MdUuid::from_bytes(UUID);
    let mut array = NewArray::mirror(MdVersion::V1_2, uuid, 2, SIZE);
    array.bitmap_offset = None;
    array.events = Events::new(20);
    let device = array.least_device().unwrap();
    let slot = Slot(0);
    array.member(&NewMember { slot, device, device_uuid: [9; 16], numbers: (7, 0) }).unwrap()
}

/// A sound bitmap file of that array.
fn file() -> Vec<u8> {
    let header = NewBitmap {
        uuid: UUID,
        events: Events::new(20),
        events_cleared: Events::new(18),
        sync_size: SIZE,
        chunk: ChunkSize::from_bytes(4096).unwrap(),
        delay: 5,
        write_behind: 0,
        sectors_reserved: 0,
    };
    let mut file = header.encode().0.to_vec();
    file.resize(256 + 9001_usize.div_ceil(8), 0);
    for first in DIRTY.map(Chunks::new) {
        bits::set_run(&mut file[256..], ChunkRun { first, count: Chunks::new(1) });
    }
    file
}

fn options(keep_bits: bool) -> RepairOptions {
    RepairOptions {
        bitmap: PathBuf::from("bitmap"),
        members: Vec::new(),
        output: None,
        chunk: None,
        keep_bits,
        overwrite: false,
        dry_run: false,
    }
}

/// As the command goes on `disk`, which is as long as the device it lies on; the file has `len`.
fn go(disk: &mut MemEngine, len: usize, options: &RepairOptions) -> Repaired {
    let raw = RawBitmapSuper::from_prefix(&disk.disks[0]).unwrap();
    let repaired = decide(&raw, Bytes::from(len), member().view(), SIZE, options).unwrap();
    in_place(disk, options, &repaired).unwrap();
    repaired
}

/// Chunks that a kernel takes for dirty, where it believes the bitmap and does not copy everything.
fn believed(disk: &[u8]) -> Option<Vec<u64>> {
    let value = decode(disk).value?;
    let stale = value.state.contains(StateFlags::STALE) || value.events < Events::new(20);
    let own = value.uuid == UUID && value.chunk.bytes() == 4096;
    (own && !stale).then(|| (0..9001).filter(|bit| bits::is_set(&disk[256..], *bit)).collect())
}

/// What is wrong with the file; by byte and what is put there.
const DAMAGE: [(&str, &[(usize, u8)]); 9] = [
    ("magic", &[(0, 0)]),
    ("version", &[(4, 77)]),
    ("uuid", &[(8, 0)]),
    ("events behind", &[(24, 19)]),
    ("events ahead", &[(26, 1)]),
    ("stale", &[(48, 2)]),
    ("chunk", &[(52, 1)]),
    ("delay", &[(56, 0)]),
    ("all but the bits", &[(0, 1), (4, 9), (10, 7), (31, 9), (54, 3), (61, 9), (100, 1), (200, 1)]),
];

#[test]
fn a_power_cut_leaves_nothing_that_is_believed_too_early_and_running_again_finishes() {
    let mut seen = [0; 2];
    for (name, bytes) in DAMAGE {
        for keep in [false, true] {
            let mut start = file();
            bytes.iter().for_each(|(at, byte)| start[*at] = *byte);
            let (len, before) = (start.len(), believed(&start));
            start.resize(len.next_multiple_of(512), 0xa5);
            let options = options(keep);
            let mut engine = MemEngine::new(vec![start.clone()]);
            let repaired = go(&mut engine, len, &options);
            let (end, log) = (engine.disks.clone(), engine.log.borrow().clone());
            let sound = believed(&end[0]).expect("a bitmap that is believed");
            assert_eq!(sound.len(), if repaired.all_set.is_some() { 9001 } else { 5 }, "{name}");
            assert_eq!(end[0][len..], start[len..], "{name}");
            for image in torn_images(std::slice::from_ref(&start), &log) {
                let now = believed(&image[0]);
                // Either what was believed before, with more bits perhaps, or all of the new one.
                let more = |old: &Vec<u64>, new: &Vec<u64>| old.iter().all(|bit| new.contains(bit));
                let old =
                    before.as_ref().zip(now.as_ref()).is_some_and(|(old, new)| more(old, new));
                assert!(now.is_none() || old || now.as_ref() == Some(&sound), "{name}, {keep}");
                seen[usize::from(image == end)] += 1;
                let mut again = MemEngine::new(image);
                go(&mut again, len, &options);
                assert_eq!(again.disks, end, "{name}, {keep}");
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 20), "{seen:?}");
}
