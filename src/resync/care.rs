//! How careful writing is: whether what a target holds already is left alone, and whether what was
//! written is read back. Pure.

use std::ops::Range;

/// The unit of comparing: a page, which every direct write may begin and end at.
const PAGE: usize = 4096;

/// What is done around each write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Care {
    /// Read the target first, and write only what differs.
    pub compare: bool,
    /// Read back what was written, and take a difference for a failed write.
    pub verify: bool,
}

/// The smallest span of pages that holds all differences, if there is any, and the bytes of the
/// pages that differ. What lengths do not share differs.
pub(super) fn differing(one: &[u8], other: &[u8]) -> (Option<Range<usize>>, usize) {
    let (mut span, mut bytes): (Option<Range<usize>>, usize) = (None, 0);
    for (n, page) in one.chunks(PAGE).enumerate() {
        let start = n * PAGE;
        let end = start + page.len();
        if other.get(start..end) != Some(page) {
            bytes += page.len();
            span = Some(span.map_or(start, |span| span.start)..end);
        }
    }
    (span, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_found_by_the_page() {
        let one = vec![7; 5 * PAGE + 512];
        assert_eq!(differing(&one, &one), (None, 0));
        let mut other = one.clone();
        other[PAGE + 5] = 0;
        assert_eq!(differing(&one, &other), (Some(PAGE..2 * PAGE), PAGE));
        other[5 * PAGE + 511] = 0;
        assert_eq!(differing(&one, &other), (Some(PAGE..5 * PAGE + 512), PAGE + 512));
        assert_eq!(differing(&one, &one[..PAGE]), (Some(PAGE..5 * PAGE + 512), 4 * PAGE + 512));
    }
}
