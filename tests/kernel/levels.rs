//! Every redundant level, resynced offline and judged by a kernel: for each layout that mdadm can
//! make, with both places of a bitmap and every version of the metadata, after a crash and after
//! members were away.
//!
//! A victim of a crash loses all it was given since the array was settled: all of that lies under
//! dirty bits, and nothing else may be touched. `MDBITMAP_FULL=1` runs the whole matrix; else each
//! layout meets one kind of metadata, one place and one accident.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use mdbitmap::guard::superblock_of;
use serde_json::Value;

use crate::Job;
use crate::case::METADATA;
use crate::expect::{self, Observed};
use crate::fs::FsKind;
use crate::stage::{self, Stage};
use crate::uml::Until;
use crate::{content, filebitmap, guest, images, inspect, mdadm, mdbitmap as program};

/// Level, layout as mdadm calls it, members.
pub(crate) type Shape = (&'static str, &'static str, usize);

const SHAPES: [Shape; 31] = [
    ("1", "", 2),
    ("1", "", 4),
    ("10", "n2", 4),
    ("10", "n2", 3),
    ("10", "n3", 5),
    ("10", "f2", 4),
    ("10", "f3", 5),
    ("10", "f2", 3),
    ("10", "o2", 4),
    ("10", "o3", 4),
    ("4", "", 4),
    ("5", "la", 4),
    ("5", "ra", 3),
    ("5", "ls", 5),
    ("5", "rs", 4),
    ("5", "parity-first", 3),
    ("5", "parity-last", 4),
    ("6", "la", 5),
    ("6", "ra", 4),
    ("6", "ls", 6),
    ("6", "rs", 5),
    ("6", "parity-first", 4),
    ("6", "parity-last", 5),
    ("6", "ddf-zero-restart", 5),
    ("6", "ddf-N-restart", 6),
    ("6", "ddf-N-continue", 5),
    ("6", "left-asymmetric-6", 5),
    ("6", "right-asymmetric-6", 5),
    ("6", "left-symmetric-6", 6),
    ("6", "right-symmetric-6", 5),
    ("6", "parity-first-6", 5),
];

/// mdadm's own judge of RAID6 finds nothing, and would find a block that is wrong.
const RAID6CHECK: &str = "
$raid6check /dev/md0 0 0 > out/raid6check
not grep -i error out/raid6check
at=$(cat $md/dev-ubdb/offset)
dd if=last.bin of=$(disk 1) bs=512 seek=$((at + 128)) count=8 oflag=direct conv=notrunc status=none
$raid6check /dev/md0 0 0 > out/raid6check-wrong || true
grep -i error out/raid6check-wrong
";

/// What happens before the members come to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accident {
    /// The machine dies while writing, and a member lost what it was given.
    Crash,
    /// A member was away.
    Behind,
    /// Two members were away.
    TwoBehind,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    shape: Shape,
    metadata: &'static str,
    file: bool,
    accident: Accident,
}

pub(crate) fn jobs() -> Vec<Job> {
    let full = std::env::var("MDBITMAP_FULL").is_ok_and(|value| value == "1");
    cases(full).into_iter().map(|case| Job::new(name(case), move || run(case))).collect()
}

fn cases(full: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for (i, shape) in SHAPES.into_iter().enumerate() {
        let accidents = accidents(shape);
        let mut all = Vec::new();
        for metadata in METADATA {
            for file in [false, true] {
                for accident in accidents {
                    all.push(Case { shape, metadata, file, accident: *accident });
                }
            }
        }
        match full {
            true => cases.extend(all),
            false => cases.push(all[i * 5 % all.len()]),
        }
    }
    cases
}

fn accidents((level, layout, _): Shape) -> &'static [Accident] {
    match (level, layout) {
        ("6", _) | ("10", "n3" | "f3" | "o3") => {
            &[Accident::Crash, Accident::Behind, Accident::TwoBehind]
        }
        _ => &[Accident::Crash, Accident::Behind],
    }
}

fn name(Case { shape: (level, layout, members), metadata, file, accident }: Case) -> String {
    let layout = if layout.is_empty() { "plain" } else { layout };
    let place = if file { "file" } else { "internal" };
    let accident = format!("{accident:?}").to_lowercase();
    format!("levels/raid{level}/{layout}/{members}-members/{metadata}/{place}/{accident}")
}

pub(crate) struct Trial {
    pub(crate) stage: Stage,
    case: Case,
    victims: Vec<usize>,
}

fn run(case: Case) -> Result<()> {
    let trial = Trial::of(case)?;
    trial.repair().with_context(|| trial.stage.describe())
}

impl Trial {
    /// The array after its accident.
    fn of(case: Case) -> Result<Self> {
        let (level, _, members) = case.shape;
        let plan = Stage::disks(members).size(8 << 20);
        let plan = if level == "6" { plan.needs_raid6() } else { plan };
        let stage = if case.file { plan.fs(FsKind::Ext4) } else { plan }.build()?;
        let victims = match case.accident {
            Accident::TwoBehind => vec![1, members - 1],
            _ => vec![members / 2],
        };
        let trial = Self { stage, case, victims };
        trial.suffer()?;
        Ok(trial)
    }

    /// One that crashed, of 1.2 metadata and with an internal bitmap.
    pub(crate) fn crashed(shape: Shape) -> Result<Self> {
        Self::of(Case { shape, metadata: "1.2", file: false, accident: Accident::Crash })
    }

    /// What it holds by the rules of the kernel.
    pub(crate) fn content(&self) -> Result<Vec<u8>> {
        content::of(&self.members())
    }

