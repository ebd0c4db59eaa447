//! Made-up machines, and text that nobody meant well with.

use std::os::unix::fs::symlink;

use proptest::prelude::*;
use tempfile::TempDir;

use super::tables::unescape;
use super::*;

/// A machine with these files; a path that ends in a slash is a directory.
fn machine(files: &[(&str, &str)]) -> (TempDir, System) {
    let root = TempDir::new().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.to_string_lossy().ends_with('/') {
            fs::create_dir_all(&path).unwrap();
        } else {
            fs::write(&path, text).unwrap();
        }
    }
    let system = System::at(root.path());
    (root, system)
}

fn number(text: &str) -> DevNum {
    text.parse().unwrap()
}

#[test]
fn a_disk_knows_its_partitions_and_their_holders() {
    let (root, system) = machine(&[
        ("sys/devices/sda/dev", "8:0\n"),
        ("sys/devices/sda/sda1/dev", "8:1\n"),
        ("sys/devices/sda/sda1/partition", "1\n"),
        ("sys/devices/sda/sda1/holders/md0", ""),
        ("sys/devices/sda/queue/nr_requests", "64\n"),
    ]);
    let links = root.path().join("sys/dev/block");
    fs::create_dir_all(&links).unwrap();
    symlink("../../devices/sda", links.join("8:0")).unwrap();
    symlink("../../devices/sda/sda1", links.join("8:1")).unwrap();
    let parts = system.partitions(number("8:0")).unwrap();
    assert_eq!(parts.len(), 1);
    assert_eq!((parts[0].name.as_str(), parts[0].number), ("sda1", number("8:1")));
    assert_eq!(parts[0].holders, ["md0"]);
    assert_eq!(system.whole_disk(number("8:1")).unwrap().unwrap().name, "sda");
    assert_eq!(system.whole_disk(number("8:0")).unwrap(), None);
    assert_eq!(system.block_device(number("9:9")).unwrap(), None);
}

#[test]
fn loops_name_the_file_behind_them() {
    let (root, system) = machine(&[
        ("sys/block/loop0/dev", "7:0\n"),
        ("sys/block/loop0/loop/backing_file", "/images/a b\n"),
        ("sys/block/loop1/dev", "7:1\n"),
        ("sys/block/loop2/dev", "7:2\n"),
        ("sys/block/loop2/loop/backing_file", "/gone (deleted)\n"),
    ]);
    let loops = system.loops().unwrap();
    assert_eq!(loops.len(), 2);
    assert_eq!(loops[0].backing_file.as_deref(), Some(Path::new("/images/a b")));
    assert_eq!(loops[1].backing_file, None);
    drop(root);
}

#[test]
fn arrays_tell_members_and_uuid() {
    let (_root, system) = machine(&[
        ("sys/block/md0/md/array_state", "clean\n"),
        ("sys/block/md0/md/uuid", "01234567-89ab-cdef-fedc-ba9876543210\n"),
        ("sys/block/md0/slaves/sda1", ""),
        ("sys/block/md1/md/array_state", "clear\n"),
        ("sys/block/md2/size", "0\n"),
        ("proc/mdstat", MDSTAT),
    ]);
    let arrays = system.md_arrays().unwrap();
    assert_eq!(arrays.len(), 1);
    assert_eq!((arrays[0].state.as_str(), &arrays[0].slaves[..]), ("clean", &["sda1".into()][..]));
    assert_eq!(arrays[0].uuid.unwrap()[..4], [1, 0x23, 0x45, 0x67]);
    let files = system.bitmap_files().unwrap();
    assert_eq!(files, [("md0".to_owned(), PathBuf::from("/var/md 0"))]);
}

const MDSTAT: &str = "Personalities : [raid1]
md0 : active raid1 sdb1[1] sda1[0]
      580480 blocks super 1.2 [2/2] [UU]
      bitmap: 0/3 pages [0KB], 64KB chunk, file: /var/md\\0400

md1 : active raid1 sdd1[1] sdc1[0]
      bitmap: 0/3 pages [0KB], 64KB chunk

unused devices: <none>
";

#[test]
fn mounts_and_swap_are_found_under_odd_names() {
    let (_root, system) = machine(&[
        (
            "proc/self/mountinfo",
            "36 35 8:1 / /mnt/a\\040b rw,noatime shared:1 - ext4 /dev/sda1 rw\n\
             garbage\n1 2 x:y / / rw - a b c\n",
        ),
        ("proc/swaps", "Filename\tType\n/dev/dm-1  partition\t1\t0\t-2\n/a\\040b file 1 0 -3\n"),
    ]);
    let mounts = system.mounts().unwrap();
    assert_eq!(mounts.len(), 1);
    assert_eq!((mounts[0].number, mounts[0].at.as_path()), (number("8:1"), Path::new("/mnt/a b")));
    assert_eq!(system.swaps().unwrap(), [Path::new("/dev/dm-1"), Path::new("/a b")]);
}

#[test]
fn half_a_table_is_no_table() {
    let (_root, system) = machine(&[("proc/mdstat", &" ".repeat(1 + (1 << 20)))]);
    assert!(system.mdstat().unwrap_err().to_string().contains("more than"));
}

#[test]
fn an_empty_machine_has_nothing() {
    let (_root, system) = machine(&[]);
    assert!(system.loops().unwrap().is_empty());
    assert!(system.md_arrays().unwrap().is_empty());
    assert!(system.mounts().unwrap().is_empty());
    assert!(system.swaps().unwrap().is_empty());
    assert!(system.bitmap_files().unwrap().is_empty());
    assert_eq!(system.node("cciss!c0d0"), system.dev.join("cciss/c0d0"));
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in "[ \\\\0-9:a-z/,\n\t-]{0,200}") {
        let _ = unescape(text.as_bytes());
        let _ = mdstat::parse(text.as_bytes());
        let _ = text.parse::<DevNum>();
        let (_root, system) = machine(&[
            ("proc/self/mountinfo", &text),
            ("proc/swaps", &text),
            ("proc/mdstat", &text),
            ("sys/block/md0/md/array_state", &text),
            ("sys/block/md0/md/uuid", &text),
        ]);
        prop_assert!(system.mounts().is_ok() && system.swaps().is_ok());
        prop_assert!(system.md_arrays().is_ok() && system.bitmap_files().is_ok());
    }
}
