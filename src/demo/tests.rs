//! Practice arrays as the rest of the library reads them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::*;
use crate::error::Kind;
use crate::format::bitmap::{self, BitScanner};
use crate::format::md::{HostOrder, MdVersion, ResyncPoint, Role, Superblock, candidates};
use crate::format::{Probe, finding};
use crate::units::{Bytes, SECTOR_BYTES};

const VERSIONS: [MdVersion; 5] = [
    MdVersion::V0_90(HostOrder::Little),
    MdVersion::V0_90(HostOrder::Big),
    MdVersion::V1_0,
    MdVersion::V1_1,
    MdVersion::V1_2,
];

fn options(dir: &Path) -> DemoOptions {
    let uuid = "01234567:89abcdef:fedcba98:76543210".parse().unwrap();
    let size = Bytes::new(16 << 20);
    DemoOptions { size, made: 1_700_000_000, ..DemoOptions::new(dir, uuid) }
}

/// The only superblock in an image.
fn superblock(image: &[u8]) -> Superblock {
    let device = Bytes::from(image.len()).to_sectors_floor();
    let found = candidates(device).into_iter().filter_map(|(version, at)| {
        let bytes = &image[at.to_bytes().unwrap().to_usize().unwrap()..];
        match Superblock::decode(version, at, bytes, device) {
            Probe::Found(sb) => Some(sb),
            _ => None,
        }
    });
    let found: Vec<_> = found.collect();
    assert_eq!(found.len(), 1);
    found.into_iter().next().unwrap()
}

fn bytes_at(sectors: Sectors) -> usize {
    sectors.to_bytes().unwrap().to_usize().unwrap()
}

#[test]
fn every_member_says_that_the_power_failed() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let practice = make(&DemoOptions { version, ..options(dir.path()) }).unwrap();
        assert_eq!(practice.members.len(), 3);
        for (slot, path) in (0..).map(Slot).zip(&practice.members) {
            let sb = superblock(&fs::read(path).unwrap());
            assert_eq!(sb.findings(), [], "{version:?}");
            assert_eq!(sb.view().version, version);
            assert_eq!(sb.view().role, Role::Active(slot));
            assert_eq!(sb.view().resync, ResyncPoint::From(Sectors::ZERO));
            assert_eq!(sb.view().bitmap_at, Some(practice.bitmap_at));
        }
    }
}

#[test]
fn every_member_has_the_bitmap_with_the_dirty_chunks() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let practice = make(&DemoOptions { version, ..options(dir.path()) }).unwrap();
        for path in &practice.members {
            let image = fs::read(path).unwrap();
            let decoded = bitmap::decode(&image[bytes_at(practice.bitmap_at)..]);
            assert!(!finding::any_error(&decoded.findings), "{:?}", decoded.findings);
            let head = decoded.value.unwrap();
            assert_eq!(head.chunks(), practice.chunks());
            assert_eq!(head.events, superblock(&image).view().events);
            let mut scanner = BitScanner::new(head.chunks());
            let mut runs = Vec::new();
            scanner.feed(&image[bytes_at(practice.bitmap_at) + 256..], |run| runs.push(run));
            runs.extend(scanner.finish());
            assert_eq!(runs, practice.dirty, "{version:?}");
        }
    }
}

#[test]
fn members_differ_where_writes_were_lost_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let practice = make(&options(dir.path())).unwrap();
    let sectors = |ranges: &[SectorRange]| -> BTreeSet<u64> {
        ranges.iter().flat_map(|r| r.start.get()..r.end().get()).collect()
    };
    let differences = practice.differences().unwrap();
    assert_eq!(sectors(&differences), sectors(&practice.lost));
    let dirty: Vec<_> =
        practice.dirty.iter().map(|run| run.sectors(practice.chunk, practice.size)).collect();
    assert!(sectors(&practice.lost).is_subset(&sectors(&dirty)));
    // Dirty says "perhaps": there are dirty chunks in which nothing was lost.
    assert!(practice.dirty.iter().any(|run| {
        let range = run.sectors(practice.chunk, practice.size);
        practice.lost.iter().all(|lost| !lost.overlaps(&range))
    }));
    // A slow look, sector by sector, by nobody's code.
    let images: Vec<_> = practice.members.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(images[0][1 << 20..] == images[1][1 << 20..]);
    let sector = |image: &[u8], n: u64| {
        let at = bytes_at(practice.data_offset) + usize::try_from(n * SECTOR_BYTES).unwrap();
        image[at..at + 512].to_vec()
    };
    let slow =
        (0..practice.size.get()).filter(|n| sector(&images[0], *n) != sector(&images[2], *n));
    assert_eq!(slow.collect::<BTreeSet<_>>(), sectors(&practice.lost));
}

