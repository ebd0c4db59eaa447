//! What the kernel must have said about an array, read from a guest's captures.

use anyhow::{Context, Result, bail, ensure};

use crate::dir::Dir;

/// Everything a guest captured at one moment, and the judgement it made after it.
#[derive(Debug)]
pub(crate) struct Observed {
    mdstat: String,
    dmesg: String,
    array_state: String,
    sync_action: String,
    degraded: String,
    bitmap: String,
    devices: String,
}

/// Part of what every kernel logs when it starts to sync. The word before tells of which kind, and
/// is not the same in all: a recovery is "recovery" in old kernels and "recover" in newer ones.
const SYNC_STARTED: &str = " of RAID array";
const BITMAP_TROUBLE: [&str; 4] =
    ["out of date", "forcing full recovery", "bitmap initialisation failed", "UUID mismatch"];

impl Observed {
    pub(crate) fn load(dir: &Dir, moment: &str) -> Result<Self> {
        let read = |key: &str| dir.out(&format!("{moment}/{key}"));
        Ok(Self {
            mdstat: read("mdstat")?,
            dmesg: read("dmesg")?,
            array_state: read("array_state")?,
            sync_action: read("sync_action")?,
            degraded: read("degraded")?,
            bitmap: read("location")?,
            devices: read("devices")?,
        })
    }

    /// All `members` there and in sync, nothing missing.
    pub(crate) fn complete(&self, members: usize) -> Result<()> {
        self.health(&"U".repeat(members))?;
        ensure!(self.degraded == "0", "degraded: {}", self.degraded);
        ensure!(self.in_sync() == members, "members in sync:\n{}", self.devices);
        ensure!(
            ["clean", "active-idle"].contains(&self.array_state.as_str()),
            "array_state: {}",
            self.array_state
        );
        Ok(())
    }

    /// The health brackets of mdstat, `UU_` for instance.
    pub(crate) fn health(&self, wanted: &str) -> Result<()> {
        let text = format!("[{wanted}]");
        ensure!(self.mdstat.contains(&text), "mdstat does not say {text}:\n{}", self.mdstat);
        Ok(())
    }

    fn in_sync(&self) -> usize {
        self.devices.lines().filter(|line| line.contains("in_sync")).count()
    }

    /// How many devices are attached as spares.
    pub(crate) fn spares(&self) -> usize {
        self.devices.lines().filter(|line| line.contains("spare")).count()
    }

    /// The kernel found nothing to copy.
    pub(crate) fn nothing_synced(&self) -> Result<()> {
        if let Some(line) = self.log_line(&[SYNC_STARTED]) {
            bail!("the kernel started to sync: {line}");
        }
        ensure!(self.sync_action == "idle", "sync_action: {}", self.sync_action);
        Ok(())
    }

    /// The kernel did copy, of the kind named (`resync` or `recovery`).
    pub(crate) fn synced(&self, kind: &str) -> Result<()> {
        let names: &[&str] = if kind == "recovery" { &["recovery", "recover"] } else { &[kind] };
        let lines: Vec<_> = names.iter().map(|name| format!("md: {name}{SYNC_STARTED}")).collect();
        let texts: Vec<_> = lines.iter().map(String::as_str).collect();
        self.log_line(&texts).with_context(|| format!("the kernel log lacks {lines:?}")).map(drop)
    }

    /// The bitmap is in use and the kernel believed it.
    pub(crate) fn bitmap_honoured(&self) -> Result<()> {
        if let Some(line) = self.log_line(&BITMAP_TROUBLE) {
            bail!("the kernel did not trust the bitmap: {line}");
        }
        ensure!(self.bitmap != "none", "the array runs without a bitmap");
        ensure!(self.mdstat.contains("bitmap: "), "no bitmap in mdstat:\n{}", self.mdstat);
        Ok(())
    }

    fn log_line(&self, texts: &[&str]) -> Option<&str> {
        self.dmesg.lines().find(|line| texts.iter().any(|text| line.contains(text)))
    }
}

/// The array's content is `sha256`.
pub(crate) fn content(dir: &Dir, moment: &str, sha256: &str) -> Result<()> {
    let found = dir.out(&format!("{moment}.sha256"))?;
    ensure!(found == sha256, "the array holds {found}, its source held {sha256}");
    Ok(())
}

/// What `check` counted.
pub(crate) fn mismatches(dir: &Dir, moment: &str) -> Result<u64> {
    dir.out(&format!("{moment}.mismatches"))?.parse().context("mismatch_cnt")
}

/// Content as wanted and all members alike.
pub(crate) fn sound(dir: &Dir, moment: &str, sha256: &str) -> Result<()> {
    content(dir, moment, sha256)?;
    let count = mismatches(dir, moment)?;
    ensure!(count == 0, "check found {count} mismatching sectors");
    Ok(())
}
