//! Members with bad-block logs that a real kernel wrote: resynced offline, and judged by a kernel.
//!
//! What a log lists holds something else than it should, so that whoever believes it is found out.
//! Entries are made through sysfs, which takes them as the kernel keeps them: in sectors of the
//! device, data offset and all.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::Job;
use crate::expect::{self, Observed};
use crate::stage::{Plan, Stage};
use crate::uml::Until;
use crate::{content, guest, host, images, mdadm, mdbitmap as program};

/// Bytes of a disk.
const SIZE: u64 = 8 << 20;
const SECTOR: u64 = 512;
/// A bit stands for 128 sectors; without the daemon's delay it would be clear again.
const BITMAP: &str = "--bitmap=internal --bitmap-chunk=64 --delay=5";

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("badblocks/raid1/crash", raid1),
        Job::new("badblocks/raid10/crash", raid10),
        Job::new("badblocks/raid5/crash", raid5),
        Job::new("badblocks/raid6/behind", raid6),
        Job::new("badblocks/errors", errors),
    ]
}

/// A shell line: sectors of a member's data become bad. `file` may be the one of those that are not
/// on disk yet.
fn bad(disk: usize, file: &str, at: u64, len: u64) -> String {
    let dev = format!("$md/dev-{}", &guest::disk(disk)["/dev/".len()..]);
    format!("echo \"$(($(cat {dev}/offset) + {at})) {len}\" > {dev}/{file}\n")
}

const ACKNOWLEDGED: &str = "bad_blocks";
const UNACKNOWLEDGED: &str = "unacknowledged_bad_blocks";

/// A clean array does not write its superblocks, and so no logs, when it stops: after this it does.
const SAVE: &str = "put 300 300 1\n";

struct Array {
    stage: Stage,
    level: &'static str,
    members: usize,
}

impl Array {
    fn new(level: &'static str, members: usize, plan: Plan) -> Result<Self> {
        Ok(Self { stage: plan.size(SIZE).build()?, level, members })
    }

    fn paths(&self) -> Vec<PathBuf> {
        (0..self.members).map(|index| self.stage.member(index)).collect()
    }

    fn make(&self) -> String {
        format!("raid {} {} {BITMAP}\nfill\n", self.level, self.members)
    }

    fn assemble(&self) -> String {
        let Self { level, members, .. } = self;
        format!("level_driver {level}\nmdadm --assemble /dev/md0 $(disks 0 {members})\n")
    }

    /// Where the data of a member begin, in sectors.
    fn offset(&self, disk: usize) -> Result<u64> {
        Ok(mdadm::examine(&self.stage.member(disk))?.area.offset / SECTOR)
    }

    /// Other bytes than should be there.
    fn spoil(&self, disk: usize, at: u64, len: u64) -> Result<()> {
        let path = self.stage.member(disk);
        let file = File::options().write(true).open(&path)?;
        let junk: Vec<u8> = (0..len * SECTOR).map(|n| (n * 7 + 3) as u8).collect();
        file.write_all_at(&junk, (self.offset(disk)? + at) * SECTOR).context("spoil")
    }

    /// The log as mdadm reads it: lines of first sector and length.
    fn logged(&self, disk: usize) -> Result<Vec<(u64, u64)>> {
        let path = self.stage.member(disk);
        let text = host::run("mdadm", ["--examine-badblocks".as_ref(), path.as_os_str()])?;
        let number = |word: Option<&str>| word.and_then(|word| word.parse().ok());
        let entry = |line: &str| {
            let mut words = line.split_whitespace();
            Some((number(words.next())?, number(words.nth(1))?))
        };
        Ok(text.lines().filter_map(entry).collect())
    }

    /// What the report says of the list of `disk`.
    fn told(&self, said: &Value, disk: usize) -> Result<Value> {
        let path = self.stage.member(disk).display().to_string();
        let all = said["bad_blocks"].as_array().context("no bad_blocks")?;
        all.iter().find(|one| one["path"] == path.as_str()).cloned().context("not in the report")
    }

