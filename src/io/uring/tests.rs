//! What the io_uring engine promises beyond the contract of all engines.
#![expect(clippy::cast_possible_truncation, reason = "small numbers")]

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use nix::libc::EBADF;

use super::*;
use crate::io::{Buf, conformance, flush};

mod registered;

/// Says so, and gives `None`, where the kernel has no io_uring for us.
fn probe(depth: usize) -> Option<UringProbe> {
    match UringProbe::new(depth) {
        Ok(probe) => Some(probe),
        Err(error) => {
            let forbidden = std::env::var_os("MDBITMAP_NO_SKIP").is_some_and(|value| value == "1");
            assert!(!forbidden, "no io_uring: {error}, and skipping is forbidden");
            eprintln!("skipped: io_uring: {error}");
            None
        }
    }
}

fn file(size: u64) -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(size).unwrap();
    file
}

fn engine(depth: usize, files: &[&File]) -> Option<UringEngine> {
    engine_by(512, depth, files)
}

/// An engine whose transfers have to be multiples of `align`: of 1 where they pass the page cache.
fn engine_by(align: u64, depth: usize, files: &[&File]) -> Option<UringEngine> {
    let device = |file: &&File| Device::new(file.try_clone().unwrap(), "disk", align).unwrap();
    Some(UringEngine::new(probe(depth)?, files.iter().map(device).collect()))
}

fn op(tag: u64, dev: usize, kind: OpKind, offset: u64, len: usize) -> Op {
    Op { tag, dev: DevId(dev), kind, offset: Bytes::new(offset), buf: Buf::zeroed(len) }
}

fn filled(tag: u64, dev: usize, offset: u64, len: usize, with: u8) -> Op {
    let mut op = op(tag, dev, OpKind::Write, offset, len);
    op.buf.bytes_mut().fill(with);
    op
}

#[test]
fn keeps_it_where_a_device_fails() {
    if probe(4).is_none() {
        return;
    }
    conformance::failing(&|size| {
        let devices = conformance::one_read_only(size);
        Box::new(UringEngine::new(UringProbe::new(4).unwrap(), devices))
    });
}

#[test]
fn keeps_the_engine_contract() {
    for depth in [1, 3, 64] {
        if probe(depth).is_none() {
            return;
        }
        conformance::all(&|size| Box::new(engine(depth, &[&file(size as u64)]).unwrap()));
    }
}

#[test]
fn keeps_the_engine_contract_where_copies_are_left_to_other_threads() {
    for depth in [1, 64] {
        if probe(depth).is_none() {
            return;
        }
        conformance::all(&|size| Box::new(engine_by(1, depth, &[&file(size as u64)]).unwrap()));
    }
}

#[test]
fn a_dropped_engine_has_carried_out_what_it_took() {
    for align in [1, 512] {
        let file = file(64 << 20);
        let Some(mut engine) = engine_by(align, 64, &[&file]) else { return };
        for tag in 0..64 {
            engine.submit(filled(tag, 0, tag << 20, 1 << 20, tag as u8 + 1)).unwrap();
        }
        drop(engine);
        let mut part = vec![0; 1 << 20];
        for tag in 0..64 {
            file.read_exact_at(&mut part, tag << 20).unwrap();
            assert!(part.iter().all(|b| *b == tag as u8 + 1), "MiB {tag}");
        }
    }
}

#[test]
fn long_copies_and_no_others_are_left_to_other_threads() {
    let file = file(1 << 20);
    for (align, kind, len, aside) in [
        (1, OpKind::Read, LONG, true),
        (1, OpKind::Write, LONG, true),
        (1, OpKind::Read, LONG - 1, false),
        (512, OpKind::Write, LONG, false),
        (1, OpKind::Flush, 0, false),
    ] {
        let Some(mut engine) = engine_by(align, 1, &[&file]) else { return };
        engine.submit(op(1, 0, kind, 0, len)).unwrap();
        assert_eq!(engine.pending[0].unwrap().aside, aside, "{align} {kind:?} {len}");
        engine.wait().unwrap().result.unwrap();
    }
}

