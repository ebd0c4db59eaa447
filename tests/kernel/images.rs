//! Member images on the host: patterns, data areas, lost writes, comparison, hashes.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::case::{BLOCK, CHUNK, Extent};

/// Where a member keeps the array's data, in bytes from the image's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DataArea {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// An empty (sparse) image.
pub(crate) fn create(path: &Path, bytes: u64) -> Result<()> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    file.set_len(bytes).with_context(|| format!("size {}", path.display()))
}

/// Bytes without any repetition a resync could profit from; the same for the same seed.
pub(crate) fn write_pattern(path: &Path, bytes: u64, seed: u64) -> Result<()> {
    let mut state = seed;
    let mut data = Vec::with_capacity(bytes as usize);
    while (data.len() as u64) < bytes {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        data.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    std::fs::write(path, data).with_context(|| format!("write {}", path.display()))
}

fn read(path: &Path, offset: u64, len: u64) -> Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut data = vec![0; len as usize];
    file.read_exact_at(&mut data, offset)
        .with_context(|| format!("read {} at {offset}", path.display()))?;
    Ok(data)
}

/// Puts the lost part of `extents` on `victim` back to what `before` has there.
pub(crate) fn lose_writes(
    victim: &Path,
    before: &Path,
    area: DataArea,
    extents: &[Extent],
) -> Result<()> {
    let file = OpenOptions::new().write(true).open(victim);
    let file = file.with_context(|| format!("open {}", victim.display()))?;
    for extent in extents.iter().filter(|extent| extent.lost > 0) {
        let offset = area.offset + extent.start.block(area.len) * BLOCK;
        let old = read(before, offset, extent.lost * BLOCK)?;
        file.write_all_at(&old, offset)
            .with_context(|| format!("write {} at {offset}", victim.display()))?;
    }
    Ok(())
}

/// The bitmap chunks in which two members differ.
pub(crate) fn differing_chunks(a: (&Path, DataArea), b: (&Path, DataArea)) -> Result<Vec<u64>> {
    ensure!(a.1.len == b.1.len, "{} and {}: sizes differ", a.0.display(), b.0.display());
    let left = read(a.0, a.1.offset, a.1.len)?;
    let right = read(b.0, b.1.offset, b.1.len)?;
    let chunks = left.chunks(CHUNK as usize).zip(right.chunks(CHUNK as usize)).zip(0..);
    Ok(chunks.filter(|((l, r), _)| l != r).map(|(_, number)| number).collect())
}

pub(crate) fn data_sha256(path: &Path, area: DataArea) -> Result<String> {
    sha256(&read(path, area.offset, area.len)?)
}

pub(crate) fn file_sha256(path: &Path) -> Result<String> {
    sha256(&std::fs::read(path).with_context(|| format!("read {}", path.display()))?)
}

/// The same program as inside the guests computes it; no crate is needed for a hash in a test.
pub(crate) fn sha256(data: &[u8]) -> Result<String> {
    let mut command = Command::new("sha256sum");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("sha256sum: no pipe")?.write_all(data)?;
    let output = child.wait_with_output().context("run sha256sum")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().next().map(str::to_owned).context("sha256sum said nothing")
}
