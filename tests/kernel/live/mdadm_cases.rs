//! mdadm's own test cases of bitmaps, 05r1-bitmapfile and its kin, with mdbitmap in mdadm's place.
//!
//! Elsewhere: 05r1-re-add and 05r1-re-add-nosuper in `members::nosuper`; 05r1-add-internalbitmap,
//! 05r1-remove-internalbitmap and 05r1-grow-internal in `internal`. mdadm makes the arrays and
//! reads the bitmaps; what the kernel makes of them is in its log, in sysfs and in the data. mdadm's
//! cases write and hope to count before the sweep; here the delay is raised meanwhile.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::expect::{self, Observed};
use crate::fs::FsKind;
use crate::mdadm;
use crate::stage::Stage;
use crate::uml::Until;

/// A case of mdadm's.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    level: &'static str,
    members: usize,
    metadata: &'static str,
    /// Where the bitmap is; else inside the members.
    in_file: bool,
    /// The member that fails.
    lost: usize,
}

const fn case(name: &'static str, level: &'static str, members: usize, lost: usize) -> Case {
    Case { name, level, members, metadata: "1.2", in_file: true, lost }
}

const R1: Case = case("05r1-bitmapfile", "1", 2, 1);

const CASES: [Case; 13] = [
    Case { metadata: "0.90", ..R1 },
    Case { metadata: "1.0", ..R1 },
    Case { metadata: "1.1", ..R1 },
    R1,
    Case { metadata: "0.90", ..case("05r1-n3-bitmapfile", "1", 3, 2) },
    Case { metadata: "1.0", ..case("05r5-bitmapfile", "5", 3, 1) },
    Case { metadata: "1.1", ..case("05r6-bitmapfile", "6", 4, 3) },
    Case { name: "05r1-internalbitmap", in_file: false, metadata: "0.90", ..R1 },
    Case { name: "05r1-internalbitmap-v1a", in_file: false, metadata: "1.0", ..R1 },
    Case { name: "05r1-internalbitmap-v1b", in_file: false, metadata: "1.1", ..R1 },
    Case { name: "05r1-internalbitmap-v1c", in_file: false, ..R1 },
    Case { name: "05r5-internalbitmap", in_file: false, ..case("", "5", 3, 1) },
    Case { name: "05r6-internalbitmap", in_file: false, ..case("", "6", 4, 3) },
];

/// Those that are also mended offline.
const OFFLINE: [Case; 3] = [CASES[0], CASES[3], CASES[10]];

pub(crate) fn jobs() -> Vec<Job> {
    let name = |case: Case, end| {
        let place = if case.in_file { "file" } else { "internal" };
        format!("live/mdadm-cases/{place}/{}/{}{end}", case.name, case.metadata)
    };
    let added = CASES.map(|case| Job::new(name(case, ""), move || added(case)));
    let offline = OFFLINE.map(|case| Job::new(name(case, "/offline"), move || resynced(case)));
    let grown = Job::new("live/mdadm-cases/file/05r1-grow-external", grow_external);
    added.into_iter().chain(offline).chain([grown]).collect()
}

/// `bits`: how many are set, as mdadm reads it. `burst N`: the N-th of some places is written to.
/// `marked N`: the same, and at least 400 chunks are dirty at once, for as long as no sweep comes.
/// `assemble DISK...`: with the bitmap; `quiet`: until nothing is pending.
const FUNCTIONS: &str = r#"
bits() { mdadm -X "$witness" | sed -n 's/.*(chunks), \([0-9]*\) dirty.*/\1/p'; }
none_dirty() { [ "$(bits)" = 0 ]; }
many_dirty() { [ "$(bits)" -ge 400 ]; }
burst() {
    dd if=last.bin of=/dev/md0 bs=64K skip=$(($1 * blocks)) seek=$(($1 * blocks)) count=$blocks \
        oflag=direct conv=notrunc status=none
}
marked() {
    $mdbitmap tune --delay 60 md0 >/dev/null
    burst "$1"
    many_dirty
    $mdbitmap tune --delay 1 md0 >/dev/null
}
cleared() { until_true 30 none_dirty; }
quiet() { until_true 20 grep -qx clean $md/array_state; }
assemble() {
    # One word for each argument.
    # shellcheck disable=SC2086
    mark
    $mdbitmap assemble --json $with /dev/md0 "$@"
}
"#;

impl Case {
    /// What the functions go by. A burst is half a thousand chunks of every member.
    fn settings(self) -> String {
        let parity = match self.level {
            "5" => 1,
            "6" => 2,
            _ => self.members - 1,
        };
        let blocks = 32 * (self.members - parity);
        let (with, witness) = match self.in_file {
            true => ("--bitmap=/run/fs/bitmap", "/run/fs/bitmap"),
            false => ("", "$(disk 0)"),
        };
        let Self { metadata, .. } = self;
        // mdadm's case of RAID6 has this chunk, and the two others its default.
        let chunk = if self.level == "6" { "512" } else { "64" };
        format!(
            "{FUNCTIONS}metadata={metadata}\nchunk={chunk}\nblocks={blocks}\nwith={with}\n\
             witness={witness}\n"
        )
    }

