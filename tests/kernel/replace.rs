//! Dead members replaced offline, and judged by a kernel: it must find the array complete, start
//! nothing, and count no mismatch.
//!
//! In each trial a kernel makes and fills the array, loses members, writes on and stops it. The old
//! disks stay plugged in, and are named at the assembly afterwards: nothing may take them.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::expect::{self, Observed};
use crate::fs::FsKind;
use crate::interrupted::{SLOW, says_amid};
use crate::killed::killed;
use crate::levels::gone;
use crate::stage::Stage;
use crate::uml::Until;
use crate::{Job, filebitmap, guest, mdadm, mdbitmap as program};

#[derive(Clone, Copy, Debug)]
struct Case {
    level: &'static str,
    layout: &'static str,
    members: usize,
    metadata: &'static str,
    file: bool,
    /// Slots that lose their members; disks behind the members take their places.
    lost: &'static [usize],
}

const MIRROR: Case =
    Case { level: "1", layout: "", members: 2, metadata: "1.2", file: false, lost: &[1] };
const STRIPES: Case =
    Case { level: "10", layout: "f2", members: 4, metadata: "1.0", file: false, lost: &[2] };
const OLD: Case =
    Case { level: "5", layout: "ls", members: 3, metadata: "0.90", file: true, lost: &[0] };
const TWO: Case =
    Case { level: "6", layout: "ls", members: 5, metadata: "1.2", file: false, lost: &[1, 4] };

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("replace/raid1/1.2/internal/killed", || killed_amid(MIRROR)),
        Job::new("replace/raid10/1.0/internal", || whole(STRIPES)),
        Job::new("replace/raid5/0.90/file", || whole(OLD)),
        Job::new("replace/raid6/1.2/internal/two", || whole(TWO)),
    ]
}

fn whole(case: Case) -> Result<()> {
    let trial = Trial::new(case)?;
    trial.tells_first().with_context(|| trial.stage.describe())?;
    let said = trial.replace()?;
    ensure!(said["chunks_dirty_after"] == 0 && said["array"]["missing"] == Value::from([0_u64; 0]));
    trial.judge("judge", true).with_context(|| trial.stage.describe())
}

/// Killed amid its work: a kernel that gets the disks then fills the new one itself; the command
/// goes on where it was.
fn killed_amid(case: Case) -> Result<()> {
    let trial = Trial::new(case)?;
    let disks: Vec<PathBuf> = (0..trial.disks()).map(|disk| trial.stage.member(disk)).collect();
    trial.kill_amid()?;
    let saved = |disk: &PathBuf| disk.with_extension("saved");
    disks.iter().try_for_each(|disk| std::fs::copy(disk, saved(disk)).map(drop))?;
    trial.judge("kernel", false).with_context(|| trial.stage.describe())?;
    disks.iter().try_for_each(|disk| std::fs::copy(saved(disk), disk).map(drop))?;
    let said = trial.replace()?;
    let before = said["replaced"][0]["filled_before_bytes"].as_u64();
    ensure!(before > Some(0), "it began anew: {said}");
    trial.judge("judge", true).with_context(|| trial.stage.describe())
}

struct Trial {
    stage: Stage,
    case: Case,
}

impl Trial {
    /// The array, made, filled, degraded, written to and stopped.
    fn new(case: Case) -> Result<Self> {
        let plan = Stage::disks(case.members + case.lost.len()).size(8 << 20);
        let plan = if case.level == "6" { plan.needs_raid6() } else { plan };
        let stage = if case.file { plan.fs(FsKind::Ext4) } else { plan }.build()?;
        let trial = Self { stage, case };
        let layout = match case.layout {
            "" => String::new(),
            layout => format!("--layout={layout}"),
        };
        let away: String = case.lost.iter().map(|lost| gone(*lost)).collect();
        let body = format!(
            "metadata={}\nraid {} {} {layout} --bitmap={} --bitmap-chunk=64 --delay=5\nfill\n\
             put 0 0 9\n{away}put 0 0 1\nput 40 40 16\nput 300 300 70\n\
             sha256sum /dev/md0 | cut -d' ' -f1 > out/expected\nstop\n",
            case.metadata,
            case.level,
            case.members,
            trial.bitmap()
        );
        trial.stage.boot("lose", &body, Until::PoweredOff)?;
        Ok(trial)
    }

