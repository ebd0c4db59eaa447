//! Bitmaps edited on the host, judged by a kernel: moved between file and members, given other chunks,
//! dumped and restored, repaired. What was dirty is resynced, and nothing else: a chunk spoiled where
//! no bit is set must still differ when the kernel is done.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::case::{self, Accident, CHUNK, Place, Setup};
use crate::expect::Observed;
use crate::lab::Lab;
use crate::uml::Until;
use crate::{Job, filebitmap, guest, images, mdadm, mdbitmap};

/// A chunk that no write of an accident comes near, also where chunks are doubled.
const SPOILED: u64 = 60;

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("edit/out-and-in-again/1.2", || out_and_in_again("1.2")),
        Job::new("edit/out-and-in-again/1.0", || out_and_in_again("1.0")),
        Job::new("edit/into-members/file", file_into_members),
        Job::new("edit/out-of-members/file", out_into_a_file),
    ]
}

fn edit(args: &[&str], members: &[std::path::PathBuf]) -> Result<()> {
    let members: Vec<_> = members.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let all: Vec<&str> = args.iter().copied().chain(members.iter().map(String::as_str)).collect();
    mdbitmap::tell(&all)?.expect(mdbitmap::DONE).map(drop)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}

fn crashed(metadata: &'static str, place: Place) -> Result<Lab> {
    let lab = Lab::new(Setup::new(2, metadata, place))?;
    lab.suffer(Accident::Crash { victim: 1 }, case::LATE_WRITES)?;
    let at = lab.area()?.offset + SPOILED * CHUNK;
    OpenOptions::new().write(true).open(lab.member(1))?.write_all_at(b"spoiled", at)?;
    Ok(lab)
}

/// All that was dirty is equal, and only the chunk that was not is left alone.
fn only_dirty_chunks_were_resynced(lab: &Lab) -> Result<()> {
    let observed = Observed::load(lab, "assembled")?;
    observed.synced("resync")?;
    observed.complete(2)?;
    observed.bitmap_honoured()?;
    let area = |index| mdadm::examine(&lab.member(index)).map(|found| found.area);
    let differing =
        images::differing_chunks((&lab.member(0), area(0)?), (&lab.member(1), area(1)?))?;
    ensure!(differing == [SPOILED], "chunks {differing:?} differ");
    Ok(())
}

/// Assembled by a fresh kernel, which resyncs what it takes for dirty, and stopped.
fn assemble(lab: &Lab, before: &str, bitmap: &str) -> Result<()> {
    let disks = guest::disks(0..2);
    let body = format!(
        "{before}mdadm --assemble /dev/md0 --run {bitmap} {disks}\nidle\n\
         until [ \"$(cat $md/array_state)\" = clean ]; do sleep 0.1; done\ncapture assembled\nstop\n"
    );
    lab.boot("judge", &body, Until::PoweredOff)
}

/// Out of the members into a file, dumped and restored, given chunks twice as large, and in again.
fn out_and_in_again(metadata: &'static str) -> Result<()> {
    let lab = crashed(metadata, Place::Internal)?;
    let path = |name: &str| lab.path(name).to_string_lossy().into_owned();
    let (file, dump, back, coarse) = (path("bitmap"), path("dump"), path("back"), path("coarse"));
    edit(&["convert", "--to", "file", "--bitmap", &file], &lab.members())?;
    let dumped = mdbitmap::tell(&["dump", &file])?.expect(mdbitmap::DONE)?;
    std::fs::write(&dump, dumped.stdout())?;
    edit(&["restore", &dump, &back], &[])?;
    ensure!(std::fs::read(&back)? == std::fs::read(&file)?, "a dump did not come back");
    edit(&["rechunk", &back, "--chunk", "128K", "--output", &coarse], &[])?;
    edit(&["convert", "--to", "internal", "--bitmap", &coarse], &lab.members())?;
    let found = mdadm::examine_internal(&lab.member(1))?;
    ensure!(found.chunk_bytes == 128 << 10, "chunks of {} bytes", found.chunk_bytes);
    assemble(&lab, "", "").context("assembled with the bitmap inside")?;
    only_dirty_chunks_were_resynced(&lab).with_context(|| lab.describe())
}

/// The file that a kernel left when the power failed goes into members that never had a bitmap.
fn file_into_members() -> Result<()> {
    for metadata in ["0.90", "1.2"] {
        let lab = crashed(metadata, Place::File)?;
        lab.with_bitmap_file(|file| {
            let file = text(file.context("no bitmap file")?)?;
            edit(&["convert", "--to", "internal", "--bitmap", file], &lab.members())
        })?;
        assemble(&lab, "", "").with_context(|| metadata.to_owned())?;
        only_dirty_chunks_were_resynced(&lab).with_context(|| lab.describe())?;
    }
    Ok(())
}

/// Out into a file whose header is then damaged and repaired; the kernel takes it.
fn out_into_a_file() -> Result<()> {
    let lab = crashed("1.2", Place::Internal)?;
    let image = lab.path("fs.img");
    filebitmap::with_mounted(&image, &lab.path("fs"), |file| {
        let name = text(file)?;
        edit(&["convert", "--to", "file", "--bitmap", name], &lab.members())?;
        OpenOptions::new().write(true).open(file)?.write_all_at(&[0; 4], 0)?;
        edit(&["repair-header", "--in-place", name], &lab.members())
    })?;
    let mount = format!("mount -t ext4 {} {}\n", guest::disk(2), guest::BITMAP_MOUNT);
    assemble(&lab, &mount, &format!("--bitmap={}", guest::BITMAP_FILE))?;
    only_dirty_chunks_were_resynced(&lab).with_context(|| lab.describe())
}
