//! Files: real bytes, private, cheap to make, and nothing left behind when it fails.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::create;
use crate::support::{have, kill, mdbitmap, temp_dir};

/// A bitmap of a gigabyte: 512-byte chunks over 4 TiB.
const HUGE: [&str; 5] = ["create", "-c", "512B", "-z", "4T"];

fn start(path: &Path, args: &[&str]) -> Child {
    mdbitmap().args(args).arg(path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn entries(dir: &Path) -> usize {
    fs::read_dir(dir).unwrap().count()
}

#[test]
fn a_file_has_no_holes_and_is_private() {
    let dir = temp_dir();
    let path = dir.path().join("bitmap");
    for (clean, umask) in [(true, "000"), (false, "777")] {
        let args = if clean { "--clean" } else { "--json" };
        let script = format!("umask {umask}; exec \"$0\" create -c 512B -z 10G {args} \"$1\"");
        let program = env!("CARGO_BIN_EXE_mdbitmap");
        let run = Command::new("sh").args(["-c", &script, program]).arg(&path).output().unwrap();
        assert!(run.status.success());
        let meta = fs::metadata(&path).unwrap();
        assert_eq!(meta.len(), 256 + (10 << 30) / 512 / 8);
        assert!(meta.blocks() * 512 >= meta.len(), "{} blocks", meta.blocks());
        assert_eq!(meta.permissions().mode() & 0o7777, 0o600);
        fs::remove_file(&path).unwrap();
    }
}

/// The most memory a process has used, as its own status tells; none once it is gone.
fn peak_kib(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
fn a_gigabyte_of_bits_costs_a_few_megabytes() {
    let dir = temp_dir();
    let path = dir.path().join("bitmap");
    let mut child = start(&path, &HUGE);
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak_kib(&child).unwrap_or(0).max(peak);
        sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::metadata(&path).unwrap().len(), 256 + (1 << 30));
    assert!(peak > 0 && peak < 16 << 10, "{peak} KiB");
}

#[test]
fn a_signal_leaves_nothing_behind() {
    for (signal, code) in [("TERM", Some(130)), ("INT", Some(130)), ("KILL", None)] {
        let dir = temp_dir();
        let child = start(&dir.path().join("bitmap"), &HUGE);
        sleep(Duration::from_millis(150));
        assert!(kill(child.id(), signal), "it was done before it could be stopped");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), code, "{signal}: {output:?}");
        assert_eq!(entries(dir.path()), 0, "{signal}");
    }
}

#[test]
fn a_write_that_fails_half_way_leaves_nothing_behind() {
    let dir = temp_dir();
    // The shell counts in blocks of 512 bytes or 1 KiB; either is far below 2 MiB.
    let script = "ulimit -f 1000; exec \"$0\" create -c 512B -z 8G \"$1\"";
    let program = env!("CARGO_BIN_EXE_mdbitmap");
    let mut shell = Command::new("sh");
    let run = shell.args(["-c", script, program]).arg(dir.path().join("bitmap")).output().unwrap();
    assert_eq!(run.status.code(), Some(5), "{run:?}");
    assert!(String::from_utf8_lossy(&run.stderr).contains("File too large"), "{run:?}");
    assert_eq!(entries(dir.path()), 0);
}

/// A small ext2 that needs more blocks for a file than the file has.
struct Small {
    at: tempfile::TempDir,
}

impl Small {
    fn new(dir: &tempfile::TempDir) -> Option<Self> {
        let image = dir.path().join("fs");
        fs::write(&image, vec![0; 4 << 20]).unwrap();
        let quiet = |command: &mut Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
        };
        let at = temp_dir();
        let made = quiet(Command::new("mke2fs").args(["-q", "-F", "-b", "1024"]).arg(&image));
        let mounted =
            made && quiet(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(at.path()));
        have("no file system can be mounted (root, mke2fs)", mounted).then_some(Self { at })
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.at.path()).status();
    }
}

#[test]
fn a_full_file_system_is_left_as_it_was() {
    let dir = temp_dir();
    let Some(small) = Small::new(&dir) else { return };
    let before = entries(small.at.path());
    let free = || {
        let text = Command::new("stat").args(["-f", "-c", "%f"]).arg(small.at.path()).output();
        String::from_utf8(text.unwrap().stdout).unwrap().trim().parse::<u64>().unwrap()
    };
    let blocks = free();
    let path = small.at.path().join("bitmap");
    // Known at once: larger than what is free.
    let run = create(&path, &["-c", "512B", "-z", "64G"]);
    assert_eq!(run.status, 5);
    assert!(run.err.contains("no room: the bitmap takes"), "{}", run.err);
    // Learnt while writing: the bits alone would fit, the blocks that list them do not.
    let sectors = format!("{}s", (blocks * 1024 - 256) * 8);
    let run = create(&path, &["-c", "512B", "-z", &sectors]);
    assert_eq!(run.status, 5);
    assert!(run.err.contains("No space left on device"), "{}", run.err);
    assert_eq!((entries(small.at.path()), free()), (before, blocks));
}
