//! Names of arrays, members and files that steer a terminal are printed escaped, as text and as JSON.

use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{have, run, temp_dir};

/// What is asked about members.
const OF_MEMBERS: &[&str] = &[
    "inspect",
    "inspect --hex",
    "check",
    "check --list 3",
    "resync --dry-run",
    "repair --dry-run",
    "is intact",
    "locate --bit 3",
    "files",
    "examine",
    "estimate --size 1G --array",
    "set --dry-run --range 0-1M",
    "clear --dry-run --range 0-1M",
    "diff",
    "dump",
    "create --dry-run --array",
    "resync --dry-run --full --checkpoint",
    "convert --dry-run --to file --bitmap nowhere",
    "rechunk --chunk 4M --dry-run -o nowhere",
    "merge --dry-run -o nowhere",
    "set-uuid --dry-run --array",
    "repair-header --dry-run --array",
];

/// What says no to a name.
const OF_ANYTHING: &[&str] = &[
    "examine",
    "create --size",
    "create --chunk",
    "is",
    "status",
    "wait",
    "attach",
    "stop",
    "verify-dump",
    "check --range",
    "resync --force",
    "demo --level",
    "",
];

#[test]
fn no_name_steers_a_terminal() {
    let dir = temp_dir();
    let name = b"\x1b]0;owned\x07\xe2\x80\xaegmi.\xe2\x80\x8b\xc2\x9b31m\n\xff".to_vec();
    let path = dir.path().join(std::ffi::OsString::from_vec(name));
    let steers = |text: &str| {
        text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{200b}')
            || text.contains("owned\n")
    };
    let array = path.to_str().is_none().then(|| path.clone()).unwrap();
    let demo = run([Path::new("demo"), &array, Path::new("--make-only"), Path::new("--size=16M")]);
    assert_eq!(demo.status, 0, "{demo:?}");
    let members: Vec<_> = (0..3).map(|n| array.join(format!("member{n}.img"))).collect();
    members.iter().for_each(|member| rename(member, "h\u{202e}:\u{9b}31m\u{200b}\u{1b}]0;x\u{7}"));
    let mut seen = vec![demo];
    for words in OF_MEMBERS {
        for json in ["", " --json"] {
            let words: Vec<_> = format!("{words}{json}").split(' ').map(PathBuf::from).collect();
            for count in 1..=3 {
                let seen_now = run(words.iter().chain(members.iter().take(count)));
                let parsed = json.is_empty() || seen_now.out.is_empty() || is_json(&seen_now.out);
                assert!(parsed, "{words:?}: {seen_now:?}");
                seen.push(seen_now);
            }
        }
    }
    let odd = dir.path().join("a\u{1b}[31m\u{202e}b");
    for words in OF_ANYTHING {
        let words = words.split(' ').filter(|word| !word.is_empty()).map(PathBuf::from);
        seen.push(run(words.chain([odd.clone()])));
    }
    let found: Vec<_> = seen.iter().filter(|r| steers(&r.out) || steers(&r.err)).collect();
    assert!(found.is_empty(), "{found:#?}");
    for escaped in ["\\u{202e}gmi", "h\\u{202e}:", "\\u202egmi", "h\\u202e:"] {
        assert!(seen.iter().any(|run| run.out.contains(escaped)), "{escaped} is never printed");
    }
}

/// One object, or one on each line.
fn is_json(text: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
    read(text) || text.lines().all(read)
}

/// Gives the array another name, in the superblock of version 1.2 of one member.
fn rename(member: &Path, name: &str) {
    let mut bytes = fs::read(member).unwrap();
    let superblock = &mut bytes[4096..][..1024];
    superblock[32..64].fill(0);
    superblock[32..][..name.len()].copy_from_slice(name.as_bytes());
    superblock[216..220].fill(0);
    let word = |at: usize| u32::from_le_bytes(superblock[at..at + 4].try_into().unwrap());
    let roles = usize::try_from(word(220)).unwrap();
    let mut sum: u64 = (0..(256 + 2 * roles) / 4).map(|n| u64::from(word(4 * n))).sum();
    if roles % 2 == 1 {
        let last = 256 + 2 * roles - 2;
        sum += u64::from(u16::from_le_bytes(superblock[last..last + 2].try_into().unwrap()));
    }
    let sum = u32::try_from((sum & 0xffff_ffff) + (sum >> 32)).unwrap();
    superblock[216..220].copy_from_slice(&sum.to_le_bytes());
    fs::write(member, bytes).unwrap();
}

#[test]
fn a_terminal_gets_no_escapes_of_names_either() {
    let there = Command::new("script").arg("--version").output().is_ok();
    if !have("script (util-linux) is not installed", there) {
        return;
    }
    let dir = temp_dir();
    let program = env!("CARGO_BIN_EXE_mdbitmap");
    for words in ["examine", "is", "create --size", "resync --progress", "--no-such"] {
        let line = format!("{program} {words} \"$(printf 'x\\033]0;owned\\007y')\"");
        let told = Command::new("script").args(["-qec", &line, "/dev/null"]).output();
        let _ = dir.path();
        let told = String::from_utf8_lossy(&told.unwrap().stdout).into_owned();
        assert!(!told.contains("\u{1b}]0;"), "{words}: {told:?}");
    }
}