    pub(crate) fn members(&self) -> Vec<PathBuf> {
        (0..self.case.shape.2).map(|index| self.stage.member(index)).collect()
    }

    fn bitmap(&self) -> &'static str {
        if self.case.file { guest::BITMAP_FILE } else { "internal" }
    }

    fn assemble(&self) -> String {
        let (level, _, members) = self.case.shape;
        let file = if self.case.file { format!("--bitmap={}", self.bitmap()) } else { "".into() };
        format!("level_driver {level}\nmdadm --assemble /dev/md0 {file} $(disks 0 {members})\n")
    }

    fn suffer(&self) -> Result<()> {
        let (level, layout, members) = self.case.shape;
        let layout = if layout.is_empty() { "".into() } else { format!("--layout={layout}") };
        let make = format!(
            "metadata={}\nraid {level} {members} {layout} --bitmap={} --bitmap-chunk=64 --delay=5\n\
             fill\nstop\n",
            self.case.metadata,
            self.bitmap()
        );
        match self.case.accident {
            Accident::Crash => self.crash(&make),
            Accident::Behind | Accident::TwoBehind => self.fall_behind(&make),
        }
    }

    fn crash(&self, make: &str) -> Result<()> {
        let victim = self.victims[0];
        let body = format!(
            "{make}dd if=$(disk {victim}) of=before.img bs=1M iflag=direct conv=fsync status=none\n\
             {}echo 0 > $md/safe_mode_delay\nput 0 0 1\nput 40 40 16\nput 300 300 70\n{}",
            self.assemble(),
            guest::write_until_killed(700, 20)
        );
        self.stage.boot("crash", &body, Until::KilledWhenReady)?;
        self.lose_everything_since(victim)
    }

    /// The data area of the victim as it was; superblock and bitmap stay as they are.
    fn lose_everything_since(&self, victim: usize) -> Result<()> {
        let (path, before) = (self.stage.member(victim), self.stage.path("before.img"));
        let area = mdadm::examine(&path)?.area;
        let (mut now, old) = (fs::read(&path)?, fs::read(before)?);
        let superblock = superblock_of(&fs::File::open(&path)?, &path)?.context("no superblock")?;
        let (start, len) = (area.offset as usize, superblock.view().size.get() as usize * 512);
        let changed = now[start..][..len] != old[start..][..len];
        ensure!(changed, "premise: the victim was given nothing");
        now[start..][..len].copy_from_slice(&old[start..][..len]);
        fs::write(path, now).context("lose writes")
    }

    fn fall_behind(&self, make: &str) -> Result<()> {
        let away: String = self.victims.iter().map(|victim| gone(*victim)).collect();
        let body = format!(
            "{make}{}{away}put 0 0 1\nput 40 40 16\nput 300 300 70\n\
             sha256sum /dev/md0 | cut -d' ' -f1 > out/expected\nstop\n",
            self.assemble()
        );
        self.stage.boot("behind", &body, Until::PoweredOff)
    }

    fn repair(&self) -> Result<()> {
        let expected = match self.case.accident {
            Accident::Crash => images::sha256(&self.content()?)?,
            _ => self.stage.out("expected")?,
        };
        let foretold = self.foretold()?;
        let said = self.with_bitmap(|file| {
            program::resync(file, &[], &self.members())?.expect(program::DONE)?.json()
        })?;
        inspect::volume_was_right(&foretold, &said)?;
        let (dirty, total) = (&said["chunks_dirty_before"], &said["chunks_total"]);
        ensure!(dirty.as_u64() > Some(0) && dirty.as_u64() < total.as_u64(), "{said}");
        ensure!(said["decision"] == "partial" && said["chunks_dirty_after"] == 0, "{said}");
        self.with_bitmap(|file| {
            let again =
                program::resync(file, &[], &self.members())?.expect(program::DONE)?.json()?;
            ensure!(again["decision"] == "nothing", "not all was done: {again}");
            Ok(())
        })?;
        inspect::nothing_is_due(&self.foretold()?)?;
        self.judge(&expected)
    }

    fn foretold(&self) -> Result<Value> {
        self.with_bitmap(|file| program::inspect(file, &self.members()))
    }

    pub(crate) fn judge(&self, expected: &str) -> Result<()> {
        let by_mdadm = if self.case.shape.0 == "6" { self.raid6check()? } else { "" };
        let body =
            format!("{}sleep 0.3\ncapture after\njudge after\n{by_mdadm}stop\n", self.assemble());
        self.stage.boot("judge", &body, Until::PoweredOff)?;
        let observed = Observed::load(&self.stage, "after")?;
        observed.complete(self.case.shape.2)?;
        observed.nothing_synced()?;
        observed.bitmap_honoured()?;
        expect::sound(&self.stage, "after", expected)
    }

    /// What mdadm's own judge says of all stripes, and that it would see a block that is wrong.
    fn raid6check(&self) -> Result<&'static str> {
        if std::env::var_os(stage::RAID6CHECK).is_none() {
            stage::skipped("raid6check", &format!("{} is not set", stage::RAID6CHECK))?;
            return Ok("");
        }
        Ok(RAID6CHECK)
    }

    fn with_bitmap<T>(&self, body: impl FnOnce(Option<&Path>) -> Result<T>) -> Result<T> {
        filebitmap::on_stage(&self.stage, self.case.file, body)
    }
}

pub(crate) fn gone(victim: usize) -> String {
    format!(
        "mdadm /dev/md0 --fail $(disk {victim})\n\
         gone{victim}() {{ mdadm /dev/md0 --remove $(disk {victim}); }}\n\
         until_true 20 gone{victim}\n"
    )
}