    fn told_is(
        &self,
        said: &Value,
        disk: usize,
        listed: &[(u64, u64)],
        counts: (u64, u64),
    ) -> Result<()> {
        let offset = self.offset(disk)?;
        let range = |(at, len): &(u64, u64)| json!({ "start_bytes": (offset + at) * SECTOR, "length_bytes": len * SECTOR });
        let told = self.told(said, disk)?;
        let listed: Vec<Value> = listed.iter().map(range).collect();
        ensure!(told["listed"] == json!(listed), "{told}");
        let (rewritten, left) = (&told["rewritten_bytes"], &told["left_bytes"]);
        ensure!(
            (rewritten, left) == (&json!(counts.0 * SECTOR), &json!(counts.1 * SECTOR)),
            "{told}"
        );
        Ok(())
    }

    /// A fresh kernel takes all members, has nothing to sync, and finds `content` and no mismatch.
    fn judge(&self, content: &str) -> Result<()> {
        self.observe("sleep 0.3", content)?.nothing_synced()
    }

    fn observe(&self, wait: &str, content: &str) -> Result<Observed> {
        let logs = "for dev in $md/dev-*; do cat $dev/bad_blocks > out/bad-${dev##*-ubd}; done";
        let body = format!("{}{wait}\n{logs}\ncapture after\njudge after\nstop\n", self.assemble());
        self.stage.boot("judge", &body, Until::PoweredOff)?;
        let observed = Observed::load(&self.stage, "after")?;
        observed.complete(self.members)?;
        observed.bitmap_honoured()?;
        expect::sound(&self.stage, "after", content)?;
        Ok(observed)
    }
}

/// The first member is the source, and lists a place in a dirty chunk and one outside. The second
/// lists another place in that chunk. A bit is clear over what stays listed: the kernel reads and
/// compares round it.
fn raid1() -> Result<()> {
    let array = Array::new("1", 2, Stage::disks(2))?;
    let body = format!(
        "{}{}{}{}{SAVE}stop\n{}echo 0 > $md/safe_mode_delay\nput 0 96 4\nput 40 300 70\n{}",
        array.make(),
        bad(0, ACKNOWLEDGED, 800, 8),
        bad(0, ACKNOWLEDGED, 8003, 2),
        bad(1, UNACKNOWLEDGED, 808, 8),
        array.assemble(),
        guest::write_until_killed(700, 20)
    );
    array.stage.boot("crash", &body, Until::KilledWhenReady)?;
    let offset = array.offset(0)?;
    ensure!(array.logged(0)? == [(offset + 800, 8), (offset + 8003, 2)], "{:?}", array.logged(0));
    ensure!(array.logged(1)? == [(offset + 808, 8)], "{:?}", array.logged(1));
    let expected = images::sha256(&content::of(&array.paths())?)?;
    for (disk, at, len) in [(0, 800, 8), (0, 8003, 2), (1, 808, 8), (1, 770, 12), (1, 2400, 30)] {
        array.spoil(disk, at, len)?;
    }
    let said = program::resync(None, &[], &array.paths())?.expect(program::DONE)?.json()?;
    array.told_is(&said, 0, &[(800, 8), (8003, 2)], (8, 2))?;
    array.told_is(&said, 1, &[(808, 8)], (8, 0))?;
    ensure!(array.logged(0)? == [(offset + 8003, 2)], "{:?}", array.logged(0));
    ensure!(array.logged(1)?.is_empty(), "{:?}", array.logged(1));
    array.judge(&expected).with_context(|| array.stage.describe())?;
    ensure!(array.stage.out("bad-a")? == format!("{} 2", offset + 8003), "what the kernel lists");
    ensure!(array.stage.out("bad-b")?.is_empty(), "what the kernel lists");
    Ok(())
}

