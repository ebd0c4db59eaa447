//! Power cuts for tests: every image that a log of writes may leave.

use crate::io::mem::Event;

/// After each event, with all writes that were not flushed there, none of them, and each one alone
/// lost.
pub(super) fn images(start: &[Vec<u8>], log: &[Event]) -> Vec<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    for cut in 0..=log.len() {
        let loose = loose(&log[..cut]);
        found.push(image(start, &log[..cut], &[]));
        found.push(image(start, &log[..cut], &loose));
        for lost in &loose {
            found.push(image(start, &log[..cut], &[*lost]));
        }
    }
    found.dedup();
    found
}

/// The same, and each of those writes torn: only its first sectors arrived, or only its last.
pub(super) fn torn_images(start: &[Vec<u8>], log: &[Event]) -> Vec<Vec<Vec<u8>>> {
    let mut found = images(start, log);
    for cut in 0..=log.len() {
        for torn in loose(&log[..cut]) {
            let Event::Write(dev, at, bytes) = &log[torn] else { continue };
            for kept in (512..bytes.len()).step_by(512) {
                let (head, tail) = bytes.split_at(kept);
                let behind = at + kept as u64;
                for part in [
                    Event::Write(*dev, *at, head.to_vec()),
                    Event::Write(*dev, behind, tail.to_vec()),
                ] {
                    let mut log = log[..cut].to_vec();
                    log[torn] = part;
                    found.push(image(start, &log, &[]));
                }
            }
        }
    }
    found
}

/// Writes that no flush of their device follows.
fn loose(log: &[Event]) -> Vec<usize> {
    let flushed = |dev, from: usize| {
        log[from..].iter().any(|event| matches!(event, Event::Flush(other) if *other == dev))
    };
    let writes = log.iter().enumerate().filter_map(|(n, event)| match event {
        Event::Write(dev, ..) if !flushed(*dev, n) => Some(n),
        _ => None,
    });
    writes.collect()
}

fn image(start: &[Vec<u8>], log: &[Event], lost: &[usize]) -> Vec<Vec<u8>> {
    let mut disks = start.to_vec();
    for (n, event) in log.iter().enumerate().filter(|(n, _)| !lost.contains(n)) {
        if let Event::Write(dev, at, bytes) = event {
            let at = usize::try_from(*at).unwrap_or_else(|_| panic!("write {n} is too far"));
            disks[dev.0][at..at + bytes.len()].copy_from_slice(bytes);
        }
    }
    disks
}
