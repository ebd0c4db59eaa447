//! Arrays without superblocks: `--build` in mdadm's words, and what is refused or wrong about it.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::told;
use crate::support::{file, have_mdadm, mdadm, run, temp_dir};

const MIB: usize = 1 << 20;

/// Two members of a mirror that differ in its third chunk of 64 KiB, and a bitmap that says so.
struct Bare {
    members: Vec<PathBuf>,
    bitmap: PathBuf,
    dir: TempDir,
}

impl Bare {
    fn new() -> Self {
        let dir = temp_dir();
        let data: Vec<u8> = (1..=251).flat_map(|n| [n; 512]).cycle().take(MIB).collect();
        let mut other = data.clone();
        other[128 << 10..][..4096].fill(0xee);
        let members = vec![file(&dir, "a", &data), file(&dir, "b", &other)];
        let bitmap = dir.path().join("bitmap");
        let bare = Self { members, bitmap, dir };
        let made = run(["create", "--size=1M", "--chunk=64K", "--clean", bare.bitmap()]);
        assert_eq!(made.status, 0, "{made:?}");
        let mut bytes = fs::read(&bare.bitmap).unwrap();
        bytes[256] = 1 << 2;
        fs::write(&bare.bitmap, bytes).unwrap();
        bare
    }

    fn bitmap(&self) -> &str {
        self.bitmap.to_str().unwrap()
    }

    fn members(&self) -> Vec<&str> {
        self.members.iter().map(|path| path.to_str().unwrap()).collect()
    }

    fn images(&self) -> Vec<Vec<u8>> {
        self.members.iter().chain([&self.bitmap]).map(|path| fs::read(path).unwrap()).collect()
    }

    /// `args` end with `status`, say `why`, and change nothing.
    fn fails(&self, args: &[&str], status: i32, why: &str) {
        let before = self.images();
        for dry in [&["resync"][..], &["resync", "--dry-run"]] {
            let run = run([dry, args].concat());
            assert_eq!((run.status, run.out.as_str()), (status, ""), "{args:?}: {}", run.err);
            assert!(run.err.contains(why), "{why} in {}", run.err);
            assert!(self.images() == before, "{args:?}");
        }
    }
}

fn set_bits(bytes: &[u8]) -> u32 {
    bytes[256..].iter().map(|byte| byte.count_ones()).sum()
}

#[test]
fn a_mirror_is_resynced_from_its_bitmap_alone() {
    let bare = Bare::new();
    let [a, ..] = &bare.images()[..] else { panic!() };
    let args = ["--build", "--level=1", "--raid-devices=2", "--bitmap", bare.bitmap()];
    let said = told(&args, &bare.members(), 0);
    assert_eq!((&said["decision"], &said["outcome"]), (&"partial".into(), &"done".into()));
    assert_eq!((&said["array"]["built"], &said["chunks_synced"]), (&true.into(), &1.into()));
    let after = bare.images();
    assert!(after[0] == *a && after[1] == *a);
    assert_eq!(set_bits(&after[2]), 0);
    let again = told(&args, &bare.members(), 0);
    assert_eq!(
        (&again["decision"], &again["reason"]),
        (&"nothing".into(), &"no chunk is dirty".into())
    );
}

#[test]
fn the_member_that_was_away_is_named() {
    let bare = Bare::new();
    let b = bare.images()[1].clone();
    let args = ["--build", "-l1", "--behind=0", "--bitmap", bare.bitmap()];
    let dry = run([&["resync", "--dry-run"], &args[..], &bare.members()].concat());
    assert!(dry.out.contains("RAID1 without superblocks"), "{}", dry.out);
    assert!(dry.out.contains("member 0 is behind: it was away, as you say"), "{}", dry.out);
    let said = told(&args, &bare.members(), 0);
    assert_eq!(said["array"]["members"][0]["state"], "behind");
    let after = bare.images();
    assert!(after[0] == b && after[1] == b);
}

#[test]
fn bits_stay_set_while_a_member_is_missing() {
    let bare = Bare::new();
    let third = file(&bare.dir, "c", &bare.images()[0]);
    let [a, b] = bare.members()[..] else { panic!() };
    let args = ["--build", "--level=1", "--bitmap", bare.bitmap()];
    let said = told(&args, &[a, "missing", b], 0);
    assert_eq!((&said["array"]["missing"][0], &said["chunks_dirty_after"]), (&1.into(), &1.into()));
    let after = bare.images();
    assert!(after[0] == after[1]);
    assert_eq!(set_bits(&after[2]), 1);
    let alone = told(&args, &[a, "missing"], 0);
    assert_eq!(alone["decision"], "nothing");
    assert!(alone["reason"].as_str().unwrap().contains("forgets the bits"), "{alone}");
    // `./missing` is a file.
    let said = told(&args, &[a, third.to_str().unwrap(), b], 0);
    assert_eq!(said["chunks_dirty_after"], 0);
    bare.fails(&["--build", "-l1", "--bitmap", bare.bitmap(), a, "./missing"], 5, "No such file");
}