/// Far copies: a first copy is listed, and a second one, in chunks that are dirty. The copy that is
/// listed outside them holds nothing, and nobody is asked for it.
fn raid10() -> Result<()> {
    let array = Array::new("10", 4, Stage::disks(4))?;
    // Chunks of 128 sectors go round: chunk 13 is the second member's fourth, chunk 18 the third's
    // fifth; 37 is the second's tenth.
    let (thirteen, eighteen, clean) = (3 * 128 + 40, 4 * 128 + 40, 9 * 128);
    let body = format!(
        "{}{}{}{}{SAVE}stop\n{}echo 0 > $md/safe_mode_delay\nput 0 208 2\nput 40 288 2\n\
         put 300 400 20\n{}",
        array.make().replace("--bitmap=", "--layout=f2 --bitmap="),
        bad(1, ACKNOWLEDGED, thirteen, 8),
        bad(2, ACKNOWLEDGED, eighteen, 3),
        bad(1, ACKNOWLEDGED, clean, 8),
        array.assemble(),
        guest::write_until_killed(700, 20)
    );
    array.stage.boot("crash", &body, Until::KilledWhenReady)?;
    let expected = images::sha256(&content::of(&array.paths())?)?;
    for (disk, at, len) in [(1, thirteen, 8), (2, eighteen, 3), (1, clean, 8)] {
        array.spoil(disk, at, len)?;
    }
    let said = program::resync(None, &[], &array.paths())?.expect(program::DONE)?.json()?;
    array.told_is(&said, 1, &[(thirteen, 8), (clean, 8)], (8, 8))?;
    array.told_is(&said, 2, &[(eighteen, 3)], (3, 0))?;
    let left = array.offset(1)? + clean;
    ensure!(array.logged(1)? == [(left, 8)], "{:?}", array.logged(1));
    array.judge(&expected).with_context(|| array.stage.describe())
}

/// Rows 6 and 7 are dirty. In row 6 the second member has data, the third parity; in row 7 the
/// second has parity. Bad parity is computed anew; bad data are not told from parity in doubt, but
/// left to a kernel that is less careful.
fn raid5() -> Result<()> {
    let array = Array::new("5", 3, Stage::disks(3))?;
    let body = format!(
        "{}{}{}{SAVE}stop\n{}echo 0 > $md/safe_mode_delay\nput 0 192 4\nput 40 224 1\nput 300 300 70\n{}",
        array.make(),
        bad(1, ACKNOWLEDGED, 800, 8),
        bad(1, ACKNOWLEDGED, 904, 8),
        array.assemble(),
        guest::write_until_killed(700, 20)
    );
    array.stage.boot("crash", &body, Until::KilledWhenReady)?;
    let expected = images::sha256(&content::of(&array.paths())?)?;
    for (disk, at, len) in [(1, 800, 8), (1, 904, 8), (2, 768, 8), (2, 820, 8)] {
        array.spoil(disk, at, len)?;
    }
    let said = program::resync(None, &[], &array.paths())?.expect(program::INCOMPLETE)?.json()?;
    array.told_is(&said, 1, &[(800, 8), (904, 8)], (8, 8))?;
    ensure!(said["chunks_dirty_after"] == 1, "{said}");
    let (offset, path) = (array.offset(1)?, array.stage.member(1).display().to_string());
    let lost = json!([{
        "start_bytes": 800 * SECTOR,
        "length_bytes": 4096,
        "array": [{ "start_bytes": (6 * 256 + 128 + 32) * SECTOR, "length_bytes": 4096 }],
        "members": [{ "path": path, "start_bytes": (offset + 800) * SECTOR, "reason": "bad-block" }],
    }]);
    ensure!(said["unreadable"] == lost, "{}", said["unreadable"]);
    ensure!(array.logged(1)? == [(offset + 800, 8)], "{:?}", array.logged(1));
    let observed = array.observe("until_true 60 is_settled\nsleep 0.3", &expected);
    observed.with_context(|| array.stage.describe())?.synced("resync")
}

