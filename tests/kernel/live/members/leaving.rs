//! Failing and removing: what is refused before the kernel would break the array, and what goes.

use anyhow::{Context, Result, ensure};

use super::{TOOLS, stage};
use crate::Job;
use crate::expect::Observed;
use crate::uml::Until;

pub(super) fn jobs() -> Vec<Job> {
    let mut jobs: Vec<Job> = [("1", 2, 1), ("5", 3, 1), ("6", 4, 2), ("10", 4, 1)]
        .into_iter()
        .map(|(level, members, bearable)| {
            let name = format!("live/members/fail/last-copy-raid{level}");
            Job::new(name, move || last_copy(level, members, bearable))
        })
        .collect();
    jobs.push(Job::new("live/members/remove", removal));
    jobs.push(Job::new("live/members/unprivileged", unprivileged));
    jobs
}

/// As many as the level bears may fail, the next is refused, and the array still takes writes.
fn last_copy(level: &str, members: usize, bearable: usize) -> Result<()> {
    let stage = stage(level, members)?;
    let mut body = format!("{TOOLS}raid {level} {members} --bitmap=internal\nfill\nmark\n");
    for disk in 0..bearable {
        body += &format!(
            "says dry{disk} 0 $mdbitmap fail -n --json md0 $(disk {disk})\n\
             member_state {disk} > out/before{disk}\n\
             says fail{disk} 0 $mdbitmap fail --json md0 $(disk {disk})\n\
             member_state {disk} > out/after{disk}\n\
             says again{disk} 0 $mdbitmap fail --json md0 $(disk {disk})\n"
        );
    }
    body += &format!(
        "says last 3 $mdbitmap fail md0 $(disk {bearable})\nmember_state {bearable} > out/last\n\
         capture failed\nput 3 40 4\ncmp -n 16384 /run/lab/last.bin /dev/md0 -i 12288:163840\n\
         cat $md/array_state > out/state\nstop\n"
    );
    stage.boot("fail", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        for disk in 0..bearable {
            ensure!(stage.out(&format!("before{disk}"))? == "in_sync", "a dry run failed it");
            ensure!(stage.out(&format!("after{disk}"))?.contains("faulty"), "not faulty");
            ensure!(stage.json(&format!("again{disk}"))?["steps"] == serde_json::json!([]));
        }
        ensure!(stage.out("last")? == "in_sync", "{}", stage.out("last")?);
        ensure!(stage.out("last.err")?.contains("cannot do without it"), "no reason");
        let state = stage.out("state")?;
        ensure!(["clean", "active", "active-idle"].contains(&&*state), "{state}");
        let health = format!("{}{}", "_".repeat(bearable), "U".repeat(members - bearable));
        Observed::load(&stage, "failed")?.health(&health)
    };
    judged().with_context(|| stage.describe())
}

/// An active member stays; failed ones go, by node, by name when the node is gone, and all.
fn removal() -> Result<()> {
    let stage = stage("1", 4)?;
    let body = format!(
        "{TOOLS}raid 1 4 --bitmap=internal\n\
         says active 3 $mdbitmap remove md0 $(disk 1)\nmember_state 1 > out/active\n\
         says none 0 $mdbitmap remove --json md0 failed\n\
         says detached 0 $mdbitmap remove --json md0 detached\n\
         says stranger 2 $mdbitmap remove md0 /dev/none-such\n\
         $mdbitmap fail md0 $(disk 1)\nrm $(disk 1)\n\
         says by-name 0 $mdbitmap remove --json md0 ubdb\nmember_state 1 > out/by-name\n\
         mknod $(disk 1) b $(tr : ' ' < /sys/block/ubdb/dev)\n\
         $mdbitmap fail md0 ubdc\n$mdbitmap fail md0 $(cat /sys/block/ubdd/dev)\n\
         says dry 0 $mdbitmap remove -n --json md0 failed\nmember_state 2 > out/dry\n\
         says failed 0 $mdbitmap remove --json md0 failed\n\
         member_state 2 > out/third\nmember_state 3 > out/fourth\n\
         says readd1 0 $mdbitmap readd md0 $(disk 1)\nwhole() {{ until_true 30 is_idle; }}\nwhole\n\
         $mdbitmap fail md0 $(disk 1)\n\
         says listed 0 $mdbitmap readd --json md0 $(disk 1)\nwhole\n\
         member_state 1 > out/back\nstop\n"
    );
    stage.boot("remove", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        ensure!(stage.out("active")? == "in_sync", "an active member is gone");
        let text = stage.out("active.err")?;
        ensure!(text.contains("`mdbitmap fail md0 ubdb` first"), "{text}");
        for name in ["none", "detached"] {
            ensure!(stage.json(name)?["steps"] == serde_json::json!([]), "{name}");
        }
        ensure!(stage.out("dry")?.contains("faulty"), "a dry run removed it");
        for name in ["by-name", "third", "fourth"] {
            ensure!(stage.out(name)? == "gone", "{name}: {}", stage.out(name)?);
        }
        let steps = &stage.json("listed")?["steps"];
        ensure!(steps[0]["code"] == "remove" && steps[1]["code"] == "readd", "{steps}");
        ensure!(stage.out("back")? == "in_sync", "{}", stage.out("back")?);
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

/// Without CAP_SYS_ADMIN every one of them says so, and nothing happens.
fn unprivileged() -> Result<()> {
    let stage = stage("1", 3)?;
    let body = format!(
        "{TOOLS}raid 1 2\nchmod 666 /dev/md0 /dev/ubd?\n\
         for it in 'fail md0 ubdb' 'remove md0 failed' 'add md0 /dev/ubdc' 'readd md0 ubdb' \
         'readd --explain md0 ubdb'; do\n\
         says nobody 3 setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
         $mdbitmap $it\ngrep -q 'only root' out/nobody.err\ndone\n\
         says bounded 3 setpriv --bounding-set=-sys_admin $mdbitmap fail md0 ubdb\n\
         member_state 1 > out/state\nstop\n"
    );
    stage.boot("nobody", &body, Until::PoweredOff)?;
    ensure!(stage.out("state")? == "in_sync", "{}", stage.out("state")?);
    Ok(())
}
