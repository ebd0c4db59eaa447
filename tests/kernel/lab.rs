//! One trial's directory: its images, its guests, what they left behind, and the accidents.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::case::{Accident, Extent, IMAGE_BYTES, Place, RESTLESS, Setup};
use crate::dir::Dir;
use crate::uml::{self, Kernel, Until};
use crate::{filebitmap, guest, images, mdadm};

/// The images of one array and what happened to them.
#[derive(Debug)]
pub(crate) struct Lab {
    dir: Dir,
    pub(crate) kernel: Kernel,
    pub(crate) setup: Setup,
}

impl Lab {
    /// Fresh images for `setup`, with room for the spares.
    pub(crate) fn new(setup: Setup) -> Result<Self> {
        let lab = Self { dir: Dir::new()?, kernel: Kernel::find()?, setup };
        for member in lab.members() {
            images::create(&member, IMAGE_BYTES)?;
        }
        filebitmap::create(&lab.file_system())?;
        images::write_pattern(&lab.path("fill.bin"), IMAGE_BYTES, 1)?;
        images::write_pattern(&lab.path("last.bin"), IMAGE_BYTES, 2)?;
        Ok(lab)
    }

    pub(crate) fn member(&self, index: usize) -> PathBuf {
        self.path(&image_name(index))
    }

    /// All images of the array, spares last.
    pub(crate) fn members(&self) -> Vec<PathBuf> {
        (0..self.disks()).map(|index| self.member(index)).collect()
    }

    fn disks(&self) -> usize {
        self.setup.members + self.setup.spares
    }

    fn file_system(&self) -> PathBuf {
        self.path("fs.img")
    }

    /// Runs `body` in a fresh guest that has all images attached, the file system's last.
    pub(crate) fn boot(&self, name: &str, body: &str, until: Until) -> Result<()> {
        let mut disks: Vec<String> = (0..self.disks()).map(image_name).collect();
        disks.push("fs.img".into());
        let mount = match self.setup.place {
            Place::File => {
                format!("mount -t ext4 {} {}\n", guest::disk(self.disks()), guest::BITMAP_MOUNT)
            }
            Place::Internal => String::new(),
        };
        let script = guest::script(&self.kernel, self.dir.root(), &format!("{mount}{body}"));
        uml::boot(&self.kernel, self.dir.root(), name, &script, &disks, until)
    }

    /// The mdadm command that makes the array, plus what mdadm cannot say while creating.
    pub(crate) fn create_text(&self) -> String {
        let Setup { members, spares, metadata, place, write_mostly } = self.setup;
        let bitmap = if place == Place::File { guest::BITMAP_FILE } else { "internal" };
        let mut text = format!(
            "mdadm --create /dev/md0 --run --metadata={metadata} --level=1 -n {members} -x {spares} \
             --bitmap={bitmap} --bitmap-chunk=64 --delay=5 {}\nidle\n",
            guest::disks(0..self.disks())
        );
        if let Some(member) = write_mostly {
            let name = guest::disk(member).replace("/dev/", "");
            text += &format!("echo writemostly > $md/dev-{name}/state\n");
        }
        text
    }

    /// The mdadm command that assembles some of the images.
    pub(crate) fn assemble_text(&self, members: impl IntoIterator<Item = usize>) -> String {
        let bitmap = match self.setup.place {
            Place::File => format!("--bitmap={}", guest::BITMAP_FILE),
            Place::Internal => String::new(),
        };
        format!("mdadm --assemble /dev/md0 --run {bitmap} {}\n", guest::disks(members))
    }

    /// Assembles every image.
    pub(crate) fn assemble_all_text(&self) -> String {
        self.assemble_text(0..self.disks())
    }

    /// A fresh kernel assembles every image, does `first`, and gives its judgement ("assembled").
    pub(crate) fn judge(&self, first: &str) -> Result<()> {
        let body = format!(
            "{}{first}sleep 0.5\ncapture assembled\njudge assembled\nstop\n",
            self.assemble_all_text()
        );
        self.boot("judge", &body, Until::PoweredOff)
    }

