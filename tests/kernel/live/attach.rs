//! `attach` and `detach` of bitmap files, on every level that has bitmaps. What counts is what the
//! kernel wrote into the file, as mdadm reads it, and what it says in mdstat and sysfs.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::expect::{self, Observed};
use crate::fs::FsKind;
use crate::mdadm;
use crate::stage::Stage;
use crate::uml::Until;

/// Level, members, metadata.
const ARRAYS: [(&str, usize, &str); 6] = [
    ("1", 2, "0.90"),
    ("1", 3, "1.0"),
    ("10", 4, "1.1"),
    ("5", 3, "1.2"),
    ("6", 4, "0.90"),
    ("10", 3, "1.2"),
];

/// What the trials here use beside the stage's functions.
const FUNCTIONS: &str = "
bits() { mdadm -X /run/fs/bitmap | sed -n 's/.* \\([0-9]*\\) dirty.*/\\1/p'; }
none_dirty() { [ \"$(bits)\" = 0 ]; }
quiet() { until_true 20 grep -q clean $md/array_state; }
some_dirty() { [ \"$(bits)\" -ge \"$1\" ]; }
";

pub(crate) fn jobs() -> Vec<Job> {
    let mut jobs: Vec<Job> = ARRAYS
        .into_iter()
        .map(|(level, members, metadata)| {
            let name = format!("live/attach/file/raid{level}-{members}-{metadata}");
            Job::new(name, move || life(level, members, metadata))
        })
        .collect();
    jobs.push(Job::new("live/attach/file/existing", existing));
    jobs.push(Job::new("live/attach/file/degraded", degraded));
    jobs.push(Job::new("live/attach/file/default-place", default_place));
    jobs.push(Job::new("live/attach/file/read-meanwhile", read_meanwhile));
    jobs
}

/// The whole life: attached, written to, cleared, detached, attached again.
fn life(level: &str, members: usize, metadata: &str) -> Result<()> {
    let plan = Stage::disks(members).size(12 << 20).fs(FsKind::Ext4);
    let stage = if level == "6" { plan.needs_raid6() } else { plan }.build()?;
    let body = format!(
        "{FUNCTIONS}metadata={metadata}\nraid {level} {members}\nfill\nmark\n\
         says dry 0 $mdbitmap attach -n --json -c 64 -d 1 /dev/md0 /run/fs/bitmap\n\
         [ ! -e /run/fs/bitmap ]\ncapture dry\n\
         says attach 0 $mdbitmap attach --json -c 64 -d 1 /dev/md0 /run/fs/bitmap\n\
         quiet\ncapture attached\nuntil_true 20 none_dirty\n\
         put 3 16 16\nput 7 160 8\nuntil_true 3 some_dirty 2\nuntil_true 20 none_dirty\n\
         says save 0 $mdbitmap detach -n --json --save /run/fs/saved md0\n[ ! -e /run/fs/saved ]\n\
         says detach 0 $mdbitmap detach --json --save /run/fs/saved md0\ncapture detached\n\
         put 5 64 16\n\
         says again 0 $mdbitmap attach --json /dev/md0 /run/fs/bitmap\nquiet\ncapture again\n\
         until_true 20 none_dirty\nput 9 96 16\nuntil_true 3 some_dirty 1\nuntil_true 20 none_dirty\n\
         judge again\nstop\ncp /run/fs/bitmap /run/fs/saved .\n"
    );
    stage.boot("life", &body, Until::PoweredOff)?;
    lived(&stage, members).with_context(|| stage.describe())
}

fn lived(stage: &Stage, members: usize) -> Result<()> {
    ensure!(stage.out("dry/location")? == "none", "a dry run attached");
    for moment in ["attached", "again"] {
        let observed = Observed::load(stage, moment)?;
        observed.complete(members)?;
        observed.nothing_synced()?;
        ensure!(stage.out(&format!("{moment}/location"))? == "file", "{moment}: no file");
        let mdstat = stage.out(&format!("{moment}/mdstat"))?;
        ensure!(mdstat.contains("file: /run/fs/bitmap"), "{mdstat}");
    }
    Observed::load(stage, "attached")?.bitmap_honoured()?;
    ensure!(stage.out("detached/location")? == "none", "still there after detach");
    ensure!(expect::mismatches(stage, "again")? == 0, "check found differences");
    let made = stage.json("attach")?;
    ensure!(made["facts"]["chunk_bytes"] == 65536, "{made}");
    let again = stage.json("again")?;
    ensure!(again["facts"]["bits"] == "set", "detached while written to, yet believed: {again}");
    // What mdadm thinks of what the kernel left.
    let left = mdadm::examine_file(&stage.path("bitmap"))?;
    ensure!(left.chunks_dirty == 0 && left.chunk_bytes == 65536, "{left:?}");
    let saved = mdadm::examine_file(&stage.path("saved"))?;
    ensure!(saved.chunks_total == left.chunks_total && saved.uuid == left.uuid, "{saved:?}");
    Ok(())
}

/// An existing file: kept where that is sound, stale where it is old.
fn existing() -> Result<()> {
    let stage = Stage::disks(2).size(12 << 20).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{FUNCTIONS}raid 1 2\n\
         quiet\n\
         $mdbitmap create -c 64 -d 1 --array /dev/md0 /run/fs/bitmap\n\
         says kept 0 $mdbitmap attach --json md0 /run/fs/bitmap\ncapture kept\n\
         until_true 20 none_dirty\n$mdbitmap detach md0\n\
         $mdbitmap create --force=overwrite -c 64 -d 1 --array /dev/md0 /run/fs/bitmap\n\
         echo 0 > $md/safe_mode_delay\nput 3 16 16\nmark\n\
         says old 0 $mdbitmap attach --json md0 /run/fs/bitmap\ncapture old\n\
         says chunk 3 $mdbitmap attach -c 128 md0 /run/fs/bitmap\n\
         $mdbitmap detach md0\n\
         says chunk 2 $mdbitmap attach -c 128 md0 /run/fs/bitmap\n\
         says delay 2 $mdbitmap attach -d 9 md0 /run/fs/bitmap\n\
         $mdbitmap attach md0 /run/fs/bitmap\nchattr +i /run/fs/bitmap\nput 5 32 16\n\
         says immutable 3 $mdbitmap detach md0\ncapture immutable\nchattr -i /run/fs/bitmap\n\
         $mdbitmap detach md0\nstop\n"
    );
    stage.boot("existing", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        let kept = stage.json("kept")?;
        ensure!(kept["facts"]["bits"] == "kept", "{kept}");
        Observed::load(&stage, "kept")?.bitmap_honoured()?;
        let immutable = stage.out("immutable.err")?;
        ensure!(immutable.contains("chattr -i"), "{immutable}");
        ensure!(stage.out("immutable/location")? == "file", "detached all the same");
        let old = stage.json("old")?;
        ensure!(old["facts"]["bits"] == "set", "{old}");
        let log = stage.out("old/dmesg")?;
        ensure!(log.contains("out of date"), "the kernel believed an old file:\n{log}");
        Ok(())
    };
    judge().with_context(|| stage.describe())
}

/// In a degraded array all bits start set, and nobody who left before comes back by them.
fn degraded() -> Result<()> {
    let stage = Stage::disks(2).size(12 << 20).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{FUNCTIONS}raid 1 2\nmdadm /dev/md0 --fail $(disk 1)\n\
         gone() {{ mdadm /dev/md0 --remove $(disk 1); }}\nuntil_true 20 gone\nmark\n\
         says attach 0 $mdbitmap attach --json -c 64 -d 1 md0 /run/fs/bitmap\ncapture attached\n\
         put 3 16 16\nsync\nmdadm -X /run/fs/bitmap > out/later\n\
         not mdadm /dev/md0 --re-add $(disk 1) 2> out/readd\nsince_mark > out/log\n\
         says refused 3 $mdbitmap detach md0\n\
         says forced 0 $mdbitmap detach --force=degraded --json md0\ncapture detached\nstop\n"
    );
    stage.boot("degraded", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        let attach = stage.json("attach")?;
        ensure!(attach["facts"]["bits"] == "set", "{attach}");
        let bitmap = mdadm::parse_bitmap(&stage.out("later")?)?;
        ensure!(bitmap.events_cleared > 0, "{bitmap:?}");
        let readd = stage.out("readd")?;
        ensure!(readd.contains("not possible"), "an old member came back: {readd}");
        let refused = stage.out("refused.err")?;
        ensure!(refused.contains("--force=degraded"), "{refused}");
        ensure!(stage.out("detached/location")? == "none", "not detached");
        Ok(())
    };
    judge().with_context(|| stage.describe())
}

/// Without a name the file is that of the array, in a directory that is made and kept.
fn default_place() -> Result<()> {
    let stage = Stage::disks(2).size(12 << 20).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{FUNCTIONS}raid 1 2\nmount -t tmpfs tmpfs /var/lib\n\
         says tmpfs 3 $mdbitmap attach md0\n[ ! -e /var/lib/mdbitmap ]\n\
         mkdir /run/fs/lib\nmount --bind /run/fs/lib /var/lib\n\
         says dry 0 $mdbitmap attach -n md0\n[ ! -e /var/lib/mdbitmap ]\n\
         says attach 0 $mdbitmap attach --json md0\ncapture attached\n\
         ls -ld /var/lib/mdbitmap > out/directory\nls -l /var/lib/mdbitmap > out/files\n\
         says detach 0 $mdbitmap detach md0\nstop\n"
    );
    stage.boot("place", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        let attach = stage.json("attach")?;
        let file = attach["facts"]["file"].as_str().unwrap_or_default();
        ensure!(file.starts_with("/var/lib/mdbitmap/") && file.ends_with(".bitmap"), "{attach}");
        let uuid = stage.out("attached/sys.txt")?;
        let uuid = uuid.lines().find_map(|line| line.strip_prefix("uuid: ")).unwrap_or_default();
        ensure!(!uuid.is_empty() && file.contains(uuid), "{file} is not named by {uuid}");
        ensure!(stage.out("directory")?.starts_with("drwx------"), "{}", stage.out("directory")?);
        ensure!(stage.out("files")?.contains("-rw-------"), "{}", stage.out("files")?);
        let tmpfs = stage.out("tmpfs.err")?;
        ensure!(tmpfs.contains("tmpfs does not tell where the blocks"), "{tmpfs}");
        Ok(())
    };
    judge().with_context(|| stage.describe())
}

/// Somebody reads the file while it is attached, which leaves old bits in the page cache. `resync`
/// must go by what the kernel wrote.
fn read_meanwhile() -> Result<()> {
    let stage = Stage::disks(2).size(40 << 20).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{FUNCTIONS}raid 1 2\nfill\n$mdbitmap attach -c 512B -d 1 md0 /run/fs/bitmap\n\
         until_true 20 none_dirty\ncat /run/fs/bitmap > /run/before\n\
         mdadm /dev/md0 --fail $(disk 1)\n\
         gone() {{ mdadm /dev/md0 --remove $(disk 1); }}\nuntil_true 20 gone\n\
         put 3 8000 16\nuntil_true 5 some_dirty 16\ncmp /run/before /run/fs/bitmap\nstop\n\
         says resync 0 $mdbitmap resync --json --bitmap /run/fs/bitmap $(disks 0 2)\n\
         mdadm --assemble /dev/md0 --bitmap=/run/fs/bitmap $(disks 0 2)\nidle\ncapture after\n\
         judge after\nstop\n"
    );
    stage.boot("cache", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        let resync = stage.json("resync")?;
        ensure!(resync["decision"] == "partial", "{resync}");
        Observed::load(&stage, "after")?.complete(2)?;
        ensure!(expect::mismatches(&stage, "after")? == 0, "the members differ");
        Ok(())
    };
    judge().with_context(|| stage.describe())
}
