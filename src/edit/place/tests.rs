//! Bits changed in copies in memory, and power cut at every write.

use super::*;
use crate::edit::crash::{images, torn_images};
use crate::format::bitmap::{NewBitmap, decode};
use crate::io::DevId;
use crate::io::mem::{Event, MemEngine};
use crate::units::{ChunkSize, Events, Sectors};

const CHUNKS: u64 = 8 * 65536 * 2 + 100;

fn disk(dirty: &[(u64, u64)]) -> Vec<u8> {
    let header = NewBitmap {
        uuid: [7; 16],
        events: Events::new(20),
        events_cleared: Events::new(9),
        sync_size: Sectors::new(CHUNKS * 8),
        chunk: ChunkSize::from_bytes(4096).unwrap(),
        delay: 5,
        write_behind: 0,
        sectors_reserved: 0,
    };
    let mut disk = header.encode().0.to_vec();
    disk.resize((256 + usize::try_from(CHUNKS.div_ceil(8)).unwrap()).next_multiple_of(512), 0);
    for (first, end) in dirty {
        bits::set_run(&mut disk[256..], run(*first, *end));
    }
    disk
}

fn run(first: u64, end: u64) -> ChunkRun {
    ChunkRun::between(Chunks::new(first), Chunks::new(end))
}

fn target(disk: &[u8]) -> Target {
    let decoded = decode(disk);
    let copies = (0..2).map(|n| Copy { dev: DevId(n), at: Bytes::ZERO }).collect();
    let value = decoded.value.unwrap();
    Target { copies, value, members: None, doubt: None }
}

#[test]
fn bits_change_in_every_copy_and_no_others() {
    let start = disk(&[(3, 9), (600_000, 700_000)]);
    let target = target(&start);
    let runs = [run(5, 7), run(524_280, 524_300), run(650_000, CHUNKS)];
    for change in [Change::Set, Change::Clear] {
        let mut engine = MemEngine::new(vec![start.clone(), start.clone()]);
        let within = count(&mut engine, &target, &runs).unwrap();
        assert_eq!(within, 2 + 50_000);
        apply(&mut engine, &target, &runs, change).unwrap();
        for copy in &engine.disks {
            for bit in (0..CHUNKS).filter(|bit| bit % 7 == 0 || *bit < 20 || *bit > CHUNKS - 9) {
                let inside = runs.iter().any(|run| run.first.get() <= bit && bit < run.end().get());
                let wanted =
                    if inside { change == Change::Set } else { bits::is_set(&start[256..], bit) };
                assert_eq!(bits::is_set(&copy[256..], bit), wanted, "{change:?} {bit}");
            }
        }
        let dirty = count(&mut engine, &target, &all(&target)).unwrap();
        let all: u64 = runs.iter().map(|run| run.count.get()).sum();
        let before = 6 + 100_000;
        assert_eq!(
            dirty,
            if change == Change::Set { before + all - within } else { before - within }
        );
    }
}

#[test]
fn a_power_cut_leaves_bits_between_before_and_after_and_running_again_goes_on() {
    let start = disk(&[(3, 9), (524_000, 700_000)]);
    let target = target(&start);
    let runs = [run(5, 20), run(523_900, 524_300), run(690_000, 710_000)];
    for change in [Change::Set, Change::Clear] {
        let mut engine = MemEngine::new(vec![start.clone(), start.clone()]);
        apply(&mut engine, &target, &runs, change).unwrap();
        let end = engine.disks.clone();
        let log = engine.log.borrow().clone();
        let mut tried = 0;
        for image in images(&[start.clone(), start.clone()], &log) {
            for copy in &image {
                let value = decode(copy).value.expect("a valid header at any moment");
                let cleared =
                    copy[256..].iter().zip(&start[256..]).any(|(now, was)| was & !now != 0);
                assert!(
                    !cleared || value.events_cleared.get() == 20,
                    "{change:?}: bits went first"
                );
                let between = |n: usize| {
                    let (old, new, now) = (start[n], end[0][n], copy[n]);
                    now & !(old | new) == 0 && (old & new) & !now == 0
                };
                assert!((256..copy.len()).all(between), "{change:?}");
            }
            let mut again = MemEngine::new(image);
            apply(&mut again, &target, &runs, change).unwrap();
            assert_eq!(again.disks, end, "{change:?}");
            tried += 1;
        }
        assert!(tried > 10, "{tried} images");
    }
}

#[test]
fn a_power_cut_leaves_the_old_uuid_or_the_new_one_and_running_again_gives_it() {
    let start = disk(&[(3, 9), (524_000, 700_000)]);
    let target = Target { copies: target(&start).copies[..1].to_vec(), ..target(&start) };
    let uuid = MdUuid::from_bytes(*b"fedcba9876543210");
    let mut engine = MemEngine::new(vec![start.clone()]);
    give(&mut engine, &target, uuid).unwrap();
    let end = engine.disks.clone();
    let log = engine.log.borrow().clone();
    let mut seen = [0; 2];
    for image in torn_images(std::slice::from_ref(&start), &log) {
        let value = decode(&image[0]).value.expect("a valid header at any moment");
        let given = value.uuid == uuid.bytes();
        assert!(given || value.uuid == [7; 16]);
        assert_eq!(image[0], if given { end[0].clone() } else { start.clone() });
        seen[usize::from(given)] += 1;
        let mut again = MemEngine::new(image);
        give(&mut again, &target, uuid).unwrap();
        assert_eq!(again.disks, end);
        let flushed = matches!(again.log.borrow().last(), Some(Event::Flush(_)));
        assert!(flushed, "what an earlier run wrote may not be stable");
    }
    assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
}
