//! What is asked on a terminal before something is written, and every way to answer it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use nix::pty::openpty;
use tempfile::TempDir;

use crate::hostile::{array, contents, shell};
use crate::support::kill;

/// Runs the program on a terminal of its own, types `answer` when it asks, and gives the exit status
/// and all that the terminal showed.
fn typed(dir: &Path, words: &str, answer: &[u8]) -> (i32, String) {
    let pty = openpty(None, None).unwrap();
    let stream = || Stdio::from(pty.slave.try_clone().unwrap());
    // A terminal of its own is what Ctrl-C needs; `timeout` in front would be stopped with it.
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_mdbitmap")]).args(words.split(' '));
    let command = command.current_dir(dir).stdin(stream()).stdout(stream()).stderr(stream());
    let mut child = command.spawn().unwrap();
    // The last one of this side goes, so that reading ends with the program.
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    drop(pty.slave);
    let bound = bound(child.id());
    let mut terminal = File::from(pty.master);
    let (mut shown, mut block, mut asked) = (Vec::new(), [0; 4096], false);
    while let Ok(count @ 1..) = terminal.read(&mut block) {
        shown.extend_from_slice(&block[..count]);
        if !asked && shown.ends_with(b"[y/N] ") {
            terminal.write_all(answer).unwrap();
            asked = true;
        }
    }
    drop(bound);
    let shown = String::from_utf8(shown).unwrap();
    assert!(asked, "{words}: nothing was asked: {shown}");
    (child.wait().unwrap().code().unwrap_or(-1), shown)
}

/// Kills who does not end, unless what is given back is dropped before.
fn bound(id: u32) -> Sender<()> {
    let (ended, wait) = channel();
    std::thread::spawn(move || match wait.recv_timeout(Duration::from_secs(120)) {
        Err(RecvTimeoutError::Timeout) => kill(id, "KILL"),
        _ => true,
    });
    ended
}

/// What is typed, and whether that is a yes; none is Ctrl-C.
const ANSWERS: [(&[u8], Option<bool>); 10] = [
    (b"y\n", Some(true)),
    (b"Y\n", Some(true)),
    (b"yes\n", Some(true)),
    (b"n\n", Some(false)),
    (b"no\n", Some(false)),
    (b"\n", Some(false)),
    (b"yes, but\n", Some(false)),
    // The end of the file, at once and behind what would have been a yes.
    (b"\x04", Some(false)),
    (b"y\x15\x04", Some(false)),
    (b"\x03", None),
];

/// Members that are clean.
fn clean() -> TempDir {
    let dir = array();
    assert_eq!(shell(dir.path(), "mdbitmap resync $M").status, 0);
    dir
}

#[test]
fn clear_takes_a_yes_and_nothing_else_for_one() {
    for (answer, yes) in ANSWERS {
        let dir = clean();
        shell(dir.path(), "mdbitmap create --size 16M b");
        let before = contents(dir.path());
        let (status, shown) = typed(dir.path(), "clear --range all b", answer);
        let expected = yes.map_or(130, |yes| if yes { 0 } else { 3 });
        assert_eq!(status, expected, "{answer:?}: {shown}");
        assert_eq!(contents(dir.path()) == before, yes != Some(true), "{answer:?}: {shown}");
        let said = shown.contains("nothing was written");
        assert_eq!(said, yes != Some(true), "{answer:?}: {shown}");
    }
}

#[test]
fn repair_shows_what_it_would_write_and_takes_a_yes_for_it() {
    for (answer, yes) in ANSWERS {
        let dir = clean();
        let member = dir.path().join("d/member1.img");
        let mut bytes = fs::read(&member).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&member, bytes).unwrap();
        let before = contents(dir.path());
        let words = format!("repair {}", crate::hostile::MEMBERS);
        let (status, shown) = typed(dir.path(), &words, answer);
        let expected = yes.map_or(130, |yes| if yes { 0 } else { 3 });
        assert_eq!(status, expected, "{answer:?}: {shown}");
        assert_eq!(contents(dir.path()) == before, yes != Some(true), "{answer:?}: {shown}");
    }
}

#[test]
fn nobody_is_asked_where_the_question_could_not_be_answered() {
    let dir = clean();
    shell(dir.path(), "mdbitmap create --size 16M b");
    let before = contents(dir.path());
    for input in ["</dev/null", "<<<y", "<&-"] {
        let refused = shell(dir.path(), &format!("mdbitmap clear --range all b {input}"));
        assert_eq!(refused.status, 3, "{input}: {refused:?}");
        assert!(refused.err.contains("--yes"), "{input}: {refused:?}");
        let refused = shell(dir.path(), &format!("mdbitmap repair $M {input}"));
        assert_eq!(refused.status, 3, "{input}: {refused:?}");
    }
    assert!(contents(dir.path()) == before);
}
