//! `assemble`: what is refused before the md driver is asked.

use std::fs;

use crate::support::{Loop, Run, have, image, run, temp_dir};

/// CAP_SYS_ADMIN, without which nothing else is looked at.
fn may() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let caps = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
    let root = u64::from_str_radix(caps, 16).unwrap() >> 21 & 1 == 1;
    have("this is not root", root)
}

fn refused(run: &Run, status: i32, words: &str) {
    assert_eq!(run.status, status, "{}", run.err);
    assert!(run.err.contains(words), "{}", run.err);
    assert_eq!(run.out, "");
}

#[test]
fn an_array_and_members_must_be_named() {
    assert_eq!(run(["assemble"]).status, 2);
    assert_eq!(run(["assemble", "md0"]).status, 2);
    assert_eq!(run(["assemble", "md0", "--force=everything", "/dev/null"]).status, 2);
}

#[test]
fn without_the_capability_it_says_so_first() {
    let dropped = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"];
    let root = nix::unistd::geteuid().is_root();
    let mut command = match root {
        true => {
            let mut command = std::process::Command::new(dropped[0]);
            command.args(&dropped[1..]).arg(env!("CARGO_BIN_EXE_mdbitmap"));
            command
        }
        false => std::process::Command::new(env!("CARGO_BIN_EXE_mdbitmap")),
    };
    let output = command.args(["assemble", "md0", "/nowhere"]).output();
    if have("setpriv is not installed", output.is_ok()) {
        refused(&output.unwrap().into(), 3, "only root");
    }
}

#[test]
fn names_that_the_kernel_would_not_give_are_usage() {
    if may() {
        for name in ["/dev/sda", "home", "/dev/md/..", "md0p1"] {
            refused(&run(["assemble", name, "/dev/null"]), 2, "");
        }
        refused(&run(["assemble", "/dev/null", "/dev/null"]), 2, "no md device");
    }
}

#[test]
fn members_are_block_devices_of_an_array() {
    if !may() {
        return;
    }
    let dir = temp_dir();
    let empty = image(&dir, "empty", 1 << 20, &[]);
    let path = empty.to_str().unwrap();
    refused(&run(["assemble", "md4000", path]), 2, "losetup");
    refused(&run(["assemble", "md4000", "/dev/null"]), 2, "no block device");
    refused(&run(["assemble", "md4000", "/nowhere"]), 5, "/nowhere");
    let Some(device) = Loop::attach(&empty) else { return };
    let node = device.0.to_str().unwrap();
    refused(&run(["assemble", "md4000", node]), 4, "no md superblock");
    refused(&run(["assemble", "md4000", "-n", node, node]), 4, "no md superblock");
}
