//! A file or member as `examine` sees it, to the last line of its report.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::disks::Disk;
use super::draw::Draw;
use crate::format::md::candidates;
use crate::guard::signature::{Windows, identify};
use crate::output::examine::{json, map::Map, text};
use crate::store::BitmapAtRest;
use crate::units::{Bytes, Sectors};

/// More would take a fuzzer long, not the program wrong.
const MOST: u64 = 1 << 40;

/// An image: whether its superblocks are to be mended, its size, pieces of it.
pub(super) fn image(bytes: &[u8]) {
    let mut draw = Draw::new(bytes);
    let mends = draw.flag();
    let mut disk = Disk::drawn(&mut draw, MOST);
    if mends {
        mend(&mut disk);
    }
    signature(&disk);
    let Ok((_file, path)) = laid(&disk) else { return };
    let stop = AtomicBool::new(false);
    let Ok(opened) = BitmapAtRest::open(&path, &stop) else { return };
    written(text::report(&mut io::sink(), opened.report()));
    runs(&opened, &stop);
    written(json::write(&mut io::sink(), &[opened], true, &stop));
}

/// The runs are what was counted, and can be shown.
fn runs(opened: &BitmapAtRest, stop: &AtomicBool) {
    let report = opened.report();
    let (Some(coverage), Some(survey)) = (report.coverage, &report.survey) else { return };
    assert_eq!(survey.total, coverage.chunks());
    assert!(survey.dirty <= survey.total);
    let (mut sum, mut map) = (0, Map::new(survey.total, 64));
    let told = opened.dirty_runs(stop, &mut |run| {
        sum += run.count.get();
        map.add(run);
        written(text::range(&mut io::sink(), coverage, run));
    });
    if let Err(error) = told {
        panic!("nobody asked to stop: {error}");
    }
    written(map.draw(&mut io::sink(), true));
    assert_eq!(sum, survey.dirty.get(), "the runs are not what was counted");
}

/// What takes everything fails nobody.
fn written(result: io::Result<()>) {
    if let Err(error) = result {
        panic!("cannot be written: {error}");
    }
}

/// Gives every superblock that there is the checksum it should have.
pub(super) fn mend(disk: &mut Disk) {
    for (version, at) in candidates(Sectors::new(disk.size / 512)) {
        let mut raw = disk.get(at.get() * 512, 4096);
        let magic = raw.starts_with(&crate::format::md::MAGIC.to_le_bytes())
            || raw.starts_with(&crate::format::md::MAGIC.to_be_bytes());
        if magic {
            super::supers::mend(version, at, &mut raw);
            disk.put(at.get() * 512, &raw);
        }
    }
}

fn signature(disk: &Disk) {
    let read = |at: Bytes, len: usize| Ok(disk.get(at.get(), len));
    if let Ok(windows) = Windows::with(Bytes::new(disk.size), read) {
        let _ = identify(&windows);
    }
}

/// The image in a file that goes away with its descriptor, and a path to it.
fn laid(disk: &Disk) -> io::Result<(File, PathBuf)> {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let nameless = nix::libc::O_TMPFILE;
    let file = OpenOptions::new().read(true).write(true).custom_flags(nameless).open(dir)?;
    file.set_len(disk.size)?;
    for (at, bytes) in disk.pieces() {
        file.write_all_at(bytes, at)?;
    }
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    Ok((file, PathBuf::from(format!("/proc/self/fd/{number}"))))
}
