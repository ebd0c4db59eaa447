//! What mdadm makes of superblocks we built or edited. Skipped, aloud, where there is no mdadm.

use std::io::{Seek, SeekFrom, Write};
use std::process::Command;

use super::*;

/// Enough of a bitmap for mdadm, which otherwise drops the feature bit and then finds the sum
/// wrong, or divides by a chunk of zero bytes.
fn bitmap(view: &SuperView) -> Vec<u8> {
    let mut uuid = view.uuid.bytes();
    if view.version == MdVersion::V0_90(HostOrder::Big) {
        // mdadm swaps the superblock and compares as if this host had written it.
        uuid.chunks_exact_mut(4).for_each(<[u8]>::reverse);
    }
    let mut bytes = [b"bitm\x04\0\0\0", &uuid[..]].concat();
    bytes.resize(256, 0);
    bytes[52..56].copy_from_slice(&65_536_u32.to_le_bytes());
    bytes
}

/// What `mdadm -E` prints of an image that holds `raw` where `view` says, and a bitmap's start.
fn examine(raw: &[u8], view: &SuperView) -> Option<String> {
    let mut image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(DEVICE.to_bytes().unwrap().get()).unwrap();
    for (at, bytes) in [(Some(view.super_offset), raw), (view.bitmap_at, &bitmap(view))] {
        let Some(at) = at else { continue };
        image.seek(SeekFrom::Start(at.to_bytes().unwrap().get())).unwrap();
        image.write_all(bytes).unwrap();
    }
    let swapped = view.version == MdVersion::V0_90(HostOrder::Big);
    let extra: &[&str] = if swapped { &["-e", "0.swap"] } else { &[] };
    let mut command = Command::new("/sbin/mdadm");
    let command = command.env("TZ", "UTC").env("LC_ALL", "C");
    let output = command.arg("-E").args(extra).arg(image.path()).output();
    let Ok(output) = output else {
        eprintln!("skipped: mdadm is not installed");
        return None;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{:?} {:?} {text}{}",
        view.version,
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Some(text)
}

fn value<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find(|l| l.split(" : ").next().is_some_and(|k| k.trim() == key));
    let line = line.unwrap_or_else(|| panic!("no {key} in:\n{text}"));
    line.split_once(" : ").unwrap().1.trim()
}

#[test]
fn mdadm_takes_what_we_build() {
    for version in ALL {
        let sb = member(&mirror(version), 1);
        let Some(text) = examine(sb.raw(), sb.view()) else { return };
        let old = version.is_0_90();
        let uuid = value(&text, if old { "UUID" } else { "Array UUID" });
        assert_eq!(uuid.split(' ').next(), Some(&*sb.view().uuid.display_for(version)), "{text}");
        assert_eq!(value(&text, "Version"), if old { "0.90.00" } else { version.as_str() });
        assert_eq!(value(&text, "Raid Level"), "raid1");
        assert_eq!(value(&text, "Raid Devices"), "3");
        assert_eq!(value(&text, "State"), "clean");
        assert!(value(&text, "Array Size").starts_with("20000 "), "{text}");
        assert!(value(&text, "Checksum").ends_with("- correct"), "{text}");
        assert_eq!(value(&text, "Events"), "17");
        if !old {
            assert_eq!(value(&text, "Name"), "host:practice");
            assert_eq!(value(&text, "Device Role"), "Active device 1");
            assert!(value(&text, "Array State").starts_with("AAA "), "{text}");
        } else {
            assert_eq!(value(&text, "Working Devices"), "3");
            assert!(
                text.contains("this     1       7        1        1      active sync"),
                "{text}"
            );
        }
    }
}

#[test]
fn mdadm_takes_what_an_edit_made() {
    for version in ALL {
        let mut array = mirror(version);
        array.resync = ResyncPoint::From(Sectors::ZERO);
        let (this, freshest) = (member(&array, 1), member(&array, 0));
        let resync = ResyncPoint::Clean;
        let edit = SuperEdit {
            freshest: &freshest,
            events: Events::new(18),
            resync,
            utime: 1_800_000_000,
            joined: &[],
            left: &[],
            own: None,
        };
        let dirty = examine(this.raw(), this.view());
        let Some(clean) = examine(&this.edited(&edit).unwrap(), this.view()) else { return };
        let was = dirty.map(|text| value(&text, "State").to_owned());
        assert_eq!(was.as_deref(), Some("active"));
        assert_eq!(value(&clean, "State"), "clean");
        assert_eq!(value(&clean, "Events"), "18");
        assert_eq!(value(&clean, "Update Time"), "Fri Jan 15 08:00:00 2027");
        assert!(value(&clean, "Checksum").ends_with("- correct"), "{clean}");
    }
}

#[test]
fn mdadm_takes_a_slot_that_was_left_for_missing() {
    for version in ALL {
        for (gone, expected) in [(0_u16, ".AA "), (1, "A.A "), (2, "AA. ")] {
            let this = member(&mirror(version), (gone + 1) % 3);
            let left = [Left { dev_number: gone.into(), slot: Slot(gone) }];
            let edit = SuperEdit {
                freshest: &this,
                events: Events::new(18),
                resync: ResyncPoint::Clean,
                utime: 1_800_000_000,
                joined: &[],
                left: &left,
                own: None,
            };
            let text = examine(&this.edited(&edit).unwrap(), this.view());
            let Some(text) = text else { return };
            assert!(value(&text, "Checksum").ends_with("- correct"), "{text}");
            assert_eq!(value(&text, "Raid Devices"), "3", "{text}");
            if !version.is_0_90() {
                assert!(value(&text, "Array State").starts_with(expected), "{text}");
                continue;
            }
            // The kernel counts an empty first slot as removed, not as failed.
            let (what, failed) = if gone == 0 { ("removed", "0") } else { ("faulty removed", "1") };
            let counts = ["Total Devices", "Active Devices", "Working Devices", "Failed Devices"];
            assert_eq!(counts.map(|key| value(&text, key)), ["2", "2", "2", failed], "{text}");
            let number = gone.to_string();
            let row = [&*number, &number, "0", "0", &number].join(" ");
            let rows = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
            let listed = format!("{number} {row} {what}");
            let listed = rows.filter(|line| *line == listed || *line == format!("{row} {what}"));
            assert_eq!(listed.count(), 1, "{text}");
        }
    }
}