#[test]
fn where_no_other_thread_can_be_had_it_is_asked_without() {
    let mut pending = Pending { aside: true, ..pending(OpKind::Write) };
    assert!(progress(&mut pending, -ECANCELED, 4096).is_none());
    assert!(!pending.aside && pending.moved == 0);
    progress(&mut pending, -ECANCELED, 4096).unwrap().unwrap_err();
}

#[test]
fn a_dropped_engine_waits_for_reads_that_hang() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let Some(probe) = probe(2) else { return };
    let file = File::from(std::os::fd::OwnedFd::from(reader));
    let mut ring = probe.ring;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
    let what = Transfer { kind: OpKind::Read, fd, offset: 0, from: 0, fixed: true, aside: false };
    ring.start(0, what, Buf::zeroed(4096)).unwrap();
    let late = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        std::io::Write::write_all(&mut writer, &[1; 4096]).unwrap();
    });
    let before = std::time::Instant::now();
    drop(ring);
    assert!(before.elapsed().as_millis() > 100, "the ring was gone before its read ended");
    late.join().unwrap();
}

#[test]
fn many_devices_are_kept_apart() {
    let files: Vec<_> = (0..40).map(|_| file(4096)).collect();
    let Some(mut engine) = engine(64, &files.iter().collect::<Vec<_>>()) else { return };
    for dev in 0..40 {
        engine.submit(filled(dev as u64, dev, 512, 1024, dev as u8 + 1)).unwrap();
    }
    while let Some(done) = engine.wait() {
        done.result.unwrap();
    }
    for (dev, file) in files.iter().enumerate() {
        flush(&mut engine, DevId(dev)).unwrap();
        let mut all = [0; 4096];
        file.read_exact_at(&mut all, 0).unwrap();
        assert!(all[512..1536].iter().all(|b| *b == dev as u8 + 1));
        assert!(all[..512].iter().chain(&all[1536..]).all(|b| *b == 0));
    }
}

#[test]
fn what_the_kernel_refuses_arrives_as_a_completion() {
    let named = tempfile::NamedTempFile::new().unwrap();
    named.as_file().set_len(4096).unwrap();
    let reader = File::open(named.path()).unwrap();
    let Some(mut engine) = engine(4, &[&reader]) else { return };
    engine.submit(filled(5, 0, 0, 512, 1)).unwrap();
    let done = engine.wait().unwrap();
    assert_eq!(done.result.unwrap_err().raw_os_error(), Some(EBADF));
    assert_eq!((done.tag, done.buf.len()), (5, 512));
    assert!(done.buf.bytes().iter().all(|b| *b == 1));
}

