//! `mdbitmap create`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{Run, file, have_mdadm, json, mdadm, run, temp_dir};

mod array;
mod device;
mod file;

/// Runs `create` with `args` on `path`.
fn create(path: &Path, args: &[&str]) -> Run {
    let path = path.to_str().unwrap();
    run(["create"].iter().chain(args).chain(&[path]))
}

/// The one bitmap that `examine` finds in `path`; it must find nothing wrong.
fn examined(path: &Path) -> serde_json::Value {
    let run = run(["examine", "--json", path.to_str().unwrap()]);
    assert_eq!(run.status, 0, "{}", run.err);
    let bitmap = json(&run.out, "examine.schema.json")["bitmaps"][0].clone();
    assert_eq!(bitmap["findings"], serde_json::json!([]));
    bitmap
}

#[test]
fn the_example_of_2004_still_gives_9070_bits() {
    let dir = temp_dir();
    let path = dir.path().join("bitmap");
    let run = create(&path, &["--chunk", "64", "--delay", "3", "--size", "580480"]);
    assert_eq!((run.status, run.err.as_str()), (0, ""));
    assert!(run.out.contains("9070, all set"), "{}", run.out);
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 1390);
    assert!(bytes[256..].iter().all(|byte| *byte == 0xff));
    let found = examined(&path);
    assert_eq!((&found["chunks_total"], &found["chunks_dirty"]), (&9070.into(), &9070.into()));
    if have_mdadm() {
        let shown = mdadm(["-X", path.to_str().unwrap()]).out;
        for line in [
            "       Chunksize : 64 KB",
            "          Daemon : 3s flush period",
            "      Write Mode : Normal",
            "       Sync Size : 580480 (566.88 MiB 594.41 MB)",
            "          Bitmap : 9070 bits (chunks), 9070 dirty (100.0%)",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
        }
    }
}

#[test]
fn what_json_says_is_what_examine_finds() {
    let dir = temp_dir();
    let path = dir.path().join("bitmap");
    let uuid = "01234567:89abcdef:fedcba98:76543210";
    let args = ["--json", "-z", "1G", "-u", uuid, "--write-behind", "--clean", "-c", "1m"];
    let run = create(&path, &args);
    assert_eq!(run.status, 0, "{}", run.err);
    let (told, found) = (json(&run.out, "create.schema.json"), examined(&path));
    for field in [
        "location",
        "uuid",
        "events",
        "events_cleared",
        "chunk_bytes",
        "delay_seconds",
        "write_behind",
        "sync_size_sectors",
        "chunks_total",
        "chunks_dirty",
    ] {
        assert_eq!(told[field], found[field], "{field}");
    }
    assert_eq!(told["uuid"], uuid);
    assert_eq!((&told["write_behind"], &told["chunks_dirty"]), (&256.into(), &0.into()));
    assert_eq!(told["notes"][0]["code"], "no-events");
}

#[test]
fn the_chunk_follows_mdadm_where_nobody_says() {
    let dir = temp_dir();
    for (size, chunk) in [("1M", 4096), ("4G", 4096), ("5G", 8192), ("1T", 1 << 20)] {
        let run = create(&dir.path().join("none"), &["-n", "--json", "--size", size]);
        let told = json(&run.out, "create.schema.json");
        assert_eq!(told["chunk_bytes"], chunk, "{size}");
    }
}

#[test]
fn every_limit_has_its_message() {
    let dir = temp_dir();
    let path = dir.path().join("bitmap");
    let table: &[(&[&str], &str)] = &[
        (&["-z", "1", "-c", "3000B"], "not a power of two; 2048 and 4096 are the nearest"),
        (&["-z", "1", "-c", "256B"], "too small: 512 bytes (1s) is the least"),
        (&["-z", "1", "-c", "4G"], "too large: 2 GiB is the most"),
        (&["-z", "1", "-c", "4 cm"], "is not a unit"),
        (&["-z", "0"], "leaves nothing to cover"),
        (&["-z", "100B"], "not a whole number of 512-byte sectors"),
        (&["-z", "8192P"], "more than any device has (8 EiB)"),
        (&["-z", "20000000T"], "does not fit 64 bits"),
        (&["-z", "1", "-d", "0"], "1 is the least"),
        (&["-z", "1", "-d", "1h"], "give whole seconds, 1 at least"),
        (&["-z", "1", "-d", "4294967296"], "4294967295 is the most"),
        (&["-z", "1", "--write-behind=16384"], "16383 is the most"),
        (&["-z", "1", "--write-behind=many"], "give 0 to 16383"),
        (&["-z", "1", "-u", "1234"], "a UUID is 32 hexadecimal digits"),
        (&["-z", "1", "--force=everything"], "[possible values: overwrite]"),
        (&["-z", "1", "--force"], "equal sign is needed"),
        (&[], "give --size (the component size) or --array"),
    ];
    for (args, message) in table {
        let run = create(&path, args);
        assert_eq!((run.status, run.out.as_str()), (2, ""), "{args:?}");
        assert!(run.err.contains(message), "{args:?}: {}", run.err);
        assert!(!path.exists(), "{args:?}");
    }
}

#[test]
fn what_exists_is_kept_unless_forced() {
    let dir = temp_dir();
    let path = file(&dir, "bitmap", b"precious");
    let refused = create(&path, &["-z", "1M"]);
    assert_eq!(refused.status, 3);
    assert!(
        refused.err.contains("it exists (--force=overwrite overrides this)"),
        "{}",
        refused.err
    );
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let forced = create(&path, &["-z", "1M", "--force=overwrite", "--json"]);
    assert_eq!(forced.status, 0, "{}", forced.err);
    assert_eq!(json(&forced.out, "create.schema.json")["replaced"], "a file");
    assert_eq!(examined(&path)["chunks_total"], 256);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_symbolic_link_is_never_written_through() {
    let dir = temp_dir();
    let victim = file(&dir, "victim", b"precious");
    for target in ["victim", "nothing"] {
        let link = dir.path().join(format!("to-{target}"));
        symlink(target, &link).unwrap();
        for force in [&["-z", "1M"][..], &["-z", "1M", "--force=overwrite"]] {
            let run = create(&link, force);
            assert_eq!(run.status, 3, "{}", run.err);
            assert!(run.err.contains("symbolic link"), "{}", run.err);
        }
    }
    assert_eq!(fs::read(victim).unwrap(), b"precious");
    assert!(!dir.path().join("nothing").exists());
}

#[test]
fn what_cannot_hold_a_bitmap_is_told_apart() {
    let dir = temp_dir();
    let missing = dir.path().join("no/such/bitmap");
    let slash = dir.path().join("new/");
    for (path, status) in [(dir.path(), 2), (Path::new("/dev/null"), 2), (&slash, 2), (&missing, 5)]
    {
        let run = create(path, &["-z", "1M", "--force=overwrite"]);
        assert_eq!(run.status, status, "{}", run.err);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_dry_run_writes_nothing() {
    let dir = temp_dir();
    let path = dir.path().join("bitmap");
    let run = create(&path, &["-z", "1M", "--dry-run"]);
    assert_eq!(run.status, 0);
    assert!(run.out.contains("Would make") && run.out.contains("nothing was written"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    fs::write(&path, "precious").unwrap();
    assert_eq!(create(&path, &["-z", "1M", "-n"]).status, 3);
    assert_eq!(create(&path, &["-z", "1M", "-n", "--force=overwrite"]).status, 0);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}