#[test]
fn the_same_options_make_the_same_bytes_and_another_seed_others() {
    let dir = tempfile::tempdir().unwrap();
    let image = |name: &str, seed| {
        let practice = make(&DemoOptions { seed, ..options(&dir.path().join(name)) }).unwrap();
        fs::read(&practice.members[2]).unwrap()
    };
    assert!(image("a", 1) == image("b", 1));
    assert!(image("c", 1) != image("d", 2));
}

#[test]
fn even_the_smallest_and_oddest_arrays_lose_something() {
    let table = [(12, 1), (13, 1), (768, 64), (1000, 64), (100_000, 1 << 11), (7_000, 4)];
    for (kib, chunk_kib) in table {
        let dir = tempfile::tempdir().unwrap();
        let chunk = ChunkSize::from_bytes(chunk_kib << 10);
        let size = Bytes::new(kib << 10);
        let practice = make(&DemoOptions { size, chunk, ..options(dir.path()) }).unwrap();
        assert!(!practice.differences().unwrap().is_empty(), "{kib} KiB");
        assert_eq!(practice.dirty.last().unwrap().end(), practice.chunks());
        let apart = practice.dirty.windows(2).all(|two| two[0].end() < two[1].first);
        assert!(apart, "{:?}", practice.dirty);
    }
}

#[test]
fn a_large_array_takes_little_room() {
    let dir = tempfile::tempdir().unwrap();
    let practice = make(&DemoOptions { size: Bytes::new(1 << 40), ..options(dir.path()) }).unwrap();
    assert!(practice.chunk.bytes() > 64 << 10);
    let used: u64 = practice.members.iter().map(|p| fs::metadata(p).unwrap().blocks() * 512).sum();
    assert!(used < 32 << 20, "{used} bytes");
    assert!(!practice.differences().unwrap().is_empty());
}

#[test]
fn what_exists_is_not_touched_unless_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("precious");
    let link = dir.path().join("member7.img");
    fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let options = options(dir.path());
    assert_eq!(make(&options).unwrap_err().kind(), Kind::Refused);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    make(&DemoOptions { overwrite: true, members: 8, ..options }).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn impossible_wishes_are_refused_before_a_file_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let base = options(&dir.path().join("never"));
    let chunk = ChunkSize::from_bytes(2 << 20);
    let wishes = [
        DemoOptions { level: 5, ..base.clone() },
        DemoOptions { members: 1, ..base.clone() },
        DemoOptions { members: 9, ..base.clone() },
        DemoOptions { size: Bytes::new((16 << 20) + 512), ..base.clone() },
        DemoOptions { chunk, ..base.clone() },
        DemoOptions {
            chunk: ChunkSize::from_bytes(512),
            size: Bytes::new(1 << 40),
            ..base.clone()
        },
        DemoOptions { size: Bytes::new(u64::MAX - 1023), ..base.clone() },
        DemoOptions { size: Bytes::ZERO, ..base },
    ];
    for wish in wishes {
        assert_eq!(make(&wish).unwrap_err().kind(), Kind::Usage, "{wish:?}");
    }
    assert!(!dir.path().join("never").exists());
}

#[test]
fn a_member_is_written_to_the_file_that_was_made_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (options, precious) = (options(dir.path()), dir.path().join("precious"));
    fs::write(&precious, "precious").unwrap();
    let claimed = files::claim(dir.path(), options.members, false).unwrap();
    for member in &claimed {
        fs::remove_file(&member.path).unwrap();
        std::os::unix::fs::symlink(&precious, &member.path).unwrap();
    }
    let array = options.array().unwrap();
    let chunk = options.chunk_for(&array).unwrap();
    let scene = scene::Scene::new(&options, chunk);
    members::write_all(&options, &array, chunk, &scene, &claimed).unwrap();
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    files::discard(&claimed);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
