//! Lockless bitmaps that a real kernel left, and one that mdadm's own tables make clustered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::array::{Array, write};
use super::told;
use crate::support::{self, Loop, json, mdadm, run};

const DATA_AT: usize = 1 << 20;
const DATA: usize = 31 << 20;
const CHUNK: usize = 64 << 10;
const STATES_AT: usize = 8192 + 1024;

/// Archive, members, how the array's content begins as the kernel that made it says.
const ARRAYS: [(&str, usize, &str); 3] = [
    ("raid1-crash", 2, "1141f81a6438c73f"),
    ("raid1-stale", 2, "1141f81a6438c73f"),
    ("raid5-crash", 3, "12535684eaa8b32c"),
];

struct Unpacked {
    members: Vec<PathBuf>,
    dir: TempDir,
}

impl Unpacked {
    /// None, said loudly, where there is nothing to unpack it with.
    fn of(name: &str, members: usize) -> Option<Self> {
        let dir = support::temp_dir();
        let archive = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/lockless")
            .join(format!("{name}.tar.xz"));
        let tar = Command::new("tar").arg("-xJf").arg(archive).arg("-C").arg(dir.path()).status();
        let unpacked = tar.is_ok_and(|status| status.success());
        support::have("tar and xz cannot unpack the arrays", unpacked).then_some(())?;
        let members = (0..members).map(|n| dir.path().join(format!("d{n}"))).collect();
        Some(Self { members, dir })
    }

    fn paths(&self) -> Vec<&str> {
        self.members.iter().map(|path| path.to_str().unwrap()).collect()
    }

