//! Power cut at every write of a move into the members and out of them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::image::Image;
use super::write::{copies, no_headers, superblocks, take_in};
use super::*;
use crate::edit::crash::images;
use crate::format::bitmap::{NewBitmap, RawBitmapSuper, StateFlags, bits, decode};
use crate::format::md::{
    HostOrder, MdUuid, MdVersion, NewArray, NewMember, Newcomer, ResyncPoint, Role,
};
use crate::io::DevId;
use crate::io::mem::MemEngine;
use crate::units::{Chunks, Events, Slot};

const UUID: [u8; 16] = *b"0123456789abcdef";
const VERSIONS: [MdVersion; 4] =
    [MdVersion::V0_90(HostOrder::Little), MdVersion::V1_0, MdVersion::V1_1, MdVersion::V1_2];
const DIRTY: [u64; 3] = [3, 40, 99];

/// Two members of a mirror that is not clean, and a bitmap file: the third disk.
fn disks(version: MdVersion) -> Vec<Vec<u8>> {
    let size = Sectors::new(100 * 8);
    let mut array = NewArray::mirror(version, MdUuid::from_bytes(UUID), 2, size);
    array.bitmap_offset = None;
    array.bblog = false;
    array.events = Events::new(20);
    array.resync = ResyncPoint::From(Sectors::ZERO);
    if !version.is_at_end() {
        array.data_offset = Sectors::new(64);
    }
    // Room between data and superblock, where that lies behind them.
    let device = Sectors::new(array.least_device().unwrap().get().next_multiple_of(128) + 256);
    let mut disks: Vec<Vec<u8>> = (0..2u16)
        .map(|n| {
            let numbers = (7, u32::from(n));
            let member = NewMember { slot: Slot(n), device, device_uuid: [9; 16], numbers };
            let made = array.member(&member).unwrap();
            let mut disk = vec![0; device.to_bytes().unwrap().to_usize().unwrap()];
            let at = made.view().super_offset.to_bytes().unwrap().to_usize().unwrap();
            disk[at..at + made.raw().len()].copy_from_slice(made.raw());
            disk
        })
        .collect();
    let header = NewBitmap {
        uuid: UUID,
        events: Events::new(20),
        events_cleared: Events::new(18),
        sync_size: size,
        chunk: ChunkSize::from_bytes(4096).unwrap(),
        delay: 5,
        write_behind: 0,
        sectors_reserved: 0,
    };
    let mut file = header.encode().0.to_vec();
    file.resize(512, 0);
    DIRTY.iter().for_each(|bit| {
        let first = Chunks::new(*bit);
        bits::set_run(&mut file[256..], crate::units::ChunkRun { first, count: Chunks::new(1) });
    });
    disks.push(file);
    disks
}

/// The same disks with a spare before the file.
fn with_a_spare(mut disks: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let fresh = members(&mut MemEngine::new(disks.clone())).unwrap().superblocks.remove(0);
    let (device, numbers) = (fresh.device(), (7, 2));
    let device_uuid = [8; 16];
    let new = Newcomer { device, dev_number: 2, device_uuid, write_mostly: false, numbers };
    let made = fresh.for_newcomer(&new).unwrap();
    assert_eq!((made.view().role, made.view().bitmap_at), (Role::Spare, None));
    let mut disk = vec![0; disks[0].len()];
    let at = made.view().super_offset.to_bytes().unwrap().to_usize().unwrap();
    disk[at..at + made.raw().len()].copy_from_slice(made.raw());
    disks.insert(2, disk);
    disks
}

/// For so many disks, the file among them.
fn options(disks: usize) -> ConvertOptions {
    let members = ["a", "b", "spare"][..disks - 1].iter().map(PathBuf::from).collect();
    let file = PathBuf::from("bitmap");
    ConvertOptions { members, file, chunk: None, overwrite: false, dry_run: false }
}

fn members(engine: &mut MemEngine) -> Result<Members> {
    let options = options(engine.disks.len());
    whole(Members::read(engine, &options.members)?)
}

fn go(engine: &mut MemEngine) -> Result<()> {
    let options = options(engine.disks.len());
    let members = members(engine)?;
    let image = Image::plan(engine, &members, &options)?;
    take_in(engine, &members, &image, &options)
}

/// Dirty chunks by the bitmap at `at`; none where it is not valid, all where it is out of date.
fn dirty(disk: &[u8], at: usize) -> Option<Vec<u64>> {
    let value = decode(&disk[at..]).value?;
    assert_eq!((value.uuid, value.chunks().get()), (UUID, 100));
    let stale = value.state.contains(StateFlags::STALE) || value.events.get() < 20;
    let set = |bit: &u64| stale || bits::is_set(&disk[at + 256..], *bit);
    Some((0..100).filter(set).collect())
}

