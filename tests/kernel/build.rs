//! Arrays without superblocks: built by a kernel, broken, resynced from their bitmap file alone, and
//! built and judged by a kernel again.
//!
//! mdadm builds mirrors and RAID10 only; arrays with parity are put together through sysfs, which
//! takes no bitmap file, so that those are resynced in full. A kernel that builds an array that was
//! not said to be clean starts a resync in any case: that it copies nothing is seen from what it
//! writes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use mdbitmap::array::geometry::Geometry;
use mdbitmap::units::{SECTOR_BYTES, Sectors};
use serde_json::Value;

use crate::Job;
use crate::content;
use crate::expect::{self, Observed};
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::Until;
use crate::{filebitmap, guest, images, mdbitmap as program};

const BYTES: u64 = 8 << 20;

/// `counted N` tells how much was written to each of N members, `bitmap SIZE` makes one that covers it.
const TOOLS: &str = r#"
level_driver 10
sectors() { awk '{ print $7 }' /sys/block/$(basename $1)/stat; }
counted() { for disk in $(disks 0 $1); do sectors $disk; done; }
no_bits() { echo 3 > /proc/sys/vm/drop_caches; $mdbitmap examine --test $1 > /dev/null; }
bitmap() { $mdbitmap create --size "$1" --chunk 64K --delay 60 /run/fs/bitmap; sync; }
"#;

/// An array that mdadm builds.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    /// As mdadm wants it.
    mdadm: &'static str,
    /// As we do.
    ours: &'static [&'static str],
    disks: usize,
    /// What its bits cover.
    covered: &'static str,
}

const RAID1: Shape =
    Shape { name: "raid1", mdadm: "--level=1", ours: &["--level=1"], disks: 2, covered: "8M" };
const RAID10: Shape = Shape {
    name: "raid10",
    mdadm: "--level=10 --chunk=64",
    ours: &["--level=10", "--chunk=64", "--layout=n2"],
    disks: 3,
    covered: "12M",
};
const FAR: Shape = Shape {
    name: "raid10-far",
    mdadm: "--level=10 --chunk=64 --layout=f2",
    ours: &["--level=10", "--chunk=64", "--layout=f2"],
    disks: 3,
    covered: "12M",
};

