//! A world that means harm, or is merely short of everything: links where root would write, names
//! that steer terminals, streams that are closed, limits and full disks, sizes at the end of numbers.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::{Run, have, kill, mdbitmap, run, temp_dir};

/// A practice array of three members in a directory.
pub(crate) fn array() -> TempDir {
    let dir = temp_dir();
    let path = dir.path().join("d");
    let made = run(["demo", path.to_str().unwrap(), "--make-only", "--size", "16M"]);
    assert_eq!(made.status, 0, "{made:?}");
    dir
}

pub(crate) const MEMBERS: &str = "d/member0.img d/member1.img d/member2.img";

/// Runs `script` in `dir`; `mdbitmap` is the program, `$M` the members.
pub(crate) fn shell(dir: &Path, script: &str) -> Run {
    let program = env!("CARGO_BIN_EXE_mdbitmap");
    let script = format!("mdbitmap() {{ timeout 60 {program} \"$@\"; }}\nM='{MEMBERS}'\n{script}");
    let output = Command::new("bash").args(["-c", &script]).current_dir(dir).output().unwrap();
    Run {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// All files below `dir`, with what is in them.
pub(crate) fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            found.extend(contents(&path));
        } else if kind.is_file() {
            found.push((path.clone(), fs::read(path).unwrap()));
        } else {
            assert!(kind.is_symlink() || kind.is_fifo(), "{path:?}");
            found.push((path, Vec::new()));
        }
    }
    found.sort();
    found
}

/// Every command that makes a file, with the name of it in `$F`.
pub(crate) const MAKERS: [&str; 9] = [
    "create --size 1M $F",
    "create --size 1M --force=overwrite $F",
    "check --checkpoint $F $M",
    "convert --to file --bitmap $F $M",
    "merge d/member0.img d/member1.img -o $F",
    "rechunk d/member0.img --chunk 1M -o $F --force=overwrite",
    "restore good.dump $F",
    "restore --force=overwrite good.dump $F",
    "demo $F --make-only --size 16M",
];

#[test]
fn nothing_is_written_through_a_link_that_somebody_planted() {
    let dir = array();
    let made = shell(
        dir.path(),
        "mdbitmap resync $M >/dev/null; mdbitmap dump d/member0.img >good.dump; echo precious >precious",
    );
    assert_eq!(made.status, 0, "{made:?}");
    for target in ["precious", "d/member1.img", "nowhere/at-all", "not-there"] {
        symlink(target, dir.path().join("link")).unwrap();
        let before = contents(dir.path());
        for command in MAKERS {
            let refused = shell(dir.path(), &format!("F=link; mdbitmap {command}"));
            assert!([2, 3, 5].contains(&refused.status), "{command} -> {target}: {refused:?}");
            assert!(refused.err.contains("link"), "{command}: {refused:?}");
            assert!(contents(dir.path()) == before, "{command} wrote through the link to {target}");
        }
        fs::remove_file(dir.path().join("link")).unwrap();
    }
}

#[test]
fn a_pipe_or_a_device_is_no_place_for_a_file_and_nobody_waits_for_it() {
    let dir = array();
    shell(dir.path(), "mkfifo fifo; mdbitmap resync $M; mdbitmap dump d/member0.img >good.dump");
    let before = contents(dir.path());
    for place in ["fifo", "/dev/null", "/dev/zero", "d"] {
        // A directory that is there is what a practice array is made in; it holds one already.
        for command in MAKERS {
            let refused = shell(dir.path(), &format!("F={place}; mdbitmap {command}"));
            assert!([2, 3, 5].contains(&refused.status), "{command} {place}: {refused:?}");
        }
        for command in ["examine", "inspect", "is clean", "set --range 0-1M", "resync", "check"] {
            let refused = shell(dir.path(), &format!("mdbitmap {command} {place}"));
            assert!((2..=5).contains(&refused.status), "{command} {place}: {refused:?}");
        }
    }
    assert!(contents(dir.path()) == before);
}

