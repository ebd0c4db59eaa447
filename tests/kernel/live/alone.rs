//! Two of us at one array: one does it, the other one waits for it and then finds it done.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::expect::Observed;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::Until;

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/alone/file/attach", || attach("md0 /run/fs/a", "md0 /run/fs/b")),
        Job::new("live/alone/attach-internal", || attach("--internal md0", "--internal md0")),
        Job::new("live/alone/assemble", assemble),
        Job::new("live/alone/locked", locked),
    ]
}

/// `both NAME COMMAND-A COMMAND-B`: at once; their exit statuses, the smaller first, to NAME.both.
const BOTH: &str = r#"
quiet() { until_true 20 grep -qx clean $md/array_state; }
both() {
    eval "$2" >out/a.out 2>out/a.err & a=$!
    eval "$3" >out/b.out 2>out/b.err & b=$!
    a_said=0 b_said=0
    wait $a || a_said=$?
    wait $b || b_said=$?
    printf '%s\n' $a_said $b_said | sort -n | tr '\n' ' ' >"out/$1.both"
    cat out/a.err out/b.err >"out/$1.err"
}
"#;

/// Exactly one was told that the other one was there first.
fn one_refused(stage: &Stage, name: &str, words: &[&str]) -> Result<()> {
    let said = stage.out(&format!("{name}.err"))?;
    let both = stage.out(&format!("{name}.both"))?;
    ensure!(both == "0 3", "{name}: {both}: {said}");
    ensure!(words.iter().any(|words| said.contains(words)), "{name}: {said}");
    Ok(())
}

fn attach(a: &str, b: &str) -> Result<()> {
    let stage = Stage::disks(2).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{BOTH}raid 1 2\nquiet\nmark\n\
         both given '$mdbitmap attach {a}' '$mdbitmap attach {b}'\nquiet\ncapture given\n\
         ls /run/fs > out/left\n\
         both taken '$mdbitmap detach md0' '$mdbitmap detach md0'\ncapture taken\nstop\n"
    );
    stage.boot("both", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        one_refused(&stage, "given", &["the array has a bitmap"])?;
        one_refused(&stage, "taken", &["the array has no bitmap"])?;
        let given = Observed::load(&stage, "given")?;
        given.complete(2)?;
        given.nothing_synced()?;
        given.bitmap_honoured()?;
        let files = stage.out("left")?.lines().filter(|name| name.len() == 1).count();
        ensure!(files == usize::from(!a.contains("--internal")), "{}", stage.out("left")?);
        ensure!(stage.out("taken/location")? == "none", "still there");
        Ok(())
    };
    judge().with_context(|| stage.describe())
}

/// Whoever is second must not stop what the first one has begun.
fn assemble() -> Result<()> {
    const ROUNDS: [&str; 4] = ["1", "2", "3", "4"];
    let stage = Stage::disks(2).build()?;
    let mut body = format!("{BOTH}raid 1 2\nquiet\nstop\n");
    for round in ROUNDS {
        body += &format!(
            "mark\nboth {round} '$mdbitmap assemble /dev/md0 $(disks 0 2)' \
             '$mdbitmap assemble /dev/md0 $(disks 0 2)'\nquiet\ncapture run{round}\n\
             $mdbitmap stop md0\n"
        );
    }
    stage.boot("both", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        for round in ROUNDS {
            one_refused(&stage, round, &["assembled already", "in use"])?;
            let seen = Observed::load(&stage, &format!("run{round}"))?;
            seen.complete(2)?;
            seen.nothing_synced()?;
        }
        Ok(())
    };
    judge().with_context(|| stage.describe())
}

/// Somebody else keeps the lock, for a moment or for long.
fn locked() -> Result<()> {
    let stage = Stage::disks(2).build()?;
    let body = "raid 1 2\nflock /dev/md0 sleep 2 &\nsleep 0.3\n\
         says waited 0 $mdbitmap attach --internal md0\ncapture waited\nwait $!\n\
         flock /dev/md0 sleep 100 & holder=$!\nsleep 0.3\n\
         says dry 0 $mdbitmap detach -n md0\n\
         says refused 3 $mdbitmap detach md0\ncapture refused\n\
         kill $holder\nstop || true\n";
    stage.boot("locked", body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        let said = stage.out("refused.err")?;
        ensure!(said.contains("/dev/md0: another program has locked it"), "{said}");
        ensure!(stage.out("waited/location")? != "none", "not attached");
        ensure!(stage.out("refused/location")? != "none", "detached in spite of the lock");
        Ok(())
    };
    judge().with_context(|| stage.describe())
}