    fn attach(self) -> &'static str {
        match self.in_file {
            true => "attach -c 4 -d 1 md0 /run/fs/bitmap",
            false => "attach --internal -c 4 -d 1 md0",
        }
    }

    fn stage(self) -> Result<Stage> {
        let plan = Stage::disks(self.members).fs(FsKind::Ext4);
        if self.level == "6" { plan.needs_raid6().build() } else { plan.build() }
    }

    /// Attached, written to, stopped and assembled; a member fails, more is written; stopped.
    fn until_stopped(self) -> String {
        let Self { level, members, lost, .. } = self;
        format!(
            "{}raid {level} {members}\nquiet\n$mdbitmap {}\ncleared\nmarked 0\n$mdbitmap stop md0\n\
             says again 0 assemble $(disks 0 {members})\nuntil_true 60 is_settled\nquiet\n\
             capture again\nmarked 1\ncleared\n$mdbitmap fail md0 $(disk {lost})\nmarked 2\n\
             sleep 4\nbits > out/kept\nsha256sum /dev/md0 | cut -d' ' -f1 > out/content\n\
             $mdbitmap stop md0\n",
            self.settings(),
            self.attach()
        )
    }

    fn health(self) -> String {
        (0..self.members).map(|index| if index == self.lost { '_' } else { 'U' }).collect()
    }
}

/// mdadm's case: assembled degraded, the member added as new.
fn added(case: Case) -> Result<()> {
    let Case { members, lost, .. } = case;
    let stage = case.stage()?;
    let body = format!(
        "{}says degraded 0 assemble $(disks 0 {members})\nquiet\ncapture degraded\n\
         bits > out/degraded.bits\nmdadm --zero-superblock $(disk {lost})\nmark\n\
         $mdbitmap add md0 $(disk {lost})\nuntil_true 60 is_settled\ncleared\nquiet\n\
         capture whole\njudge whole\n$mdbitmap stop md0\n",
        case.until_stopped()
    );
    stage.boot("case", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        lost_one(&stage, case)?;
        let degraded = Observed::load(&stage, "degraded")?;
        degraded.health(&case.health())?;
        degraded.nothing_synced()?;
        degraded.bitmap_honoured()?;
        many(&stage, "degraded.bits")?;
        let whole = Observed::load(&stage, "whole")?;
        whole.synced("recovery")?;
        end(&stage, case, &whole)
    };
    judge().with_context(|| stage.describe())
}

/// The variant that mdadm cannot have: the members agree before the kernel sees them again.
fn resynced(case: Case) -> Result<()> {
    let members = case.members;
    let stage = case.stage()?;
    let body = format!(
        "{}says resync 0 $mdbitmap resync --json $with $(disks 0 {members})\n\
         says whole 0 assemble $(disks 0 {members})\nuntil_true 60 is_settled\ncleared\nquiet\n\
         capture whole\njudge whole\n$mdbitmap stop md0\n",
        case.until_stopped()
    );
    stage.boot("case", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        lost_one(&stage, case)?;
        ensure!(stage.json("resync")?["decision"] == "partial", "{}", stage.json("resync")?);
        let whole = Observed::load(&stage, "whole")?;
        whole.nothing_synced()?;
        end(&stage, case, &whole)
    };
    judge().with_context(|| stage.describe())
}

/// What is true until a member was lost, and of the bits that tell what it misses.
fn lost_one(stage: &Stage, case: Case) -> Result<()> {
    let again = Observed::load(stage, "again")?;
    again.complete(case.members)?;
    again.nothing_synced()?;
    again.bitmap_honoured()?;
    many(stage, "kept")
}

fn many(stage: &Stage, name: &str) -> Result<()> {
    let bits: u64 = stage.out(name)?.parse()?;
    ensure!(bits >= 400, "{name}: only {bits} chunks are dirty");
    Ok(())
}

fn end(stage: &Stage, case: Case, whole: &Observed) -> Result<()> {
    whole.complete(case.members)?;
    whole.bitmap_honoured()?;
    expect::sound(stage, "whole", &stage.out("content")?)
}

/// 05r1-grow-external: given to a running array, written to, and taken away.
fn grow_external() -> Result<()> {
    let stage = R1.stage()?;
    let body = format!(
        "{}raid 1 2\nquiet\nmark\n$mdbitmap {}\ncleared\nmarked 0\ncapture given\ncleared\n\
         $mdbitmap detach md0\ncapture taken\njudge taken\nstop\ncp /run/fs/bitmap .\n",
        R1.settings(),
        R1.attach()
    );
    stage.boot("case", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        let given = Observed::load(&stage, "given")?;
        given.nothing_synced()?;
        given.bitmap_honoured()?;
        ensure!(stage.out("taken/location")? == "none", "the kernel still has it");
        let taken = stage.out("taken/mdstat")?;
        ensure!(!taken.contains("bitmap:"), "{taken}");
        ensure!(expect::mismatches(&stage, "taken")? == 0, "check found differences");
        let left = mdadm::examine_file(&stage.path("bitmap"))?;
        ensure!(left.state.contains("Out of date"), "detached, and not stale: {left:?}");
        Ok(())
    };
    judge().with_context(|| stage.describe())
}