    fn images(&self) -> Vec<Vec<u8>> {
        self.members.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    fn data(&self) -> Vec<Vec<u8>> {
        let data = |image: Vec<u8>| image[DATA_AT..DATA_AT + DATA].to_vec();
        self.images().into_iter().map(data).collect()
    }

    /// How the sha256 of what the array holds begins.
    fn content(&self) -> String {
        let data = self.data();
        let whole = if data.len() == 2 { data[0].clone() } else { interleaved(&data) };
        let path = self.dir.path().join("content");
        fs::write(&path, whole).unwrap();
        let sum = Command::new("sha256sum").arg(&path).output().unwrap();
        String::from_utf8(sum.stdout).unwrap()[..16].to_owned()
    }
}

/// Left-symmetric, three members: parity goes from the last to the first, data follow it.
fn interleaved(data: &[Vec<u8>]) -> Vec<u8> {
    let row = |n: usize| {
        let parity = 2 - n % 3;
        [1, 2].map(|i| &data[(parity + i) % 3][n * CHUNK..(n + 1) * CHUNK]).concat()
    };
    (0..DATA / CHUNK).flat_map(row).collect()
}

fn agree(data: &[Vec<u8>]) -> bool {
    match data {
        [one, other] => one == other,
        [a, b, c] => (0..a.len()).all(|n| a[n] ^ b[n] ^ c[n] == 0),
        _ => false,
    }
}

fn states(path: &Path) -> Value {
    let run = run(["examine".as_ref(), "--json".as_ref(), path.as_os_str()]);
    assert_eq!(run.status, 0, "{}", run.err);
    json(&run.out, "examine.schema.json")["bitmaps"][0]["states"].clone()
}

fn write_states(path: &Path, chunk: usize, states: &[u8]) {
    write(path, (STATES_AT + chunk) as u64, states);
}

#[test]
fn arrays_of_a_real_kernel_end_as_it_would_leave_them() {
    for (name, members, content) in ARRAYS {
        let Some(array) = Unpacked::of(name, members) else { return };
        let before = array.images();
        assert!(!agree(&array.data()) && array.content() == content, "{name}");
        let planned = told(&["--dry-run"], &array.paths(), 0);
        assert_eq!(
            (&planned["decision"], &planned["chunks_dirty_before"]),
            (&"partial".into(), &496.into())
        );
        assert!(array.images() == before, "{name}: a dry run wrote");

        let done = told(&[], &array.paths(), 0);
        assert_eq!((&done["outcome"], &done["chunks_dirty_after"]), (&"done".into(), &0.into()));
        assert!(agree(&array.data()) && array.content() == content, "{name}");
        for path in &array.members {
            let states = states(path);
            assert_eq!((&states["clean"], &states["dirty"]), (&496.into(), &0.into()), "{name}");
        }
        let behind = STATES_AT + 496;
        assert!(array.images()[0][behind..DATA_AT] == before[0][behind..DATA_AT], "{name}");
        let after = array.images();
        let again = told(&[], &array.paths(), 0);
        assert_eq!(again["decision"], "nothing", "{name}");
        assert!(array.images() == after, "{name}");
        found_clean_by_mdadm(&array);
    }
}

/// All members clean, of one age, and counted in.
fn found_clean_by_mdadm(array: &Unpacked) {
    if !support::have_mdadm() {
        return;
    }
    let line = |text: &str, label: &str| {
        text.lines().find(|line| line.trim().starts_with(label)).unwrap_or_default().to_owned()
    };
    let told = |path: &PathBuf| {
        let told = mdadm(["-E".as_ref(), path.as_os_str()]).out;
        assert!(line(&told, "State").contains("clean"), "{told}");
        assert!(line(&told, "Checksum").contains("correct"), "{told}");
        assert!(!line(&told, "Array State").split('(').next().unwrap().contains('.'), "{told}");
        line(&told, "Events")
    };
    let events: Vec<String> = array.members.iter().map(told).collect();
    assert!(events.windows(2).all(|two| two[0] == two[1]), "{events:?}");
}

#[test]
fn unwritten_chunks_are_not_visited_and_a_byte_that_means_nothing_is() {
    let Some(array) = Unpacked::of("raid1-crash", 2) else { return };
    for path in &array.members {
        write_states(path, 0, &[0; 496]);
        write_states(path, 18, &[3, 99, 4]);
    }
    let before = array.data();
    let done = told(&[], &array.paths(), 0);
    assert_eq!((&done["chunks_synced"], &done["bytes_written"]), (&3.into(), &(3 * CHUNK).into()));
    let after = array.data();
    let chunk = |n: usize| n * CHUNK..(n + 1) * CHUNK;
    for n in 0..496 {
        let from = if (18..21).contains(&n) { &before[0] } else { &before[1] };
        assert!(after[1][chunk(n)] == from[chunk(n)], "chunk {n}");
    }
    let states = states(&array.members[1]);
    assert_eq!((&states["clean"], &states["unwritten"]), (&3.into(), &493.into()));
}

#[test]
fn a_member_whose_past_is_not_told_takes_a_full_resync() {
    let Some(array) = Unpacked::of("raid1-stale", 2) else { return };
    let planned = run([&["resync", "--dry-run"][..], &array.paths()].concat());
    assert!(planned.status == 0 && planned.err.contains("use --full"), "{}", planned.err);
    // Unwritten when it left, written and synced with another one since.
    write_states(&array.members[1], 7, &[0]);
    write_states(&array.members[0], 7, &[1]);
    let before = array.images();
    let refused = run([&["resync"][..], &array.paths()].concat());
    assert_eq!(refused.status, 3, "{}", refused.err);
    assert!(refused.err.contains("chunk 7") && refused.err.contains("--full"), "{}", refused.err);
    assert!(array.images() == before);
    assert_eq!(told(&["--full"], &array.paths(), 0)["outcome"], "done");
    assert!(agree(&array.data()));
}

/// A practice array that belongs to a cluster: the tables of `docs/on-disk-format.md`, two nodes,
/// each of which knows half of the dirty chunks.
fn clustered() -> Array {
    let array = Array::new();
    array.edit_all(|raw| {
        raw[9] |= 1;
        // Such arrays have no list of bad blocks.
        raw[8] &= !8;
        raw[185..192].fill(0);
    });
    let at = array.practice.bitmap_at.get() * 512;
    for path in &array.practice.members {
        let image = fs::read(path).unwrap();
        let bitmap = &image[usize::try_from(at).unwrap()..][..4096];
        for (node, half) in [0x55, 0xaa].into_iter().enumerate() {
            let mut slot = bitmap.to_vec();
            slot[4] = 5;
            slot[68] = 2;
            slot[72..80].copy_from_slice(b"practice");
            slot[256..].iter_mut().for_each(|bits| *bits &= half);
            write(path, at + 4096 * node as u64, &slot);
        }
    }
    array
}

#[test]
fn a_clustered_array_is_refused_unless_somebody_knows_that_no_node_has_it() {
    let array = clustered();
    let (before, good) = (array.images(), array.data(0));
    for options in [&["--dry-run"][..], &[], &["--full"]] {
        let refused = run([&["resync"], options, &array.members()].concat());
        assert_eq!(refused.status, 3, "{}", refused.err);
        assert!(refused.err.contains("--force=cluster"), "{}", refused.err);
        assert!(array.images() == before);
    }
    let dirty = array.practice.dirty_chunks().get();
    let done = told(&["--force=cluster"], &array.members(), 0);
    assert_eq!((&done["decision"], &done["chunks_synced"]), (&"partial".into(), &dirty.into()));
    array.assert_settled();
    assert!(array.data(0) == good);
    for member in array.members() {
        let text = run(["examine", member]).out;
        assert_eq!(text.matches(" 0 dirty (0.0%)").count(), 2, "{text}");
    }
    assert_eq!(told(&["--force=cluster"], &array.members(), 0)["decision"], "nothing");
}

#[test]
fn mdadm_sees_the_same_nodes() {
    if !support::have_mdadm() {
        return;
    }
    let array = clustered();
    for force in [None, Some("--force=cluster")] {
        force.map(|force| told(&[force], &array.members(), 0));
        let Some(device) = Loop::attach(&array.practice.members[1]) else { return };
        let theirs = mdadm(["-X".as_ref(), device.0.as_os_str()]);
        let ours = run(["examine".as_ref(), device.0.as_os_str()]);
        assert_eq!(theirs.status, 0, "{}", theirs.err);
        assert!(ours.out.starts_with(&theirs.out), "theirs:\n{}ours:\n{}", theirs.out, ours.out);
        assert!(theirs.out.contains("Cluster nodes : 2"), "{}", theirs.out);
    }
}