#[test]
fn a_file_that_shrank_ends_a_read_with_an_error() {
    let file = file(8192);
    let Some(mut engine) = engine(4, &[&file]) else { return };
    file.set_len(5000).unwrap();
    engine.submit(op(1, 0, OpKind::Read, 4096, 4096)).unwrap();
    assert_eq!(engine.wait().unwrap().result.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    engine.submit(op(2, 0, OpKind::Read, 0, 4096)).unwrap();
    engine.wait().unwrap().result.unwrap();
}

fn pending(kind: OpKind) -> Pending {
    Pending {
        tag: 1,
        dev: DevId(0),
        kind,
        offset: 0,
        moved: 0,
        tries: 0,
        fixed: false,
        aside: false,
    }
}

#[test]
fn transfers_that_are_cut_short_go_on_where_they_stopped() {
    let mut pending = pending(OpKind::Write);
    assert!(progress(&mut pending, 1000, 4096).is_none());
    assert!(progress(&mut pending, -EINTR, 4096).is_none());
    assert!(progress(&mut pending, -EAGAIN, 4096).is_none());
    assert_eq!(pending.moved, 1000);
    progress(&mut pending, 3096, 4096).unwrap().unwrap();
    pending.moved = 1000;
    progress(&mut pending, 0, 4096).unwrap().unwrap_err();
    pending.tries = TRIES;
    progress(&mut pending, -EAGAIN, 4096).unwrap().unwrap_err();
}

#[test]
fn a_broken_ring_fails_what_is_under_way_and_frees_nothing() {
    let file = file(8192);
    let Some(mut engine) = engine(4, &[&file]) else { return };
    engine.submit(filled(1, 0, 0, 512, 1)).unwrap();
    engine.submit(op(2, 0, OpKind::Read, 512, 1024)).unwrap();
    engine.fail_all(&ErrorKind::Other.into());
    let ended: Vec<_> = std::iter::from_fn(|| engine.wait()).collect();
    assert_eq!(
        ended.iter().map(|e| (e.tag, e.buf.len())).collect::<Vec<_>>(),
        [(1, 512), (2, 1024)]
    );
    assert!(ended.iter().all(|ended| ended.result.is_err()));
    // What the kernel was not told of yet it is not told of any more.
    assert!(engine.poll().is_none());
    drop(engine);
    let mut bytes = [1; 512];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert_eq!(bytes, [0; 512]);
}

/// A generator of numbers that is the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

/// Writes anywhere, several at a time, never two that overlap at once; reads must see the model.
#[test]
fn a_long_random_workload_gives_what_a_model_gives() {
    const BLOCKS: u64 = 2048;
    let files = [file(BLOCKS * 512), file(BLOCKS * 512)];
    let Some(mut engine) = engine(16, &[&files[0], &files[1]]) else { return };
    let mut model = vec![vec![0_u8; BLOCKS as usize * 512]; 2];
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..400_u64 {
        // Each operation of a round has an eighth of the device to itself.
        let mut reads = Vec::new();
        for part in 0..16_u64 {
            let (dev, lane) = ((part % 2) as usize, part / 2 * (BLOCKS / 8));
            let first = lane + dice.below(BLOCKS / 8);
            let count = 1 + dice.below(lane + BLOCKS / 8 - first);
            let (at, len) = ((first * 512) as usize, (count * 512) as usize);
            if dice.below(3) == 0 {
                engine.submit(op(reads.len() as u64, dev, OpKind::Read, at as u64, len)).unwrap();
                reads.push((dev, at));
            } else {
                let value = (round * 16 + part) as u8;
                engine.submit(filled(u64::MAX, dev, at as u64, len, value)).unwrap();
                model[dev][at..at + len].fill(value);
            }
        }
        while let Some(done) = engine.wait() {
            done.result.unwrap();
            let Some((dev, at)) = reads.get(done.tag as usize) else { continue };
            assert_eq!(done.buf.bytes(), &model[*dev][*at..*at + done.buf.len()], "round {round}");
        }
    }
    for (file, model) in files.iter().zip(&model) {
        let mut all = vec![0; model.len()];
        file.read_exact_at(&mut all, 0).unwrap();
        assert_eq!(&all, model);
    }
}

/// Where a lock outlived the engine, the next command on the same members would be refused.
#[test]
fn locks_are_gone_with_the_engine() {
    let named = tempfile::NamedTempFile::new().unwrap();
    named.as_file().set_len(1 << 20).unwrap();
    for _ in 0..200 {
        let file = File::options().read(true).write(true).open(named.path()).unwrap();
        file.try_lock().unwrap();
        let Some(probe) = probe(8) else { return };
        let mut engine = UringEngine::new(probe, vec![Device::new(file, "disk", 512).unwrap()]);
        (0..8).for_each(|n| engine.submit(filled(n, 0, n * 4096, 4096, 1)).unwrap());
        engine.wait().unwrap().result.unwrap();
    }
    let status = Command::new("flock").arg("--nonblock").arg(named.path()).arg("true").status();
    assert!(status.map_or(true, |status| status.success()));
}