/// Level, layout as the kernel counts and as mdadm calls it, members.
type Rows = (i32, u32, &'static str, usize);

pub(crate) fn jobs() -> Vec<Job> {
    let full = std::env::var("MDBITMAP_FULL").is_ok_and(|value| value == "1");
    let crash =
        |shape: Shape| Job::new(format!("build/{}/file/crash", shape.name), move || crash(shape));
    let behind =
        |shape: Shape| Job::new(format!("build/{}/file/behind", shape.name), move || behind(shape));
    let rows = |rows: Rows| {
        Job::new(format!("build/raid{}/{}/full", rows.0, rows.2), move || parity(rows))
    };
    let mut jobs = vec![
        Job::new("build/facts/file", facts),
        crash(RAID1),
        crash(RAID10),
        behind(RAID1),
        rows((5, 2, "left-symmetric", 3)),
    ];
    if full {
        jobs.extend([crash(FAR), behind(RAID10), behind(FAR)]);
        jobs.extend([rows((4, 0, "", 3)), rows((5, 1, "ra", 4)), rows((6, 2, "ls", 4))]);
    }
    jobs
}

/// What the documentation says of the kernel: which levels mdadm builds, that neither UUID nor event
/// count of the bitmap matter, that a stop leaves no events, that a size which is not whole KiB is
/// used to its end, and that a mirror built with one member forgets its bits.
fn facts() -> Result<()> {
    let stage = Stage::disks(2).size(BYTES + 512 * 3).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{TOOLS}\
         for level in 4 5 6; do not mdadm --build /dev/md0 --level=$level -n2 $(disks 0 2); done\n\
         $mdbitmap create --size 16387s --chunk 64K --delay 1 --clean \
         --uuid 01234567:89abcdef:01234567:89abcdef /run/fs/bitmap\n\
         printf '\\007\\0\\0\\0\\0\\0\\0\\0\\003' | \
         dd of=/run/fs/bitmap bs=1 seek=24 conv=notrunc status=none\nsync\n\
         mdadm --build /dev/md0 --level=1 -n2 --bitmap=/run/fs/bitmap $(disks 0 2)\nidle\n\
         cat /sys/block/md0/size > out/size\n\
         mdadm /dev/md0 --fail $(disk 1)\nput 0 0 1\nput 9 900 40\nstop\n\
         says bits 0 $mdbitmap examine --json /run/fs/bitmap\n\
         mdadm --build /dev/md0 --level=1 -n2 --bitmap=/run/fs/bitmap $(disk 0) missing\n\
         gone() {{ no_bits /run/fs/bitmap; }}\nuntil_true 30 gone\nstop\n"
    );
    stage.boot("facts", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        ensure!(stage.out("size")? == "16387", "{}", stage.out("size")?);
        let bits = &stage.json("bits")?["bitmaps"][0];
        ensure!(bits["events"] == 0 && bits["events_cleared"] == 0, "{bits}");
        ensure!(fs::read(stage.member(0))? != fs::read(stage.member(1))?, "nothing differs");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

struct Trial {
    stage: Stage,
    shape: Shape,
}

impl Trial {
    fn new(shape: Shape) -> Result<Self> {
        let stage = Stage::disks(shape.disks).size(BYTES).fs(FsKind::Ext4).build()?;
        Ok(Self { stage, shape })
    }

    fn build(&self) -> String {
        let Shape { mdadm, disks, .. } = self.shape;
        format!(
            "mdadm --build /dev/md0 {mdadm} --raid-devices={disks} --bitmap=/run/fs/bitmap \
             $(disks 0 {disks})\nidle\n"
        )
    }

    /// A settled array, full of known data, whose bitmap was made by `mdbitmap create`.
    fn make(&self) -> String {
        format!("{TOOLS}bitmap {}\n{}fill\nstop\n", self.shape.covered, self.build())
    }

    fn members(&self) -> Vec<PathBuf> {
        (0..self.shape.disks).map(|index| self.stage.member(index)).collect()
    }

    fn resync(&self, options: &[&str]) -> Result<Value> {
        let options = [&["--build"], self.shape.ours, options].concat();
        let (image, mount) = (self.stage.path(&FsKind::Ext4.image()), self.stage.path("fs"));
        let said = filebitmap::with_mounted(&image, &mount, |file| {
            program::resync(Some(file), &options, &self.members())?.expect(program::DONE)?.json()
        })?;
        let (dirty, total) = (said["chunks_dirty_before"].as_u64(), said["chunks_total"].as_u64());
        ensure!(dirty > Some(0) && dirty < total, "{said}");
        ensure!(said["decision"] == "partial" && said["chunks_dirty_after"] == 0, "{said}");
        Ok(said)
    }

    /// A fresh kernel that builds it again copies nothing, and finds all as it should be.
    fn judge(&self, expected: &str) -> Result<()> {
        let body = format!(
            "{TOOLS}counted {disks} > out/from\n{}counted {disks} > out/to\n\
             capture after\njudge after\nstop\n\
             says bits 0 $mdbitmap examine --test /run/fs/bitmap\n",
            self.build(),
            disks = self.shape.disks
        );
        self.stage.boot("judge", &body, Until::PoweredOff)?;
        let observed = Observed::load(&self.stage, "after")?;
        observed.health(&"U".repeat(self.shape.disks))?;
        observed.bitmap_honoured()?;
        let (from, to) = (self.stage.out("from")?, self.stage.out("to")?);
        ensure!(from == to, "the kernel wrote to the members: {from} sectors, then {to}");
        expect::sound(&self.stage, "after", expected)
    }

    fn content(&self) -> Result<Vec<u8>> {
        let layout = if self.shape.name == FAR.name { 0x201 } else { 0x102 };
        let level = if self.shape.name == RAID1.name { 1 } else { 10 };
        let geometry = geometry(level, layout, self.shape.disks)?;
        content::placed(&geometry, &at_their_start(&self.members()))
    }
}

fn geometry(level: i32, layout: u32, disks: usize) -> Result<Geometry> {
    let size = Sectors::new(BYTES / SECTOR_BYTES);
    let geometry = Geometry::from_numbers(level, layout, Sectors::new(128), size, disks as u16);
    geometry.map_err(anyhow::Error::msg)
}

fn at_their_start(members: &[PathBuf]) -> Vec<(PathBuf, u64)> {
    members.iter().map(|path| (path.clone(), 0)).collect()
}

/// The machine dies while writing, and the last member has nothing of what it was given.
fn crash(shape: Shape) -> Result<()> {
    let trial = Trial::new(shape)?;
    let victim = shape.disks - 1;
    let body = format!(
        "{}dd if=$(disk {victim}) of=before.img bs=1M iflag=direct conv=fsync status=none\n{}\
         put 0 0 1\nput 40 40 16\nput 300 300 70\n{}",
        trial.make(),
        trial.build(),
        guest::write_until_killed(1200, 20)
    );
    trial.stage.boot("crash", &body, Until::KilledWhenReady)?;
    lose(&trial.stage.member(victim), &trial.stage.path("before.img"))?;
    let judged = || {
        let expected = images::sha256(&trial.content()?)?;
        trial.resync(&[])?;
        trial.judge(&expected)
    };
    judged().with_context(|| trial.stage.describe())
}

fn lose(victim: &Path, before: &Path) -> Result<()> {
    ensure!(fs::read(victim)? != fs::read(before)?, "premise: the victim was given nothing");
    fs::copy(before, victim).context("lose writes").map(drop)
}

/// The first member was away, which nobody but a person knows.
fn behind(shape: Shape) -> Result<()> {
    let trial = Trial::new(shape)?;
    let body = format!(
        "{}{}mdadm /dev/md0 --fail $(disk 0)\nput 0 0 1\nput 40 40 16\nput 300 300 70\n\
         sha256sum /dev/md0 | cut -d' ' -f1 > out/expected\nstop\n",
        trial.make(),
        trial.build(),
    );
    trial.stage.boot("behind", &body, Until::PoweredOff)?;
    let judged = || {
        let said = trial.resync(&["--behind", "0"])?;
        ensure!(said["array"]["members"][0]["state"] == "behind", "{said}");
        trial.judge(&trial.stage.out("expected")?)
    };
    judged().with_context(|| trial.stage.describe())
}

/// The array with parity, as the kernel runs it without superblocks.
fn assembled((level, layout, _, members): Rows, resync_start: &str) -> String {
    format!(
        "level_driver {level}\n\
         [ -e $md ] || echo $array > /sys/module/md_mod/parameters/new_array\n\
         echo none > $md/metadata_version\necho raid{level} > $md/level\n\
         echo {members} > $md/raid_disks\necho 65536 > $md/chunk_size\n\
         echo {layout} > $md/layout\necho {size} > $md/component_size\n\
         for i in $(seq 0 {last}); do\nname=$(basename $(disk $i))\n\
         cat /sys/block/$name/dev > $md/new_dev\necho {size} > $md/dev-$name/size\n\
         echo $i > $md/dev-$name/slot\ndone\n\
         echo {resync_start} > $md/resync_start\necho active > $md/array_state\n\
         until_true 60 is_settled\n",
        size = BYTES / 1024,
        last = members - 1
    )
}

/// No bitmap: everything, and only as what the array is.
fn parity(rows: Rows) -> Result<()> {
    let (level, layout, name, disks) = rows;
    let plan = Stage::disks(disks).size(BYTES);
    let stage = if level == 6 { plan.needs_raid6() } else { plan }.build()?;
    let body = format!(
        "{}fill\ndd if=$(disk 1) of=before.img bs=1M iflag=direct conv=fsync status=none\n\
         put 0 0 1\nput 40 40 16\nput 300 300 70\n{}",
        assembled(rows, "0"),
        guest::write_until_killed(700, 20)
    );
    stage.boot("crash", &body, Until::KilledWhenReady)?;
    lose(&stage.member(1), &stage.path("before.img"))?;
    let members: Vec<PathBuf> = (0..disks).map(|index| stage.member(index)).collect();
    let judged = || {
        let expected =
            content::placed(&geometry(level, layout, disks)?, &at_their_start(&members))?;
        let full = |layout: &str| {
            let level = format!("--level={level}");
            let layout = format!("--layout={layout}");
            let layout = (layout != "--layout=").then_some(layout.as_str());
            let options = ["--build", &level, "--chunk=64", "--full"];
            let options: Vec<&str> = options.into_iter().chain(layout).collect();
            program::resync(None, &options, &members)
        };
        if level == 6 {
            let before = images::file_sha256(&members[0])?;
            full("parity-first")?.expect(program::REFUSED)?.says_why()?;
            ensure!(images::file_sha256(&members[0])? == before, "a refusal wrote");
        }
        full(name)?.expect(program::DONE)?;
        let body = format!("{}judge after\nstop\n", assembled(rows, "none"));
        stage.boot("judge", &body, Until::PoweredOff)?;
        expect::sound(&stage, "after", &images::sha256(&expected)?)
    };
    judged().with_context(|| stage.describe())
}