    fn bitmap(&self) -> &'static str {
        if self.case.file { guest::BITMAP_FILE } else { "internal" }
    }

    fn disks(&self) -> usize {
        self.case.members + self.case.lost.len()
    }

    /// Members that are left.
    fn left(&self) -> Vec<PathBuf> {
        let left = (0..self.case.members).filter(|disk| !self.case.lost.contains(disk));
        left.map(|disk| self.stage.member(disk)).collect()
    }

    fn newcomers(&self) -> Vec<PathBuf> {
        (self.case.members..self.disks()).map(|disk| self.stage.member(disk)).collect()
    }

    fn arguments(&self) -> Vec<String> {
        let pairs = self.case.lost.iter().zip(self.newcomers());
        pairs.map(|(slot, disk)| format!("--replace={slot}={}", disk.display())).collect()
    }

    fn resync(&self, more: &[&str]) -> Result<Value> {
        let arguments = self.arguments();
        let options: Vec<&str> =
            arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        filebitmap::on_stage(&self.stage, self.case.file, |file| {
            program::resync(file, &options, &self.left())?.expect(program::DONE)?.json()
        })
    }

    /// A dry run says what would be done, and does nothing of it.
    fn tells_first(&self) -> Result<()> {
        let said = self.resync(&["--dry-run"])?;
        ensure!(said["outcome"] == "planned" && said["decision"] == "full", "{said}");
        let all: Vec<bool> =
            self.newcomers().iter().map(|disk| mdadm::examine(disk).is_ok()).collect();
        ensure!(!all.contains(&true), "a dry run made a member");
        Ok(())
    }

    fn replace(&self) -> Result<Value> {
        let said = self.resync(&[])?;
        ensure!(said["outcome"] == "done", "{said}");
        let complete = |one: &Value| one["complete"] == true;
        let all = said["replaced"].as_array().context("no \"replaced\"")?;
        ensure!(all.len() == self.case.lost.len() && all.iter().all(complete), "{said}");
        let mut ages = Vec::new();
        for member in self.left().into_iter().chain(self.newcomers()) {
            let found = mdadm::examine(&member)?;
            ensure!(found.state == "clean", "{}: {}", member.display(), found.state);
            ages.push(found.events);
        }
        ages.dedup();
        ensure!(ages.len() == 1, "mdadm finds members of different ages: {ages:?}");
        self.again()?;
        Ok(said)
    }

    /// The same command finds that all is done.
    fn again(&self) -> Result<()> {
        let said = self.resync(&[])?;
        ensure!(said["decision"] == "nothing", "not all was done: {said}");
        Ok(())
    }

    fn kill_amid(&self) -> Result<()> {
        let arguments = self.arguments();
        // So slow that a batch is less than a third of it all.
        for limit in &SLOW[1..] {
            let mut options: Vec<&str> = arguments.iter().map(String::as_str).collect();
            options.extend(["--limit", limit, "--progress", "json"]);
            let mut child = program::start_resync(None, &options, &self.left())?;
            let amid = says_amid(&mut child, 6);
            if killed(child)? & amid? {
                return Ok(());
            }
        }
        anyhow::bail!("premise: no run was interrupted between its copies")
    }

    /// A kernel that is given everything, the old disks too; `done`: nothing is left for it to do.
    fn judge(&self, name: &str, done: bool) -> Result<()> {
        let Case { level, members, file, .. } = self.case;
        let bitmap = if file { format!("--bitmap={}", self.bitmap()) } else { String::new() };
        let body = format!(
            "level_driver {level}\nmark\nmdadm --assemble /dev/md0 --run {bitmap} $(disks 0 {})\n\
             until_true 60 is_settled\ncapture {name}\njudge {name}\nstop\n",
            self.disks()
        );
        self.stage.boot(name, &body, Until::PoweredOff)?;
        let observed = Observed::load(&self.stage, name)?;
        observed.complete(members)?;
        if done {
            observed.nothing_synced()?;
            observed.bitmap_honoured()?;
        }
        expect::sound(&self.stage, name, &self.stage.out("expected")?)
    }
}