/// What must hold at any moment, whichever superblock a kernel goes by.
fn check(disks: &[Vec<u8>], version: MdVersion) -> usize {
    let mut engine = MemEngine::new(disks.to_vec());
    let members = members(&mut engine).unwrap();
    let mut inside = 0;
    for superblock in &members.superblocks {
        assert!(superblock.is_sound(), "{version:?}");
        assert_eq!(superblock.view().events.get(), 20);
        assert_ne!(superblock.view().resync, ResyncPoint::Clean);
        let Some(at) = superblock.view().bitmap_at else { continue };
        inside += 1;
        // The kernel reads any of the copies.
        for disk in &disks[..2] {
            let at = at.to_bytes().unwrap().to_usize().unwrap();
            assert_eq!(
                dirty(disk, at).expect("a bitmap where one is told of"),
                DIRTY,
                "{version:?}"
            );
        }
    }
    let file = dirty(&disks[2], 0).unwrap();
    let stale = file.len() == 100;
    assert!(stale || file == DIRTY);
    assert!(!stale || inside == 2, "{version:?}: the file was given up too early");
    inside
}

#[test]
fn a_power_cut_on_the_way_in_leaves_one_that_rules_and_running_again_finishes() {
    for version in VERSIONS {
        let start = disks(version);
        let mut engine = MemEngine::new(start.clone());
        go(&mut engine).unwrap();
        let end = engine.disks.clone();
        assert_eq!(check(&end, version), 2);
        let log = engine.log.borrow().clone();
        let (mut tried, mut seen) = (0, [0; 3]);
        for image in images(&start, &log) {
            let inside = check(&image, version);
            seen[inside] += 1;
            tried += 1;
            let mut again = MemEngine::new(image);
            match (inside, go(&mut again)) {
                (2, Err(error)) => assert!(error.what().contains("already"), "{error}"),
                (2, Ok(())) => panic!("it was done"),
                (_, done) => {
                    done.unwrap();
                    assert_eq!(again.disks, end, "{version:?}");
                }
            }
        }
        assert!(seen.iter().all(|seen| *seen > 0), "{version:?}: {seen:?} of {tried}");
    }
}

#[test]
fn a_power_cut_on_the_way_out_leaves_one_that_rules() {
    for version in VERSIONS {
        let file = disks(version).remove(2);
        let mut engine = MemEngine::new(disks(version));
        go(&mut engine).unwrap();
        let mut start = engine.disks.clone();
        // The file that was made first.
        start[2] = file;
        let mut engine = MemEngine::new(start.clone());
        let members = members(&mut engine).unwrap();
        let offset = told_offset(&members).unwrap().unwrap();
        superblocks(&mut engine, &members, None, &options(3)).unwrap();
        no_headers(&mut engine, &copies(&members, offset).unwrap()).unwrap();
        assert_eq!(check(&engine.disks, version), 0);
        let log = engine.log.borrow().clone();
        let mut seen = [0; 3];
        for image in images(&start, &log) {
            seen[check(&image, version)] += 1;
        }
        assert!(seen.iter().all(|seen| *seen > 0), "{version:?}: {seen:?}");
    }
}

/// Members, and the file where there is one, as files.
fn put(dir: &Path, disks: &[Vec<u8>], file: bool) -> ConvertOptions {
    let names = options(disks.len());
    let members = names.members.iter().map(|name| dir.join(name)).collect();
    let there = ConvertOptions { members, file: dir.join(&names.file), ..names };
    for (path, bytes) in there.members.iter().chain([&there.file]).zip(disks) {
        fs::write(path, bytes).unwrap();
    }
    // As it is made: one that others may write to counts for nothing.
    fs::set_permissions(&there.file, Permissions::from_mode(0o600)).unwrap();
    if !file {
        fs::remove_file(&there.file).unwrap();
    }
    there
}

