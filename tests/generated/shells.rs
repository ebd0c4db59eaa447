//! The shells themselves complete: what a user gets who presses TAB.

use std::path::Path;
use std::process::Command;

use crate::{have, root};

/// What bash offers after `words`, the last of which is being typed.
fn bash(words: &[&str], dir: &Path) -> Vec<String> {
    let script = root().join("completions/mdbitmap.bash");
    let typed: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let text = format!(
        "source '{}'\n\
         _mdbitmap_arrays() {{ printf '%s\\n' /dev/md0 /dev/md127 /dev/md/home; }}\n\
         _mdbitmap_devices() {{ printf '%s\\n' /dev/sda1 /dev/sdb1; }}\n\
         COMP_WORDS=(mdbitmap {}) COMP_CWORD={}\n_mdbitmap\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        typed.join(" "),
        words.len(),
    );
    offered(Command::new("bash").args(["--norc", "-c", &text]).current_dir(dir))
}

fn offered(command: &mut Command) -> Vec<String> {
    let told = command.output().unwrap();
    let error = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.status.success() && error.is_empty(), "{error}");
    let text = String::from_utf8(told.stdout).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
}

fn images() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["disk0.img", "disk1.img"] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    dir
}

#[test]
fn bash_offers_what_fits_the_place() {
    if !have("bash", "--version") {
        return;
    }
    let dir = images();
    let table: &[(&[&str], &[&str])] = &[
        (&["att"], &["attach"]),
        (&["help", "dem"], &["demo"]),
        (&["attach", "--int"], &["--internal"]),
        (&["stop", ""], &["/dev/md0", "/dev/md127", "/dev/md/home"]),
        (&["stop", "/dev/md1"], &["/dev/md127"]),
        (&["wait", "/dev/md0", "md1"], &["md127"]),
        (&["attach", "md0", "disk1"], &["disk1.img"]),
        (&["attach", "--chunk", "64K", "/dev/md/"], &["/dev/md/home"]),
        (&["attach", "--chunk", ""], &[]),
        (&["assemble", "--bitmap", "disk0"], &["disk0.img"]),
        (&["resync", "d"], &["disk0.img", "disk1.img"]),
        (&["resync", "disk0.img", "/dev/sdb"], &["/dev/sdb1"]),
        (&["resync", "--engine", "s"], &["sync"]),
        (&["remove", "md0", "fai"], &["failed"]),
        (&["detach", "--forc"], &["--force="]),
        (&["detach", "--force", "="], &["degraded"]),
        (&["detach", "--force", "=", "deg"], &["degraded"]),
        (&["detach", "--force", "=", "degraded", "/dev/md1"], &["/dev/md127"]),
        (&["no-such-command", ""], &[]),
    ];
    for (words, wanted) in table {
        let found = bash(words, dir.path());
        let mut sorted = found.clone();
        sorted.sort();
        let mut wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        wanted.sort();
        assert_eq!(sorted, wanted, "{words:?}");
    }
}

#[test]
fn fish_offers_what_fits_the_place() {
    if !have("fish", "--version") {
        return;
    }
    let dir = images();
    let script = root().join("completions/mdbitmap.fish");
    let table: &[(&str, &[&str])] = &[
        ("att", &["attach"]),
        ("attach --int", &["--internal"]),
        ("stop ", &["/dev/md0"]),
        ("attach md0 disk1", &["disk1.img"]),
        ("resync disk", &["disk0.img", "disk1.img"]),
        ("resync --engine s", &["sync"]),
        ("remove md0 fai", &["failed"]),
        ("detach --force=deg", &["--force=degraded"]),
    ];
    for (typed, wanted) in table {
        let text = format!(
            "source '{}'; function __mdbitmap_arrays; echo /dev/md0; end; \
             function __mdbitmap_devices; end; complete -C 'mdbitmap {typed}'",
            script.display()
        );
        let home = ("HOME", dir.path());
        let found = offered(
            Command::new("fish")
                .args(["--no-config", "-c", &text])
                .env(home.0, home.1)
                .current_dir(dir.path()),
        );
        let found: Vec<_> = found.iter().map(|line| line.split('\t').next().unwrap()).collect();
        for word in *wanted {
            assert!(found.contains(word), "mdbitmap {typed}: {found:?}");
        }
    }
}

/// zsh completes on a terminal alone, so it gets one, and the line is sent off when it is complete:
/// the function that stands for the program tells what arrived.
#[test]
fn zsh_completes_what_fits_the_place() {
    if !have("zsh", "--version") {
        return;
    }
    let dir = images();
    let script = root().join("completions/_mdbitmap");
    let table = [
        ("att", "attach"),
        ("attach --int", "attach --internal"),
        ("stop /dev/md1", "stop /dev/md127"),
        ("wait /dev/md0 md1", "wait /dev/md0 md127"),
        ("attach --chunk 64K md1", "attach --chunk 64K md127"),
        ("attach md0 disk1", "attach md0 disk1.img"),
        ("resync disk0.img disk1", "resync disk0.img disk1.img"),
        ("resync disk0.img /dev/sdb", "resync disk0.img /dev/sdb1"),
        ("resync --engine s", "resync --engine sync"),
        ("remove md0 fai", "remove md0 failed"),
        ("detach --force=deg", "detach --force=degraded"),
    ];
    let typed: Vec<_> = table.iter().map(|(typed, _)| format!("'{typed}'")).collect();
    let text = include_str!("complete.zsh")
        .replace("@SCRIPT@", script.to_str().unwrap())
        .replace("@TYPED@", &typed.join(" "));
    // A terminal that says nothing would be read for ever.
    let mut zsh = Command::new("timeout");
    let found = offered(
        zsh.args(["60", "zsh", "-f", "-c", &text]).env("HOME", dir.path()).current_dir(dir.path()),
    );
    assert_eq!(found, table.map(|(_, wanted)| wanted));
}