#[test]
fn without_a_bitmap_everything_is_copied_if_asked() {
    let bare = Bare::new();
    let [a, b] = bare.members()[..] else { panic!() };
    bare.fails(&["--build", "-l1", a, b], 3, "the array has no bitmap");
    bare.fails(&["--build", "-l1", "--full", a, b, "missing"], 2, "--size is needed");
    let checkpoint = bare.dir.path().join("checkpoint");
    let args = ["--build", "-l1", "--full", "--checkpoint", checkpoint.to_str().unwrap()];
    let said = told(&args, &[a, b], 0);
    assert_eq!((&said["decision"], &said["bytes_written"]), (&"full".into(), &MIB.into()));
    let after = bare.images();
    assert!(after[0] == after[1] && !checkpoint.exists());
}

#[test]
fn members_of_arrays_with_superblocks_are_refused() {
    let array = super::Array::new();
    let bitmap = array.path("zero");
    let made = run(["create", "--size=17M", "--chunk=64K", &bitmap]);
    assert_eq!(made.status, 0, "{made:?}");
    let before = array.images();
    let args = [&["resync", "--build", "-l1", "--bitmap", &bitmap], &array.members()[..]].concat();
    let refused = run(&args);
    assert_eq!(refused.status, 3, "{refused:?}");
    for part in ["it carries an md superblock, version 1.2", "--force=superblock"] {
        assert!(refused.err.contains(part), "{part} in {}", refused.err);
    }
    assert!(array.images() == before);
}

#[test]
fn a_bitmap_with_a_uuid_or_of_another_size_is_refused() {
    let bare = Bare::new();
    let [a, b] = bare.members()[..] else { panic!() };
    let other = bare.dir.path().join("other");
    let other = other.to_str().unwrap();
    let uuid = "--uuid=01234567:89abcdef:01234567:89abcdef";
    assert_eq!(run(["create", "--size=1M", "--chunk=64K", uuid, other]).status, 0);
    for full in [&[][..], &["--full"]] {
        let args = [&["--build", "-l1", "--bitmap", other, a, b], full].concat();
        bare.fails(&args, 3, "--force=uuid");
    }
    let forced = ["--build", "-l1", "--bitmap", other, "--force=uuid"];
    assert_eq!(told(&forced, &[a, b], 0)["outcome"], "done");
    assert_eq!(run(["create", "--force=overwrite", "--size=960K", other]).status, 0);
    for full in [&[][..], &["--full"]] {
        let args = [&["--build", "-l1", "--bitmap", other, a, b], full].concat();
        bare.fails(&args, 3, "the bitmap covers");
    }
}

#[test]
fn members_in_an_order_that_is_not_the_array_s_are_refused() {
    let bare = Bare::new();
    let [a, b] = bare.members()[..] else { panic!() };
    let zero = file(&bare.dir, "zero", &vec![9; MIB]);
    let args = ["--build", "-l1", "--bitmap", bare.bitmap(), a, zero.to_str().unwrap()];
    bare.fails(&args, 3, "--force=mismatch");
    let striped = ["--build", "-l5", "-c64", "-pls", "--bitmap", bare.bitmap(), a, b, a];
    bare.fails(&striped, 3, "the same as");
}

#[test]
fn what_is_typed_wrongly_is_told() {
    let bare = Bare::new();
    let [a, b] = bare.members()[..] else { panic!() };
    let cases: [(&[&str], &str); 19] = [
        (&["--build", a, b], "--level"),
        (&["--level=1", a, b], "--build"),
        (&["--chunk=64", a, b], "--build"),
        (&["--layout=n2", a, b], "--build"),
        (&["--behind=0", a, b], "--build"),
        (&["--force=uuid", a, b], "--build"),
        (&["--build", "-l1", "--assume-clean", a, b], "--behind"),
        (&["--build", "-l0", a, b], "has no redundancy"),
        (&["--build", "-l7", a, b], "is no level"),
        (&["--build", "-l5", "-c64", a, b], "left-symmetric"),
        (&["--build", "-l10", "-pn2", a, b], "--chunk is needed"),
        (&["--build", "-l10", "-pls", "-c64", a, b], "is no layout of RAID10"),
        (&["--build", "-l10", "-pn2", "-c48", a, b], "power of two"),
        (&["--build", "-l1", "-c64", a, b], "RAID1 has no chunks"),
        (&["--build", "-l1", "--behind=2", a, b], "no member given holds it"),
        (&["--build", "-l1", "--behind=1", a, "missing"], "no member given holds it"),
        (&["--build", "-l10", "-pn2", "-c64", "--write-mostly=1", a, b], "only RAID1"),
        (&["--build", "-l1", "--raid-devices=3", a, b], "2 members"),
        (&["--build", "-l1", "missing", "missing"], "all members are missing"),
    ];
    for (args, why) in cases {
        bare.fails(&[args, &["--bitmap", bare.bitmap()]].concat(), 2, why);
    }
    let args = ["--build", "-l1", "-z2M", "--bitmap", bare.bitmap(), a, b];
    bare.fails(&args, 2, "it has 2048 sectors only");
    let parity = ["--build", "-l5", "-c64", "-pls", "--source=0", "--bitmap", bare.bitmap(), a, b];
    bare.fails(&parity, 2, "--source");
}

#[test]
fn mdadm_itself_allows_fewer_levels() {
    if !have_mdadm() {
        return;
    }
    for level in ["4", "5", "6"] {
        let said = mdadm(["--build", "/dev/md/none", "--level", level, "-n3", "missing"]);
        assert!(said.err.contains("not permitted with --build"), "{said:?}");
    }
}