    /// Makes the array, fills it with known data and stops it: settled, clean, no bit set.
    fn settle_text(&self) -> String {
        format!(
            "{}dd if=fill.bin of=/dev/md0 bs=1M iflag=count_bytes oflag=direct status=none \
             count=$(array_bytes)\nstop\n",
            self.create_text()
        )
    }

    /// Leaves a settled, cleanly stopped array in the images.
    pub(crate) fn make_settled(&self) -> Result<()> {
        self.boot("make", &self.settle_text(), Until::PoweredOff)
    }

    /// Makes the array and lets the accident happen to it. Answers the chunks in which the victim
    /// now differs; that there are any is checked, for otherwise a trial would prove nothing.
    pub(crate) fn suffer(&self, accident: Accident, writes: &[Extent]) -> Result<Vec<u64>> {
        match accident {
            Accident::Crash { victim } => self.crash(victim, writes)?,
            Accident::Behind { victim } => self.fall_behind(victim, writes)?,
        }
        self.differing(accident)
    }

    fn crash(&self, victim: usize, writes: &[Extent]) -> Result<()> {
        // Without the timer the array stays dirty on disk, however long the writes take.
        let body = format!(
            "{}dd if={} of=before.img bs=1M iflag=direct conv=fsync status=none\n{}\
             echo 0 > $md/safe_mode_delay\n{}{}",
            self.settle_text(),
            guest::disk(victim),
            self.assemble_all_text(),
            guest::puts(writes),
            guest::write_until_killed(RESTLESS.0, RESTLESS.1)
        );
        self.boot("crash", &body, Until::KilledWhenReady)?;
        let area = mdadm::examine(&self.member(victim))?.area;
        images::lose_writes(&self.member(victim), &self.path("before.img"), area, writes)
    }

    fn fall_behind(&self, victim: usize, writes: &[Extent]) -> Result<()> {
        let disk = guest::disk(victim);
        let body = format!(
            "{}{}mdadm /dev/md0 --fail {disk}\nuntil mdadm /dev/md0 --remove {disk}; do sleep 0.1; \
             done\n{}stop\n",
            self.settle_text(),
            self.assemble_all_text(),
            guest::puts(writes)
        );
        self.boot("behind", &body, Until::PoweredOff)
    }

    /// The victim compared with the source.
    fn differing(&self, accident: Accident) -> Result<Vec<u64>> {
        let (victim, source) = match accident {
            // The source itself may be the victim; then any other member shows the loss.
            Accident::Crash { victim } => {
                let source = self.setup.source(None);
                (victim, if source == victim { self.setup.source(Some(victim)) } else { source })
            }
            Accident::Behind { victim } => (victim, self.setup.source(Some(victim))),
        };
        let area = |index| mdadm::examine(&self.member(index)).map(|found| found.area);
        let chunks = images::differing_chunks(
            (&self.member(victim), area(victim)?),
            (&self.member(source), area(source)?),
        )?;
        ensure!(!chunks.is_empty(), "premise: members {victim} and {source} hold the same data");
        Ok(chunks)
    }

    /// The array's data area, from its first member.
    pub(crate) fn area(&self) -> Result<images::DataArea> {
        Ok(mdadm::examine(&self.member(0))?.area)
    }

    /// Calls `body` with the bitmap file, mounted, or with `None` when the bitmap is internal.
    pub(crate) fn with_bitmap_file<T>(
        &self,
        body: impl FnOnce(Option<&Path>) -> Result<T>,
    ) -> Result<T> {
        match self.setup.place {
            Place::Internal => body(None),
            Place::File => {
                let mount_point = self.path("fs");
                filebitmap::with_mounted(&self.file_system(), &mount_point, |file| body(Some(file)))
            }
        }
    }
}

impl Deref for Lab {
    type Target = Dir;

    fn deref(&self) -> &Dir {
        &self.dir
    }
}

pub(crate) fn image_name(index: usize) -> String {
    format!("member{index}.img")
}
