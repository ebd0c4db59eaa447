//! Members that must not come back with what they have: the reason, and the way that is left.

use anyhow::{Context, Result, ensure};

use super::{TOOLS, fact, number, stage, written};
use crate::Job;
use crate::expect::{self, Observed};
use crate::stage::Stage;
use crate::uml::Until;

pub(super) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/members/readd/too-old/another-took-over", another_took_over),
        Job::new("live/members/readd/too-old/another-bitmap", another_bitmap),
        Job::new("live/members/readd/used-apart", used_apart),
        Job::new("live/members/readd/used-apart-control", believed_by_the_kernel),
        Job::new("live/members/readd/without-a-bitmap", without_a_bitmap),
    ]
}

/// Refused with this reason and exit status 3, by `--explain` with 1, and the kernel saw nothing.
const REFUSED: &str = "
refused() {
    texts $md > out/before-refusal
    says explain 1 $mdbitmap readd --explain --json /dev/md0 $(disk 1)
    says refused 3 $mdbitmap readd /dev/md0 $(disk 1)
    texts $md > out/after-refusal
    grep -v '^\\(sync_\\|array_state\\|bitmap/\\)' out/before-refusal > out/before-facts
    grep -v '^\\(sync_\\|array_state\\|bitmap/\\)' out/after-refusal > out/after-facts
    cmp out/before-facts out/after-facts
    member_state 1 > out/still
}
";

fn was_refused(stage: &Stage, code: &str) -> Result<()> {
    let report = stage.json("explain")?;
    ensure!(fact(&report, "possible") == false, "{report}");
    ensure!(fact(&report, "reason_code") == code, "{report}");
    ensure!(report["steps"] == serde_json::json!([]), "{report}");
    let text = stage.out("refused.err")?;
    let reason = fact(&report, "reason").as_str().unwrap_or("no reason");
    ensure!(text.contains(reason) && text.contains("mdbitmap add"), "{text}");
    ensure!(text.contains("Member's events : "), "no explanation: {text}");
    ensure!(stage.out("still")? == "gone", "{}", stage.out("still")?);
    Ok(())
}

/// After it, `add` fills all of the member and says why.
const ADDED: &str = "
mark
content before
sectors 1 > out/from
says add 0 $mdbitmap add --json /dev/md0 $(disk 1)
whole
sync
sectors 1 > out/to
capture back
judge back
stop
";

fn was_filled(stage: &Stage, members: usize) -> Result<()> {
    let report = stage.json("add")?;
    ensure!(report["notes"][0]["code"] == "filled-anew", "{report}");
    let (written, whole) =
        (written(stage, "from", "to")?, number(&report, "add_cost_bytes")? / 512);
    ensure!(written >= whole, "{written} sectors written, all are {whole}");
    let observed = Observed::load(stage, "back")?;
    observed.complete(members)?;
    observed.synced("recovery")?;
    expect::sound(stage, "back", &stage.out("before.content")?)
}

/// A third device was filled in its place, and bits were cleared: what the first one missed is
/// forgotten.
fn another_took_over() -> Result<()> {
    let stage = stage("1", 3)?;
    let body = format!(
        "{TOOLS}{REFUSED}raid 1 2 --bitmap=internal --bitmap-chunk=64K\n\
         echo 1 > $md/bitmap/time_base\nfill\ncleared $(disk 0)\nleave 1\n\
         put 3 40 32\nsays add2 0 $mdbitmap add --json /dev/md0 $(disk 2)\nwhole\n\
         put 5 300 8\ncleared $(disk 0)\nleave 2\nput 1 600 1\n\
         refused\n\
         mdadm /dev/md0 --re-add $(disk 1) > out/mdadm 2>&1 && exit 9\n{ADDED}"
    );
    stage.boot("too-old", &body, Until::PoweredOff)?;
    was_refused(&stage, "bits-cleared")
        .and_then(|()| was_filled(&stage, 2))
        .with_context(|| stage.describe())
}

/// The bitmap was taken away and made anew while the member was away.
fn another_bitmap() -> Result<()> {
    let stage = stage("5", 3)?;
    let body = format!(
        "{TOOLS}{REFUSED}raid 5 3 --bitmap=internal --bitmap-chunk=64K\n\
         echo 1 > $md/bitmap/time_base\nfill\ncleared $(disk 0)\nleave 1\nput 3 40 32\n\
         mdadm --grow /dev/md0 --bitmap=none\nput 4 900 4\n\
         mdadm --grow /dev/md0 --bitmap=internal --bitmap-chunk=64K\nput 1 600 1\nrefused\n{ADDED}"
    );
    stage.boot("other-bitmap", &body, Until::PoweredOff)?;
    was_refused(&stage, "bits-cleared")
        .and_then(|()| was_filled(&stage, 3))
        .with_context(|| stage.describe())
}

/// Two halves, each started without the other; the second one for longer.
const APART: &str = "
raid 1 2 --bitmap=internal --bitmap-chunk=64K
echo 1 > $md/bitmap/time_base
fill
cleared $(disk 0)
stop
mdadm --assemble --run /dev/md0 $(disk 1)
put 3 40 32
stop
mdadm --assemble --run /dev/md0 $(disk 0)
for i in 1 2 3 4 5 6; do
    put 4 900 4
    sleep 0.4
done
";

/// What the refusal is for: the kernel believes the bitmap of one half, which knows nothing of what
/// the other wrote, and calls complete what is not the same.
fn believed_by_the_kernel() -> Result<()> {
    let stage = stage("1", 2)?;
    let body = format!(
        "{TOOLS}{APART}mdadm /dev/md0 --re-add $(disk 1)\nwhole\ncapture back\njudge back\nstop\n"
    );
    stage.boot("apart-control", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        Observed::load(&stage, "back")?.complete(2)?;
        ensure!(expect::mismatches(&stage, "back")? > 0, "the kernel found out: how?");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

fn used_apart() -> Result<()> {
    let stage = stage("1", 2)?;
    let body = format!(
        "{TOOLS}{REFUSED}{APART}refused\nsha256sum $(disk 1) > out/sum\n\
         says add-refused 3 $mdbitmap add /dev/md0 $(disk 1)\nsha256sum -c out/sum\n\
         mark\ncontent before\nsectors 1 > out/from\n\
         says add 0 $mdbitmap add --json --force=overwrite /dev/md0 $(disk 1)\nwhole\nsync\n\
         sectors 1 > out/to\ncapture back\njudge back\nstop\n"
    );
    stage.boot("apart", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let code = stage.json("explain")?["facts"]["reason_code"].clone();
        ensure!(code == "used-apart" || code == "ahead", "{code}");
        let text = stage.out("add-refused.err")?;
        ensure!(text.contains("--force=overwrite"), "{text}");
        was_filled(&stage, 2)
    };
    judged().with_context(|| stage.describe())
}

fn without_a_bitmap() -> Result<()> {
    let stage = stage("10", 4)?;
    let body = format!("{TOOLS}{REFUSED}raid 10 4\nfill\nleave 1\nput 3 40 32\nrefused\n{ADDED}");
    stage.boot("no-bitmap", &body, Until::PoweredOff)?;
    was_refused(&stage, "no-bitmap")
        .and_then(|()| was_filled(&stage, 4))
        .with_context(|| stage.describe())
}