/// The second member was away, and the first lists a place in a dirty chunk: both are computed from
/// what is left. The place outside stays listed. (Entries come last: some kernels mend a listed
/// place when it is read.)
fn raid6() -> Result<()> {
    let array = Array::new("6", 4, Stage::disks(4).needs_raid6())?;
    let body = format!(
        "{}mdadm /dev/md0 --fail $(disk 1)\ngone() {{ mdadm /dev/md0 --remove $(disk 1); }}\n\
         until_true 20 gone\nput 0 192 20\nput 300 300 70\n\
         sha256sum /dev/md0 | cut -d' ' -f1 > out/expected\n{}{}{SAVE}stop\n",
        array.make(),
        bad(0, ACKNOWLEDGED, 800, 8),
        bad(0, UNACKNOWLEDGED, 8000, 8),
    );
    array.stage.boot("behind", &body, Until::PoweredOff)?;
    let offset = array.offset(0)?;
    ensure!(array.logged(0)? == [(offset + 800, 8), (offset + 8000, 8)], "{:?}", array.logged(0));
    array.spoil(0, 800, 8)?;
    array.spoil(0, 8000, 8)?;
    let said = program::resync(None, &[], &array.paths())?.expect(program::DONE)?.json()?;
    array.told_is(&said, 0, &[(800, 8), (8000, 8)], (8, 8))?;
    ensure!(array.logged(0)? == [(offset + 8000, 8)], "{:?}", array.logged(0));
    let expected = array.stage.out("expected")?;
    array.judge(&expected).with_context(|| array.stage.describe())
}

/// Real errors, by device mapper: a page of the only current copy cannot be read, a page of the
/// target cannot be written. What is not theirs is done; without the errors the rest is.
fn errors() -> Result<()> {
    let array = Array::new("1", 2, Stage::disks(2))?;
    let body = format!(
        "driver dm-mod\nexport DM_DISABLE_UDEV=1\n\
         broken() {{\n\
         at=$((offset + $3)) size=$(cat \"/sys/block/${{2##*/}}/size\")\n\
         {{ echo \"0 $at linear $2 0\"; echo \"$at 8 error\"\n\
         echo \"$((at + 8)) $((size - at - 8)) linear $2 $((at + 8))\"; }} | dmsetup create \"$1\"\n\
         }}\n\
         {}offset=$(cat $md/dev-ubda/offset)\nmdadm /dev/md0 --fail $(disk 1)\n\
         gone() {{ mdadm /dev/md0 --remove $(disk 1); }}\nuntil_true 20 gone\n\
         put 0 100 1\nput 40 300 40\nsha256sum /dev/md0 | cut -d' ' -f1 > out/expected\nstop\n\
         broken source $(disk 0) 800\n\
         says read 6 $mdbitmap resync --json --progress none /dev/mapper/source $(disk 1)\n\
         dmsetup remove source\nbroken target $(disk 1) 816\n\
         says write 6 $mdbitmap resync --json --progress none $(disk 0) /dev/mapper/target\n\
         dmsetup remove target\n\
         says done 0 $mdbitmap resync --json --progress none $(disk 0) $(disk 1)\n",
        array.make()
    );
    array.stage.boot("errors", &body, Until::PoweredOff)?;
    let (read, write, done) =
        (array.stage.json("read")?, array.stage.json("write")?, array.stage.json("done")?);
    let lost = &read["unreadable"];
    ensure!(
        lost[0]["array"] == json!([{ "start_bytes": 800 * SECTOR, "length_bytes": 4096 }]),
        "{read}"
    );
    let offset = array.offset(0)?;
    let member = &lost[0]["members"][0];
    ensure!(
        (&member["reason"], &member["start_bytes"])
            == (&json!("read"), &json!((offset + 800) * SECTOR)),
        "{read}"
    );
    // The page alone: its chunk stays dirty, the four others are done and need nothing any more.
    ensure!(read["chunks_dirty_after"] == 1 && read["chunks_synced"].as_u64() >= Some(3), "{read}");
    ensure!(write["chunks_dirty_before"] == 1 && write["outcome"] == "incomplete", "{write}");
    ensure!(done["chunks_dirty_before"] == 1 && done["outcome"] == "done", "{done}");
    let expected = array.stage.out("expected")?;
    array.judge(&expected).with_context(|| array.stage.describe())
}