fn get(options: &ConvertOptions) -> Vec<Vec<u8>> {
    let all = options.members.iter().chain([&options.file]);
    all.map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn a_power_cut_on_the_way_out_is_finished_by_running_again() {
    let dir = tempfile::TempDir::new().unwrap();
    let (system, stop) = (System::default(), AtomicBool::new(false));
    for version in VERSIONS {
        let mut engine = MemEngine::new(with_a_spare(disks(version)));
        go(&mut engine).unwrap();
        let inside = put(dir.path(), &engine.disks, false);
        to_file(&inside, &system, &stop).unwrap();
        let end = get(&inside);
        let [a, b, _, file] = &end[..] else { panic!("{} disks", end.len()) };
        assert_eq!(check(&[a.clone(), b.clone(), file.clone()], version), 0);
        let spare = members(&mut MemEngine::new(end.clone())).unwrap().superblocks.remove(2);
        assert_eq!(spare.view().bitmap_at, None, "{version:?}");
        let mut start = engine.disks.clone();
        start[3].clone_from(file);
        let mut engine = MemEngine::new(start.clone());
        let members = members(&mut engine).unwrap();
        let offset = told_offset(&members).unwrap().unwrap();
        superblocks(&mut engine, &members, None, &options(4)).unwrap();
        no_headers(&mut engine, &copies(&members, offset).unwrap()).unwrap();
        let log = engine.log.borrow().clone();
        for image in images(&start, &log) {
            let options = put(dir.path(), &image, true);
            let plan = ConvertOptions { dry_run: true, ..options.clone() };
            let plan = to_file(&plan, &system, &stop).unwrap();
            assert!(get(&options) == image, "{version:?}");
            let report = to_file(&options, &system, &stop).unwrap();
            assert!(report.output.is_none() && report.notes[0].code == "file-there");
            assert!(get(&options) == end, "{version:?}: {:?}", report.steps);
            assert_eq!(plan.steps, report.steps, "{version:?}");
            let again = to_file(&options, &system, &stop).unwrap();
            assert!(again.steps.is_empty(), "{version:?}: {:?}", again.steps);
        }
    }
}

/// An array whose bitmap went out into a file: how it was before, and what to ask for it.
fn moved_out(dir: &Path) -> (MemEngine, ConvertOptions) {
    let mut engine = MemEngine::new(disks(MdVersion::V1_2));
    go(&mut engine).unwrap();
    let start = put(dir, &engine.disks, false);
    to_file(&start, &System::default(), &AtomicBool::new(false)).unwrap();
    (engine, start)
}

#[test]
fn a_file_that_says_it_is_out_of_date_is_told_so() {
    let dir = tempfile::TempDir::new().unwrap();
    let (system, stop) = (System::default(), AtomicBool::new(false));
    let (_, start) = moved_out(dir.path());
    let mut bytes = std::fs::read(&start.file).unwrap();
    let mut raw = RawBitmapSuper::from_prefix(&bytes).unwrap();
    raw.set_state(raw.state().with(StateFlags::STALE));
    bytes[..raw.0.len()].copy_from_slice(&raw.0);
    std::fs::write(&start.file, bytes).unwrap();
    let report = to_file(&start, &system, &stop).unwrap();
    let codes: Vec<_> = report.notes.iter().map(|note| note.code).collect();
    assert_eq!(codes, ["file-there", "name-it", "out-of-date"]);
}

#[test]
fn a_file_that_is_not_what_a_run_left_is_not_taken_for_it() {
    let dir = tempfile::TempDir::new().unwrap();
    let (system, stop) = (System::default(), AtomicBool::new(false));
    let (engine, start) = moved_out(dir.path());
    let end = get(&start);
    // Magic, UUID, events, a bit more, a bit less.
    for at in [0, 9, 24, 256, 256 + 5] {
        let mut disks = engine.disks.clone();
        disks[2].clone_from(&end[2]);
        disks[2][at] ^= 1;
        let options = put(dir.path(), &disks, true);
        let error = to_file(&options, &system, &stop).unwrap_err();
        assert!(error.to_string().contains("--force=overwrite"), "{at}: {error}");
        assert_eq!(get(&options), disks, "{at}");
    }
    // Magic, UUID, events that are behind.
    for (at, change) in [(0, 1), (9, 1), (24, 7)] {
        let mut disks = end.clone();
        disks[2][at] ^= change;
        let options = put(dir.path(), &disks, true);
        let error = to_file(&options, &system, &stop).unwrap_err();
        assert!(error.to_string().contains("no internal bitmap"), "{at}: {error}");
        assert_eq!(get(&options), disks, "{at}");
    }
}

#[test]
fn bits_that_do_not_count_become_all_dirty_and_a_foreign_file_is_refused() {
    let plan = |change: &dyn Fn(&mut [u8])| {
        let mut disks = disks(MdVersion::V1_2);
        change(&mut disks[2]);
        let mut engine = MemEngine::new(disks);
        let members = members(&mut engine)?;
        Image::plan(&mut engine, &members, &options(3))
    };
    let fine = plan(&|_| {}).unwrap();
    assert_eq!((fine.dirty().get(), fine.header.events_cleared().get()), (3, 18));
    for change in [(24, 19), (48, 2)] {
        let image = plan(&|file| file[change.0] = change.1).unwrap();
        assert_eq!((image.dirty().get(), image.header.events_cleared().get()), (100, 20));
        assert!(!image.header.state().contains(StateFlags::STALE));
    }
    for change in [(8, 0), (40, 0), (4, 6), (0, 0)] {
        assert!(plan(&|file| file[change.0] = change.1).is_err(), "{change:?}");
    }
    assert_eq!(DevId(2), DevId(options(3).members.len()));
}
