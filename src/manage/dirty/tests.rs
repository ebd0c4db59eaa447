//! Ranges from text to chunks, and the words for the kernel.

use super::*;
use crate::format::bitmap::BitmapVersion;
use crate::running::{Bitmap, Progress, Sync};
use crate::units::{Bytes, ChunkSize, RangeError, Sectors};

/// A hundred chunks of 64 KiB, the last of them a sector.
fn coverage() -> Coverage {
    Coverage {
        version: BitmapVersion::Classic4,
        chunk: ChunkSize::from_bytes(65536).unwrap(),
        size: Sectors::new(99 * 128 + 1),
    }
}

fn chunks(texts: &[&str]) -> Result<Vec<(u64, u64)>> {
    let ranges: Vec<Range> = texts.iter().map(|text| text.parse().unwrap()).collect();
    let runs = range::merge(&ranges, &coverage(), Rounding::Outward)?;
    Ok(runs.iter().map(|run| (run.first.get(), run.end().get())).collect())
}

#[test]
fn every_form_is_read() {
    let bytes = |start, end| Ok(Range::Bytes(Bytes::new(start), Bytes::new(end)));
    assert_eq!("4M-8M".parse(), bytes(4 << 20, 8 << 20));
    assert_eq!("4M+1M".parse(), bytes(4 << 20, 5 << 20));
    assert_eq!("100s-200s".parse(), bytes(51200, 102_400));
    assert_eq!("0-1".parse(), bytes(0, 1));
    let (five, nine) = (Chunks::new(5), Chunks::new(9));
    assert_eq!("chunk:5".parse(), Ok(Range::Chunks(five, five)));
    assert_eq!("chunk:5-9".parse(), Ok(Range::Chunks(five, nine)));
    assert_eq!("all".parse(), Ok(Range::All));
}

#[test]
fn what_is_no_range_is_told_why() {
    for text in ["", "4M", "chunk:", "chunk:a", "chunk:-1", "chunk:1-", "chunk:+1", "1-2+3"] {
        let error = text.parse::<Range>().unwrap_err();
        assert_eq!(error, RangeError::NotARange(text.into()), "{text}");
    }
    for text in ["8M-4M", "4-4", "4M+0", "chunk:9-5"] {
        assert_eq!(text.parse::<Range>().unwrap_err(), RangeError::Empty(text.into()));
    }
    assert!(matches!("4X-5X".parse::<Range>(), Err(RangeError::Size(_))));
    assert!(matches!("8191P+8191P".parse::<Range>(), Ok(Range::Bytes(..))));
    assert!(matches!("16383P+16383P".parse::<Range>(), Err(RangeError::Size(_))));
}

#[test]
fn ranges_round_outwards_and_are_merged() {
    assert_eq!(chunks(&["0-1"]).unwrap(), [(0, 1)]);
    assert_eq!(chunks(&["65535-65537"]).unwrap(), [(0, 2)]);
    assert_eq!(chunks(&["64K-128K"]).unwrap(), [(1, 2)]);
    assert_eq!(
        chunks(&["chunk:7", "chunk:2-3", "chunk:4", "chunk:3-5"]).unwrap(),
        [(2, 6), (7, 8)]
    );
    assert_eq!(chunks(&["chunk:1", "all"]).unwrap(), [(0, 100)]);
}

#[test]
fn the_end_is_the_end() {
    let last = 99 * 65536 + 512;
    assert_eq!(chunks(&[&format!("{}-{last}", last - 1)]).unwrap(), [(99, 100)]);
    assert_eq!(chunks(&["chunk:99"]).unwrap(), [(99, 100)]);
    let error = chunks(&[&format!("0-{}", last + 1)]).unwrap_err().to_string();
    assert!(error.contains(&format!("cover {last} bytes")), "{error}");
    let error = chunks(&["chunk:100"]).unwrap_err().to_string();
    assert!(error.contains("99 is the last chunk"), "{error}");
}

#[test]
fn many_runs_go_to_the_kernel_in_several_writes() {
    let run = |first: u64| ChunkRun::between(Chunks::new(first), Chunks::new(first + 1));
    let runs: Vec<ChunkRun> = (0..1000).map(|n| run(n * 1_000_000)).collect();
    let texts = words(&runs);
    assert!(texts.len() > 1 && texts.iter().all(|text| text.len() <= MOST_BYTES));
    let all = texts.concat();
    assert_eq!(all.split_whitespace().count(), 1000);
    assert!(all.starts_with("0-0 1000000-1000000 ") && all.ends_with(" 999000000-999000000 "));
}

/// A mirror with an internal bitmap, `change`d.
fn refused(change: impl Fn(&mut Array)) -> Option<String> {
    let bitmap = Bitmap {
        kind: BitmapKind::Internal,
        offset: Some(8),
        path: None,
        chunk: None,
        dirty: None,
        why: None,
    };
    let mut array = Array {
        name: "md0".into(),
        node: "/dev/md0".into(),
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
    };
    change(&mut array);
    possible(&array).err().map(|error| error.to_string())
}

#[test]
fn marks_that_would_be_lost_or_do_harm_are_refused() {
    assert_eq!(refused(|_| ()), None);
    assert_eq!(refused(|array| array.degraded = Some(1)), None);
    let told = |change: fn(&mut Array)| refused(change).unwrap();
    assert!(told(|array| array.bitmap.kind = BitmapKind::None).contains("no bitmap"));
    assert!(told(|array| array.bitmap.kind = BitmapKind::Lockless).contains("lockless"));
    assert!(told(|array| array.sync.action = Action::Resync).contains("resync runs"));
    assert!(told(|array| array.sync.action = Action::Frozen).contains("frozen"));
    assert!(told(|array| array.state = "readonly").contains("readonly"));
    let parity = |array: &mut Array| {
        array.level = Some("raid5".into());
        array.degraded = Some(1);
    };
    assert!(refused(parity).unwrap().contains("not start again"));
}