#[test]
fn a_text_is_taken_from_a_pipe_as_from_a_file() {
    let dir = array();
    let script = "mkfifo pipe; mdbitmap dump d/member0.img >text; \
                  mdbitmap restore text from-file || exit 1; \
                  (cat text >pipe &); mdbitmap restore pipe from-pipe || exit 1; \
                  cat text | mdbitmap restore - from-stdin || exit 1; \
                  (cat text >pipe &); mdbitmap verify-dump pipe d/member0.img || exit 1; \
                  cmp from-file from-pipe && cmp from-file from-stdin";
    let made = shell(dir.path(), script);
    assert_eq!(made.status, 0, "{made:?}");
    // Half a dump, and a writer that says nothing.
    for writer in ["head -c 300 text", ":"] {
        let cut = shell(dir.path(), &format!("({writer} >pipe &); mdbitmap restore pipe half"));
        assert_eq!(cut.status, 4, "{writer}: {cut:?}");
    }
    assert!(!dir.path().join("half").exists());
    let report = "mdbitmap check --json --progress none $M >found; \
                  sed 's/\"schema\":1/\"schema\":9/; s/\"schema\": 1/\"schema\": 9/' found >other; ";
    for source in [
        "(cat other >pipe &); mdbitmap files --ranges pipe $M",
        "mdbitmap files --ranges - $M <other",
    ] {
        let refused = shell(dir.path(), &format!("{report}{source}"));
        assert_eq!(refused.status, 2, "{source}: {refused:?}");
        assert!(refused.err.contains("schema 9"), "{source}: {refused:?}");
    }
    for refused in
        ["restore d new", "verify-dump d", "files --ranges d $M", "create --array pipe new"]
    {
        let refused = shell(dir.path(), &format!("mdbitmap {refused}"));
        assert!((2..=5).contains(&refused.status), "{refused:?}");
    }
}

#[test]
fn a_pipe_that_nobody_writes_to_is_told_and_can_be_left() {
    let dir = array();
    assert_eq!(shell(dir.path(), "mkfifo pipe").status, 0);
    let members: Vec<&str> = MEMBERS.split(' ').collect();
    let files = [&["files", "--ranges", "pipe"], &members[..]].concat();
    for args in [&["restore", "pipe", "new"][..], &["verify-dump", "pipe"], &files] {
        let mut command = mdbitmap();
        let started = command.args(args).current_dir(dir.path()).stderr(Stdio::piped()).spawn();
        let mut child = started.unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("waiting for somebody to write to pipe"), "{args:?}: {line}");
        assert!(kill(child.id(), "TERM"));
        assert_eq!(child.wait().unwrap().code(), Some(130), "{args:?}");
    }
    assert!(!dir.path().join("new").exists());
}

