//! Every reason not to attach, on a real array and real file systems: exit status 3 (or what else
//! is promised), a sentence that tells it, no bitmap afterwards and no file left behind.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::fs::FsKind;
use crate::stage::{self, Stage};
use crate::uml::{Kernel, Until};

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/attach/file/refused-file-systems", file_systems),
        Job::new("live/attach/file/refused-files", files),
        Job::new("live/attach/file/refused-on-the-array", on_the_array),
        Job::new("live/attach/refused-arrays", arrays),
        Job::new("live/attach/refused-journal-and-ppl", journal_and_ppl),
        Job::new("live/attach/kernel-without-bitmap-files", explained),
    ]
}

/// `says NAME STATUS attach md0 FILE`, and afterwards there is no bitmap.
fn refusal(name: &str, status: u32, arguments: &str) -> String {
    format!(
        "says {name} {status} $mdbitmap attach {arguments}\n\
         not grep -q bitmap: /proc/mdstat\n"
    )
}

fn told(stage: &Stage, name: &str, words: &str) -> Result<()> {
    let text = stage.out(&format!("{name}.err"))?;
    ensure!(text.contains(words), "{name}: {words:?} is not in: {text}");
    Ok(())
}

fn check(stage: &Stage, table: &[(&str, &str)]) -> Result<()> {
    table
        .iter()
        .try_for_each(|(name, words)| told(stage, name, words))
        .with_context(|| stage.describe())
}

/// tmpfs and Btrfs tell no blocks; XFS does.
fn file_systems() -> Result<()> {
    let mut plan = Stage::disks(2).fs(FsKind::Ext4);
    let mut body = String::from("raid 1 2\n");
    body += &refusal("tmpfs", 3, "md0 /run/bitmap");
    body += "[ ! -e /run/bitmap ]\n";
    let mut table = vec![("tmpfs", "tmpfs does not tell where the blocks of a file are")];
    for (kind, fine) in [(FsKind::Btrfs, false), (FsKind::Xfs, true), (FsKind::Overlay, false)] {
        if let Some(why) = kind.lacking()? {
            stage::skipped(&format!("attach on {}", kind.name()), &why)?;
            continue;
        }
        let (name, at) = (kind.name(), kind.mount_point());
        plan = plan.fs(kind);
        if fine {
            body += &format!(
                "says {name} 0 $mdbitmap attach md0 {at}/bitmap\ngrep -q file: /proc/mdstat\n\
                 $mdbitmap detach md0\n"
            );
            continue;
        }
        body += &refusal(name, 3, &format!("md0 {at}/bitmap"));
        body += &format!("[ ! -e {at}/bitmap ]\n");
        table.push((name, "does not tell where the blocks of a file are"));
    }
    let stage = plan.build()?;
    stage.boot("refused", &format!("{body}stop\n"), Until::PoweredOff)?;
    check(&stage, &table)
}

/// What is said of each of these files.
const FILES: [(&str, &str); 13] = [
    ("hole", "it has a hole"),
    ("fallocated", "it has a hole"),
    ("world", "others than root may write to it (mode 0666)"),
    ("foreign", "it belongs to user 1000"),
    ("busy", "has it open for writing"),
    ("link", "it is a symbolic link"),
    ("directory", "it is no regular file"),
    ("other", "the bitmap of another array"),
    ("short", "it is too short"),
    ("text", "is no bitmap"),
    ("device", "the kernel never took one"),
    ("twice", "the array has a bitmap in the file /run/fs/whole"),
    ("taken", "keeps its bitmap in it"),
];

/// Files that are there, and should not be taken.
fn files() -> Result<()> {
    let stage = Stage::disks(4).fs(FsKind::Ext4).build()?;
    let mut body = String::from(
        "raid 1 2\non md1 2\nraid 1 2\non md0 0\ncd /run/fs\n\
         new() { $mdbitmap create --force=overwrite --array /dev/md0 $1; }\n",
    );
    let mut add = |prepare: &str, name: &str, status| {
        body += &format!("{prepare}\ncd /run/lab\n");
        body += &refusal(name, status, &format!("md0 /run/fs/{name}"));
        body += "cd /run/fs\n";
    };
    add("new whole\ncp --sparse=always whole hole\ntruncate -s 8192 hole", "hole", 3);
    add("fallocate -l 65536 fallocated", "fallocated", 3);
    add("new world\nchmod 666 world", "world", 3);
    add("new foreign\nchown 1000 foreign", "foreign", 3);
    add("new busy\nexec 7>> busy", "busy", 3);
    add("exec 7>&-\nln -s whole link", "link", 3);
    add("mkdir directory", "directory", 2);
    add("$mdbitmap create --array /dev/md1 other", "other", 3);
    add("new short\ntruncate -s 260 short", "short", 3);
    add("new text\necho nonsense > text", "text", 4);
    body += "cd /run/lab\n";
    body += &refusal("device", 3, &format!("md0 {}", crate::guest::disk(4)));
    body += "mknod /run/fs/node b 98 64\n";
    body += "says whole 0 $mdbitmap attach md0 /run/fs/whole\n";
    body += "says twice 3 $mdbitmap attach md0 /run/fs/world\n";
    body += "says taken 3 $mdbitmap attach md1 /run/fs/whole\nstop\non md1\nstop\n";
    stage.boot("refused", &body, Until::PoweredOff)?;
    check(&stage, &FILES)
}

