//! Whether a running array may get a bitmap now, or lose the one it has. Pure.
//!
//! The kernel says EBUSY or EINVAL to all of this; here each has its sentence.

use crate::error::Error;
use crate::running::{Action, Array, Bitmap, BitmapKind};

/// Why this array can be given no bitmap at this moment; `policy` is its `consistency_policy`.
#[must_use]
pub fn may_get_bitmap(array: &Array, policy: Option<&str>) -> Option<Error> {
    let refused = not_running(array)
        .or_else(|| of_its_kind(array, policy))
        .or_else(|| has_bitmap(&array.bitmap))
        .or_else(|| busy(array));
    refused.map(|error| error.at_path(&array.node))
}

/// Why its bitmap cannot be taken away at this moment.
#[must_use]
pub fn may_lose_bitmap(array: &Array, degraded_too: bool) -> Option<Error> {
    let refused = not_running(array)
        .or_else(|| no_bitmap(&array.bitmap))
        .or_else(|| busy(array))
        .or_else(|| degraded(array).filter(|_| !degraded_too));
    refused.map(|error| error.at_path(&array.node))
}

fn not_running(array: &Array) -> Option<Error> {
    Some(match array.state {
        "readonly" => {
            Error::refused("the array is read-only").hint("`mdadm --readwrite` makes it writable")
        }
        "clear" | "inactive" | "suspended" | "broken" | "unknown" => {
            Error::refused(format!("the array is not running: its state is {}", array.state))
                .hint("start it first, for instance with mdadm --run")
        }
        _ => return None,
    })
}

fn of_its_kind(array: &Array, policy: Option<&str>) -> Option<Error> {
    let level = array.level.as_deref().unwrap_or("unknown");
    let metadata = array.metadata.as_deref().unwrap_or_default();
    let why = match level {
        "raid1" | "raid4" | "raid5" | "raid6" | "raid10" => match policy {
            Some("journal") => "the array has a journal; the kernel allows no bitmap beside it",
            Some("ppl") => "the array has a partial parity log, which excludes a bitmap",
            _ if metadata.starts_with("external") => {
                "the array's metadata is that of a BIOS, whose bitmap is its own"
            }
            _ => return None,
        },
        _ => {
            let why =
                format!("an array of level {level} has no redundancy, and no use for a bitmap");
            return Some(Error::refused(why));
        }
    };
    Some(Error::refused(why))
}

fn has_bitmap(bitmap: &Bitmap) -> Option<Error> {
    let place = match (bitmap.kind, &bitmap.path) {
        (BitmapKind::None, _) => return None,
        (BitmapKind::File, Some(path)) => format!("in the file {}", path.display()),
        (kind, _) => format!("already ({})", kind.as_str()),
    };
    let error = Error::refused(format!("the array has a bitmap {place}"));
    Some(error.hint("`mdbitmap detach` removes it"))
}

fn no_bitmap(bitmap: &Bitmap) -> Option<Error> {
    match bitmap.kind {
        BitmapKind::None => Some(Error::refused("the array has no bitmap")),
        BitmapKind::Lockless | BitmapKind::Clustered => {
            let why = format!("its bitmap is {}; it cannot be removed so", bitmap.kind.as_str());
            Some(Error::refused(why))
        }
        _ => None,
    }
}

fn busy(array: &Array) -> Option<Error> {
    let (why, hint) = match array.sync.action {
        Action::Idle => return None,
        Action::Frozen => ("its resyncs are frozen".into(), "echo idle > its md/sync_action"),
        action => {
            let why = format!("a {} runs; the kernel changes no bitmap meanwhile", action.as_str());
            (why, "`mdbitmap wait` tells when it is done")
        }
    };
    Some(Error::refused(why).hint(hint))
}

fn degraded(array: &Array) -> Option<Error> {
    let missing = array.degraded.filter(|n| *n > 0)?;
    let why = match missing {
        1 => "a member is away, and only the bitmap tells what it missed".into(),
        _ => format!("{missing} members are away, and only the bitmap tells what they missed"),
    };
    let hint = "`mdbitmap readd` brings a member back; without the bitmap it needs a full rebuild";
    Some(Error::refused(why).unless_forced("degraded").hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::running::{Progress, Sync};
    use std::path::PathBuf;

    fn array() -> Array {
        let bitmap = Bitmap {
            kind: BitmapKind::None,
            offset: None,
            path: None,
            chunk: None,
            dirty: None,
            why: None,
        };
        Array {
            name: "md0".into(),
            node: PathBuf::from("/dev/md0"),
            level: Some("raid1".into()),
            state: "clean",
            metadata: Some("1.2".into()),
            uuid: None,
            raid_disks: Some(2),
            degraded: Some(0),
            members: Vec::new(),
            bitmap,
            sync: Sync { action: Action::Idle, progress: Progress::None, speed: None },
            mismatches: None,
        }
    }

    fn why(array: &Array, policy: Option<&str>) -> String {
        may_get_bitmap(array, policy).map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_sound_array_without_a_bitmap_may_get_one() {
        assert_eq!(why(&array(), Some("resync")), "");
        assert_eq!(why(&Array { state: "active", ..array() }, None), "");
    }

    #[test]
    fn every_reason_against_it_has_its_sentence() {
        let of = |array: Array, policy: &str, wanted: &str| {
            let why = why(&array, Some(policy));
            assert!(why.starts_with("/dev/md0: ") && why.contains(wanted), "{why}");
        };
        let kind = |kind| Bitmap { kind, ..array().bitmap };
        let runs = |action| Sync { action, ..array().sync };
        of(Array { state: "readonly", ..array() }, "resync", "read-only");
        of(Array { state: "inactive", ..array() }, "resync", "not running");
        of(Array { level: Some("raid0".into()), ..array() }, "none", "raid0 has no redundancy");
        of(Array { level: None, ..array() }, "none", "unknown has no redundancy");
        of(Array { metadata: Some("external:imsm".into()), ..array() }, "resync", "BIOS");
        of(array(), "journal", "has a journal");
        of(array(), "ppl", "partial parity log");
        of(Array { bitmap: kind(BitmapKind::Internal), ..array() }, "bitmap", "(internal)");
        let path = Some(PathBuf::from("/b"));
        let file = Bitmap { path, ..kind(BitmapKind::File) };
        of(Array { bitmap: file, ..array() }, "bitmap", "in the file /b");
        of(Array { sync: runs(Action::Resync), ..array() }, "resync", "a resync runs");
        of(Array { sync: runs(Action::Frozen), ..array() }, "resync", "frozen");
    }

    #[test]
    fn a_bitmap_that_an_absent_member_needs_is_kept() {
        let bitmap = Bitmap { kind: BitmapKind::File, ..array().bitmap };
        let short = Array { degraded: Some(1), bitmap, ..array() };
        let why = may_lose_bitmap(&short, false).unwrap().to_string();
        assert!(why.contains("--force=degraded"), "{why}");
        assert!(may_lose_bitmap(&short, true).is_none());
        assert!(may_lose_bitmap(&array(), true).is_some_and(|e| e.what().contains("no bitmap")));
        let whole = Array { degraded: Some(0), ..short };
        assert!(may_lose_bitmap(&whole, false).is_none());
    }
}
