//! RAID6 of which one member is behind and another is away: the one that is behind is computed from
//! the others, and a kernel takes it for current, with the slot of the absent one empty.
//!
//! What was caught up holds half of what the degraded array reads, so its content tells whether that
//! is right; then the absent member comes back by the bits that stayed set, and a `check` looks at
//! everything.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::expect::{self, Observed};
use crate::fs::FsKind;
use crate::levels::gone;
use crate::stage::Stage;
use crate::uml::Until;
use crate::{Job, filebitmap, guest, mdadm, mdbitmap as program};

const MEMBERS: usize = 5;

#[derive(Clone, Copy, Debug)]
struct Case {
    metadata: &'static str,
    file: bool,
    behind: usize,
    away: usize,
}

const INTERNAL: Case = Case { metadata: "1.2", file: false, behind: 1, away: 4 };
const FILE: Case = Case { metadata: "0.90", file: true, behind: 4, away: 0 };

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("special/raid6-one-away-one-behind/re-added-later/internal", || {
            re_added(INTERNAL)
        }),
        Job::new("special/raid6-one-away-one-behind/re-added-later/file", || re_added(FILE)),
        Job::new("special/raid6-one-away-one-behind/assembled-with-the-others", assembled),
    ]
}

struct Trial {
    stage: Stage,
    case: Case,
}

impl Trial {
    /// The array after somebody was away, brought up to date without another.
    fn new(case: Case) -> Result<Self> {
        let plan = Stage::disks(MEMBERS).size(8 << 20).needs_raid6();
        let stage = if case.file { plan.fs(FsKind::Ext4) } else { plan }.build()?;
        let trial = Self { stage, case };
        let bitmap = if case.file { guest::BITMAP_FILE } else { "internal" };
        let body = format!(
            "metadata={}\nraid 6 {MEMBERS} --bitmap={bitmap} --bitmap-chunk=64 --delay=5\nfill\n\
             put 0 0 9\n{}put 0 0 1\nput 40 40 16\nput 300 300 70\n\
             sha256sum /dev/md0 | cut -d' ' -f1 > out/expected\nstop\n",
            case.metadata,
            gone(case.behind)
        );
        trial.stage.boot("behind", &body, Until::PoweredOff)?;
        trial.caught_up().with_context(|| trial.stage.describe())?;
        Ok(trial)
    }

    fn caught_up(&self) -> Result<()> {
        let said = self.resync()?;
        let (before, after) = (&said["chunks_dirty_before"], &said["chunks_dirty_after"]);
        ensure!(before.as_u64() > Some(0) && before == after, "bits must stay: {said}");
        ensure!(before.as_u64() < said["chunks_total"].as_u64(), "all is dirty: {said}");
        ensure!(said["decision"] == "partial" && said["outcome"] == "done", "{said}");
        ensure!(said["array"]["missing"] == Value::from([self.case.away]), "{said}");
        let again = self.resync()?;
        ensure!(again["decision"] == "nothing", "not all was done: {again}");
        let events = |member: &PathBuf| mdadm::examine(member).map(|found| found.events);
        let counts = self.present().iter().map(events).collect::<Result<Vec<_>>>()?;
        ensure!(counts.windows(2).all(|pair| pair[0] == pair[1]), "event counts: {counts:?}");
        Ok(())
    }

    fn resync(&self) -> Result<Value> {
        filebitmap::on_stage(&self.stage, self.case.file, |file| {
            program::resync(file, &[], &self.present())?.expect(program::DONE)?.json()
        })
    }

    fn present(&self) -> Vec<PathBuf> {
        self.but_away().map(|index| self.stage.member(index)).collect()
    }

    fn but_away(&self) -> impl Iterator<Item = usize> + '_ {
        (0..MEMBERS).filter(|index| *index != self.case.away)
    }

    fn assemble(&self, members: impl IntoIterator<Item = usize>) -> String {
        let file = match self.case.file {
            true => format!("--bitmap={}", guest::BITMAP_FILE),
            false => String::new(),
        };
        format!(
            "level_driver 6\nmdadm --assemble --run /dev/md0 {file} {}\nuntil_true 20 is_idle\n",
            guest::disks(members)
        )
    }

    fn judge(&self, body: &str) -> Result<()> {
        self.stage.boot("judge", body, Until::PoweredOff)
    }
}

/// Started without the absent member, written to, and completed again.
fn re_added(case: Case) -> Result<()> {
    let trial = Trial::new(case)?;
    let stage = &trial.stage;
    trial.judge(&format!(
        "{}sleep 0.3\ncapture four\nsha256sum /dev/md0 | cut -d' ' -f1 > out/four.sha256\n\
         put 9 700 33\nsha256sum /dev/md0 | cut -d' ' -f1 > out/written\n\
         mdadm /dev/md0 --re-add {}\nuntil_true 60 is_settled\ncapture five\njudge five\nstop\n",
        trial.assemble(trial.but_away()),
        guest::disk(case.away)
    ))?;
    let health: String =
        (0..MEMBERS).map(|index| if index == case.away { '_' } else { 'U' }).collect();
    let seen = || -> Result<()> {
        let four = Observed::load(stage, "four")?;
        four.health(&health)?;
        four.nothing_synced()?;
        four.bitmap_honoured()?;
        expect::content(stage, "four", &stage.out("expected")?)?;
        let five = Observed::load(stage, "five")?;
        five.synced("recovery")?;
        five.health(&"U".repeat(MEMBERS))?;
        expect::sound(stage, "five", &stage.out("written")?)
    };
    seen().with_context(|| stage.describe())
}

/// All five, as if the absent one belonged with the others: however the kernel gets there, what the
/// array holds is right in the end.
fn assembled() -> Result<()> {
    let trial = Trial::new(INTERNAL)?;
    let stage = &trial.stage;
    let away = guest::disk(INTERNAL.away);
    trial.judge(&format!(
        "{}if [ \"$(cat $md/degraded)\" != 0 ]; then mdadm /dev/md0 --re-add {away} || \
         mdadm /dev/md0 --add {away}; fi\nuntil_true 60 is_settled\ncapture five\njudge five\nstop\n",
        trial.assemble(0..MEMBERS)
    ))?;
    let five = Observed::load(stage, "five")?;
    five.health(&"U".repeat(MEMBERS)).with_context(|| stage.describe())?;
    expect::sound(stage, "five", &stage.out("expected")?).with_context(|| stage.describe())
}
