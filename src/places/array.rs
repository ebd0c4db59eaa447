//! The array that somebody names: stopped, by its members, or running, by its device.
//!
//! Superblocks are read past the page cache and nothing is claimed, for a running array holds its
//! members.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::array::geometry::Geometry;
use crate::array::{Assembly, Candidate, assemble};
use crate::error::{Error, Result};
use crate::format::md::{SuperView, Superblock};
use crate::guard::{System, superblock_on_disk};
use crate::running::{self, Array, Member, bitmap_source};
use crate::store::BitmapAtRest;
use crate::units::{ChunkRun, ChunkSize, Slot};

/// An array, as far as its superblocks tell.
#[derive(Debug)]
pub(super) struct Subject {
    /// Its members, in the order given.
    pub(super) paths: Vec<PathBuf>,
    superblocks: Vec<Superblock>,
    pub(super) assembly: Assembly,
    pub(super) geometry: Geometry,
    /// The array itself, where it runs.
    pub(super) running: Option<Array>,
    bitmap: Option<PathBuf>,
}

impl Subject {
    /// Looks at a running array, or at members.
    ///
    /// # Errors
    /// They are no array, or one whose places cannot be told.
    pub(super) fn find(paths: &[PathBuf], bitmap: Option<&Path>, system: &System) -> Result<Self> {
        let running = running_one(paths, system)?;
        let paths = match &running {
            Some(array) => nodes(array, system),
            None => paths.to_vec(),
        };
        let superblocks = paths.iter().map(|path| superblock(path)).collect::<Result<Vec<_>>>()?;
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let both = names.iter().zip(&superblocks);
        let candidates: Vec<_> =
            both.map(|(name, superblock)| Candidate { name, superblock }).collect();
        let assembly = assemble(&candidates)?;
        let freshest = &candidates[assembly.freshest];
        let geometry = Geometry::of(freshest.superblock.view())
            .map_err(|why| Error::refused(why).at_path(freshest.name))?;
        let bitmap = bitmap.map(Path::to_path_buf);
        Ok(Self { paths, superblocks, assembly, geometry, running, bitmap })
    }

    /// What the member that speaks for the array says.
    pub(super) fn view(&self) -> &SuperView {
        self.superblocks[self.assembly.freshest].view()
    }

    /// What the member at `index` says.
    pub(super) fn view_of(&self, index: usize) -> &SuperView {
        self.superblocks[index].view()
    }

    /// The current member in `slot`, by its index.
    pub(super) fn current_in(&self, slot: Slot) -> Option<usize> {
        let current = self.assembly.current();
        current.iter().find(|member| member.slot == Some(slot)).map(|member| member.index)
    }

    /// The bitmap, if there is one that can be looked at.
    pub(super) fn bitmap(&self, system: &System) -> Result<Option<BitmapAtRest>> {
        let internal = || {
            let has = self.view().bitmap_at.is_some();
            has.then(|| self.paths[self.assembly.freshest].clone())
        };
        let path = match (&self.bitmap, &self.running) {
            (Some(path), _) => Some(path.clone()),
            (None, Some(array)) => bitmap_source(array, system).ok(),
            (None, None) => internal(),
        };
        path.map(|path| BitmapAtRest::open(&path, &AtomicBool::new(false))).transpose()
    }

    /// What a bit of the bitmap stands for, if there is one.
    pub(super) fn chunk(&self, system: &System) -> Result<Option<ChunkSize>> {
        let bitmap = self.bitmap(system)?;
        Ok(bitmap.and_then(|bitmap| bitmap.report().coverage).map(|coverage| coverage.chunk))
    }

    /// The runs of dirty chunks, and what a chunk is; at most `most` of them.
    ///
    /// # Errors
    /// There is no bitmap, or it says nothing that could be relied on.
    pub(super) fn dirty(&self, system: &System, most: usize) -> Result<(ChunkSize, Vec<ChunkRun>)> {
        let none = || {
            Error::refused("the array has no bitmap that tells what is dirty")
                .hint("give --bitmap PATH if it is in a file, or --range or --ranges")
        };
        let bitmap = self.bitmap(system)?.ok_or_else(none)?;
        let report = bitmap.report();
        let theirs = report.raw.as_ref().map(|raw| raw.uuid());
        let coverage = report.coverage.filter(|_| theirs == Some(self.view().uuid.bytes()));
        let coverage = coverage.filter(|_| !report.is_stale()).ok_or_else(|| {
            let what = "its bitmap is not this array's, out of date or damaged";
            Error::refused(what).at_path(&report.path).hint("`mdbitmap examine` says why")
        })?;
        let (mut runs, mut all) = (Vec::new(), 0_usize);
        bitmap.dirty_runs(&AtomicBool::new(false), &mut |run| {
            all += 1;
            if runs.len() < most {
                runs.push(run);
            }
        })?;
        match all > most {
            true => {
                Err(Error::refused(format!("{all} runs of chunks are dirty: too many to ask for"))
                    .hint("ask for a part with --range"))
            }
            false => Ok((coverage.chunk, runs)),
        }
    }
}

/// The running array that a single path names, if it names one.
fn running_one(paths: &[PathBuf], system: &System) -> Result<Option<Array>> {
    let [path] = paths else { return Ok(None) };
    match running::find(path, system) {
        Ok(name) => running::look(&name, system),
        // Then it is to be a member.
        Err(_) if path.exists() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Those that have not failed: of such a device nothing may be left.
fn nodes(array: &Array, system: &System) -> Vec<PathBuf> {
    let sound = |member: &&Member| !member.states.iter().any(|state| state == "faulty");
    array.members.iter().filter(sound).map(|member| system.node(&member.name)).collect()
}

fn superblock(path: &Path) -> Result<Superblock> {
    superblock_on_disk(path)?.filter(Superblock::is_sound).ok_or_else(|| {
        Error::damaged("no sound md superblock: not a member of an array").at_path(path)
    })
}
