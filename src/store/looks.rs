//! What bytes that are no bitmap look like: said to a person who named the wrong file.

use crate::format::bitmap::superblock::MAGIC;

/// Signatures at fixed places: offset, bytes, name.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0x438, &[0x53, 0xef], "an ext2, ext3 or ext4 file system"),
    (0, b"XFSB", "an XFS file system"),
    (0, b"LUKS\xba\xbe", "a LUKS container"),
    (512, b"EFI PART", "a disk with a GPT partition table"),
    (512, b"LABELONE", "an LVM physical volume"),
    (4086, b"SWAPSPACE2", "swap space"),
    (0, b"\x7fELF", "a program"),
    (0, &[0x1f, 0x8b], "gzip-compressed data"),
    (0, &[0x28, 0xb5, 0x2f, 0xfd], "zstd-compressed data"),
    (510, &[0x55, 0xaa], "a disk with a boot sector"),
];

/// The most bytes it takes to tell.
pub(super) const BYTES: usize = 4096;

/// What the start of a file or device looks like, where that can be told.
pub(super) fn like(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(&MAGIC.to_be_bytes()) {
        return Some("a bitmap with every field in the wrong byte order");
    }
    let found = |(at, sign, _): &&(usize, &[u8], &str)| {
        bytes.get(*at..).is_some_and(|rest| rest.starts_with(sign))
    };
    if let Some((_, _, name)) = SIGNATURES.iter().find(found) {
        return Some(name);
    }
    let text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match bytes {
        [] => None,
        _ if bytes.iter().all(|byte| *byte == 0) => Some("nothing: it begins with zeroes"),
        _ if bytes.iter().all(text) => Some("text"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_are_recognised() {
        let mut ext4 = vec![0; BYTES];
        ext4[0x438..0x43a].copy_from_slice(&[0x53, 0xef]);
        assert_eq!(like(&ext4), Some("an ext2, ext3 or ext4 file system"));
        assert_eq!(like(&[0; 300]), Some("nothing: it begins with zeroes"));
        assert_eq!(like(b"hello\n"), Some("text"));
        assert!(like(b"mtib\0\0").unwrap().contains("byte order"));
        assert_eq!(like(&[1, 2, 3]), None);
        assert_eq!(like(&[]), None);
    }
}