/// Directly, and through a loop device on a file on it.
fn on_the_array() -> Result<()> {
    let stage = Stage::disks(2).size(24 << 20).fs(FsKind::Ext4).build()?;
    let mut body = String::from(
        "raid 1 2\ndriver loop\nmkfs.ext4 -q -F /dev/md0\nmkdir /run/on /run/loop\n\
         mount -t ext4 /dev/md0 /run/on\n",
    );
    body += &refusal("direct", 3, "md0 /run/on/bitmap");
    body += "[ ! -e /run/on/bitmap ]\ntruncate -s 8M /run/on/image\n\
             mkfs.ext4 -q -F /run/on/image\nmount -o loop -t ext4 /run/on/image /run/loop\n";
    body += &refusal("loop", 3, "md0 /run/loop/bitmap");
    body += "says inuse 3 $mdbitmap stop md0\numount /run/loop\numount /run/on\nstop\n";
    stage.boot("refused", &body, Until::PoweredOff)?;
    let table = [
        ("direct", "on the array whose bitmap it"),
        ("loop", "on the array whose bitmap it"),
        ("inuse", "it is mounted on /run/on"),
    ];
    check(&stage, &table)
}

/// Arrays that can have no bitmap, or not now. No kernel is asked, so all of them answer alike.
fn arrays() -> Result<()> {
    let stage = Stage::disks(3).size(24 << 20).build()?;
    let mut body = String::from("raid 0 2\n");
    body += &refusal("raid0", 3, "md0 /run/bitmap");
    body += "stop\nmdadm --zero-superblock $(disks 0 2)\nraid 1 2\n\
             echo readonly > $md/array_state\n";
    body += &refusal("readonly", 3, "md0 /run/bitmap");
    body += "mdadm --readwrite /dev/md0\nslow 100\necho check > $md/sync_action\n";
    body += &refusal("check", 3, "md0 /run/bitmap");
    body += "echo frozen > $md/sync_action\n";
    body += &refusal("frozen", 3, "md0 /run/bitmap");
    body += "echo idle > $md/sync_action\nstop\n\
             mdadm --incremental $(disk 0) || true\n\
             on $(sed -n 's/^\\(md[^ ]*\\) : inactive.*/\\1/p' /proc/mdstat)\n";
    body += &refusal("inactive", 3, "$array /run/bitmap");
    body += "stop\non md0\n";
    body += &refusal("none", 2, "md0 /run/bitmap");
    body += &refusal("disk", 2, "$(disk 0) /run/bitmap");
    body += "mdadm --assemble /dev/md0 $(disks 0 2)\nmdadm --grow /dev/md0 --bitmap=internal\n\
             says internal 3 $mdbitmap attach md0 /run/bitmap\nstop\n\
             [ ! -e /run/bitmap ]\n";
    stage.boot("refused", &body, Until::PoweredOff)?;
    let table = [
        ("raid0", "raid0 has no redundancy"),
        ("readonly", "the array is read-only"),
        ("check", "a check runs"),
        ("frozen", "frozen"),
        ("inactive", "not running: its state is inactive"),
        ("none", "no array is assembled there"),
        ("disk", "no array is assembled there"),
        ("internal", "the array has a bitmap already (internal)"),
    ];
    check(&stage, &table)
}

fn journal_and_ppl() -> Result<()> {
    let stage = Stage::disks(4).size(24 << 20).build()?;
    let mut body = String::from("raid 5 3 --consistency-policy=ppl\n");
    body += &refusal("ppl", 3, "md0 /run/bitmap");
    body += "stop\nmdadm --zero-superblock $(disks 0 3)\n\
             raid 5 3 --write-journal $(disk 3)\n";
    body += &refusal("journal", 3, "md0 /run/bitmap");
    body += "stop\n";
    stage.boot("refused", &body, Until::PoweredOff)?;
    check(&stage, &[("ppl", "partial parity log"), ("journal", "has a journal")])
}

/// A kernel from 6.18 on: asked, refused, explained with the ways that work; nothing changed.
fn explained() -> Result<()> {
    let takes_files = Kernel::find()?.release()? < (6, 18);
    let stage = Stage::disks(2).fs(FsKind::Ext4).build()?;
    let status = if takes_files { 0 } else { 5 };
    let body = format!(
        "raid 1 2\nmount -t tmpfs tmpfs /var/lib\nls -a /run/fs > /run/before\n\
         says dry {status} $mdbitmap attach -n md0 /run/fs/bitmap\n\
         says file {status} $mdbitmap attach md0 /run/fs/bitmap\ncapture file\n\
         [ {status} = 0 ] || says named 5 $mdbitmap attach md0\n\
         ls -A /var/lib > out/left\nls -a /run/fs > /run/after\n\
         [ {status} = 0 ] || cmp /run/before /run/after\n\
         [ {status} = 0 ] || $mdbitmap attach --internal md0\nuntil_true 9 is_idle\n\
         capture instead\nstop\n"
    );
    stage.boot("explained", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        if takes_files {
            ensure!(stage.out("file/location")? == "file", "taken, and not there");
            return Ok(());
        }
        for name in ["dry", "file", "named"] {
            told(&stage, name, "this kernel takes no bitmap files")?;
            told(&stage, name, "since Linux 6.18")?;
            told(&stage, name, "attach --internal")?;
            told(&stage, name, "resync --bitmap")?;
        }
        ensure!(stage.out("left")?.is_empty(), "left behind: {}", stage.out("left")?);
        ensure!(stage.out("file/location")? == "none", "{}", stage.out("file/location")?);
        let instead = stage.out("instead/location")?;
        ensure!(instead.starts_with(['+', '-']), "what was proposed does not work: {instead}");
        Ok(())
    };
    judge().with_context(|| stage.describe())
}