#[test]
fn what_is_made_is_for_its_owner_alone_whatever_the_umask() {
    let dir = array();
    let script = "umask 0; mdbitmap resync $M; mdbitmap create --size 1M new; mdbitmap dump new >x; \
                  mdbitmap restore x again; mdbitmap demo e --make-only --size 16M";
    assert_eq!(shell(dir.path(), script).status, 0);
    for name in ["new", "again", "e/member0.img"] {
        let mode = fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
    assert_eq!(fs::metadata(dir.path().join("e")).unwrap().mode() & 0o077, 0);
}

#[test]
fn output_that_is_lost_is_no_success_and_no_member_takes_the_place_of_a_stream() {
    let dir = array();
    shell(dir.path(), "mdbitmap resync $M");
    let before = contents(dir.path());
    for streams in
        [">&-", "2>&-", "<&-", "<&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>&1", "2>/dev/full"]
    {
        for command in [
            "inspect $M",
            "check $M",
            "examine d/member0.img",
            "resync --dry-run $M",
            "is clean $M",
            "resync --full $M",
            "status",
            "estimate --size 1G",
            "--help",
            "--version",
            "dump d/member0.img",
            "repair --dry-run $M",
        ] {
            let ran = shell(dir.path(), &format!("mdbitmap {command} {streams}"));
            let lost =
                streams.starts_with(">/dev/full") || streams.contains(">&- 2") || streams == ">&-";
            let expected = if lost { 5 } else { 0 };
            assert_eq!(ran.status, expected, "{command} {streams}: {ran:?}");
            let closed = streams == ">&-";
            assert_eq!(ran.err.contains("standard output is closed"), closed, "{command}: {ran:?}");
        }
        let quiet = shell(dir.path(), &format!("mdbitmap is clean --quiet $M {streams}"));
        assert_eq!(quiet.status, 0, "{streams}: {quiet:?}");
    }
    assert!(data(&contents(dir.path())) == data(&before), "what is printed went into a member");
}

#[test]
fn without_standard_output_nothing_is_begun() {
    let dir = array();
    let before = contents(dir.path());
    for command in
        ["resync $M", "set --range 0-1M $M", "create --size 1M new", "demo e --make-only"]
    {
        let refused = shell(dir.path(), &format!("mdbitmap {command} >&-"));
        assert_eq!(refused.status, 5, "{command}: {refused:?}");
        assert!(contents(dir.path()) == before, "{command} did something");
    }
    // A /dev/null that somebody asked for is none that hides a closed stream, however it was opened.
    for null in [">/dev/null", "<>/dev/null >&0"] {
        assert_eq!(shell(dir.path(), &format!("mdbitmap examine d/member0.img {null}")).status, 0);
    }
}

#[test]
fn a_reader_that_went_away_hides_no_answer() {
    let dir = array();
    let plain = dir.path().join("plain");
    fs::write(&plain, "x").unwrap();
    let members: Vec<_> = (0..3).map(|n| dir.path().join(format!("d/member{n}.img"))).collect();
    for (words, targets, status) in [
        ("is clean", &members[..], 1),
        ("is clean --json", &members[..], 1),
        ("is dirty", &members[..], 0),
        ("examine --test", &members[..1], 1),
        ("examine", std::slice::from_ref(&plain), 4),
        ("inspect", std::slice::from_ref(&plain), 4),
        ("check --list 5", &members[..], 1),
        ("dump", &members[..1], 0),
        ("resync --dry-run", &members[..], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = mdbitmap();
        command.args(words.split(' ')).args(targets).stdout(writer);
        let ran = Run::from(command.output().unwrap());
        assert_eq!(ran.status, status, "{words}: {ran:?}");
    }
}

/// The bytes behind superblock and bitmap.
fn data(files: &[(PathBuf, Vec<u8>)]) -> Vec<&[u8]> {
    files.iter().map(|(_, bytes)| bytes.get(1 << 20..).unwrap_or(&[])).collect()
}

#[test]
fn short_of_descriptors_it_says_so_and_changes_nothing() {
    let dir = array();
    let before = contents(dir.path());
    for limit in 4..12 {
        for command in ["inspect $M", "resync $M --dry-run", "check $M", "examine d/member0.img"] {
            let ran = shell(dir.path(), &format!("ulimit -n {limit}; mdbitmap {command}"));
            let said = ran.err.contains("Too many open files") || ran.err.contains("Error 24");
            let found = command.starts_with("check") && ran.status == 1;
            assert!(found || ran.status == 0 || said, "{limit} {command}: {ran:?}");
        }
    }
    assert!(contents(dir.path()) == before);
}

#[test]
fn a_file_that_may_not_grow_is_not_left_behind() {
    let dir = array();
    shell(
        dir.path(),
        "mdbitmap create --size 64M --chunk 512B base; mdbitmap dump base >base.dump",
    );
    let before = contents(dir.path());
    for command in [
        "create --size 64M --chunk 512B new",
        "rechunk base --chunk 1K -o new",
        "merge base base -o new",
        "invert base -o new",
        "restore base.dump new",
    ] {
        let failed = shell(dir.path(), &format!("ulimit -f 1; mdbitmap {command}"));
        assert_eq!(failed.status, 5, "{command}: {failed:?}");
        assert!(failed.err.contains("File too large"), "{command}: {failed:?}");
        assert!(contents(dir.path()) == before, "{command} left something");
    }
}

#[test]
fn a_full_disk_leaves_no_half_of_a_file_and_what_was_to_be_replaced() {
    let dir = array();
    let made = shell(
        dir.path(),
        "mkdir small && mount -t tmpfs -o size=64k none small && \
         mdbitmap create --size 64M --chunk 512B base && mdbitmap dump base >base.dump",
    );
    if !have("no tmpfs can be mounted (root only)", made.status == 0) {
        return;
    }
    let small = Mounted(dir.path().join("small"));
    shell(dir.path(), "mdbitmap create --size 1M small/old; dd if=/dev/zero of=small/fill bs=4k");
    let before = contents(&small.0);
    for command in [
        "create --size 256M --chunk 512B small/new",
        "create --size 256M --chunk 512B --force=overwrite small/old",
        "rechunk base --chunk 1K -o small/new",
        "merge base base -o small/new",
        "restore base.dump small/new",
        "dump base >small/new.dump",
        "demo small/demo --make-only --size 16M",
    ] {
        let failed = shell(dir.path(), &format!("mdbitmap {command}"));
        assert_eq!(failed.status, 5, "{command}: {failed:?}");
        // The shell made that one, not we.
        let _ = fs::remove_file(small.0.join("new.dump"));
        assert!(contents(&small.0) == before, "{command} left something");
    }
}

/// A mount that goes away with the test.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
