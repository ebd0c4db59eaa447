//! ext2, ext3 and ext4, by debugfs: `icheck` tells the inodes of blocks, `testb` what is free,
//! `ncheck` the names of inodes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use super::{Answers, FileSystem, FsKind, Holder, View, tool};
use crate::error::Result;
use crate::units::Bytes;

/// Where the superblock is, and its magic.
const SUPER: usize = 1024;
const MAGIC: [u8; 2] = [0x53, 0xef];
/// Numbers in one request: an argument may be 128 KiB long.
const AT_ONCE: usize = 5000;
/// Inodes below are the file system's own.
const FIRST_FILE: u64 = 11;

pub(super) fn decode(head: &[u8]) -> Option<FileSystem> {
    let word = |at: usize| -> Option<u32> {
        let bytes = head.get(SUPER + at..SUPER + at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    if head.get(SUPER + 56..SUPER + 58)? != MAGIC {
        return None;
    }
    let shift = word(24).filter(|shift| *shift <= 6)?;
    let wide = word(0x60)? & 0x80 != 0;
    let high = if wide { u64::from(word(0x150)?) } else { 0 };
    let blocks = high << 32 | u64::from(word(4)?);
    let block = Bytes::new(1024 << shift);
    Some(FileSystem { kind: FsKind::Ext, block, blocks, group: (0, 0) })
}

pub(super) fn ask(view: &View, runs: &[(u64, u64)]) -> Result<Answers> {
    let mut answers = Answers::default();
    let all: Vec<u64> = runs.iter().flat_map(|(first, end)| *first..*end).collect();
    for part in all.chunks(AT_ONCE) {
        let said = request(view, &format!("icheck {}", numbers(part)))?;
        take_inodes(&said, part, &mut answers.holders);
    }
    let rest: Vec<u64> =
        all.iter().copied().filter(|block| !answers.holders.contains_key(block)).collect();
    if !rest.is_empty() {
        let lines: Vec<String> = rest.iter().map(|block| format!("testb {block} 1\n")).collect();
        let arguments: [OsString; 3] = ["-f".into(), "-".into(), view.for_ext()?];
        let said = tool::run("debugfs", &arguments, lines.concat())?;
        take_use(&said, &rest, &mut answers.holders);
    }
    answers.names = names(view, &answers.holders)?;
    Ok(answers)
}

fn names(view: &View, holders: &BTreeMap<u64, Holder>) -> Result<BTreeMap<u64, Vec<String>>> {
    let inodes: BTreeSet<u64> = holders
        .values()
        .filter_map(|holder| match holder {
            Holder::Inode(inode) => Some(*inode),
            _ => None,
        })
        .collect();
    let mut names: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for own in inodes.iter().filter(|inode| **inode < FIRST_FILE) {
        names.insert(*own, vec![own_name(*own).to_owned()]);
    }
    let files: Vec<u64> = inodes.into_iter().filter(|inode| *inode >= FIRST_FILE).collect();
    for part in files.chunks(AT_ONCE) {
        let said = request(view, &format!("ncheck {}", numbers(part)))?;
        take_names(&said, part, &mut names);
    }
    Ok(names)
}

fn own_name(inode: u64) -> &'static str {
    match inode {
        2 => "/",
        7 => "(room for growing)",
        8 => "(journal)",
        _ => "(the file system's own)",
    }
}

fn request(view: &View, text: &str) -> Result<String> {
    let arguments: [OsString; 3] = ["-R".into(), text.into(), view.for_ext()?];
    tool::run("debugfs", &arguments, String::new())
}

fn numbers(of: &[u64]) -> String {
    of.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Lines of a block, a tab and an inode.
fn take_inodes(said: &str, asked: &[u64], holders: &mut BTreeMap<u64, Holder>) {
    for line in said.lines() {
        let Some((block, inode)) = line.split_once('\t') else { continue };
        let Some(block) = number(block).filter(|block| asked.contains(block)) else { continue };
        if let Some(inode) = number(inode).filter(|inode| *inode > 0) {
            holders.insert(block, Holder::Inode(inode));
        }
    }
}

/// Lines `Block 12 marked in use` and `Block 12 not in use`.
fn take_use(said: &str, asked: &[u64], holders: &mut BTreeMap<u64, Holder>) {
    for line in said.lines() {
        let Some((block, state)) =
            line.strip_prefix("Block ").and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let holder = match state.trim_end() {
            "marked in use" => Holder::Metadata,
            "not in use" => Holder::Free,
            _ => continue,
        };
        if let Some(block) = number(block).filter(|block| asked.binary_search(block).is_ok()) {
            holders.insert(block, holder);
        }
    }
    for block in asked {
        holders.entry(*block).or_insert(Holder::Unknown);
    }
}

/// Lines of an inode, a tab and a path; a line that is none belongs to the name before it.
fn take_names(said: &str, asked: &[u64], names: &mut BTreeMap<u64, Vec<String>>) {
    let mut last = None;
    for line in said.lines().skip(1) {
        let found = line.split_once('\t').and_then(|(inode, path)| Some((number(inode)?, path)));
        match found
            .filter(|(inode, path)| asked.binary_search(inode).is_ok() && path.starts_with('/'))
        {
            Some((inode, path)) => {
                let path = format!("/{}", path.trim_start_matches('/'));
                names.entry(inode).or_default().push(path);
                last = Some(inode);
            }
            None => {
                let path = last.and_then(|inode| names.get_mut(&inode)?.last_mut());
                if let Some(path) = path {
                    path.push('\n');
                    path.push_str(line);
                }
            }
        }
    }
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_the_form_about_what_was_asked_count() {
        let mut holders = BTreeMap::new();
        let said =
            "Block\tInode number\n7\t14\n8\t<block not found>\n9\t13\n x\t1\n+7\t15\n10\t0\n";
        take_inodes(said, &[7, 8, 10], &mut holders);
        assert_eq!(holders, BTreeMap::from([(7, Holder::Inode(14))]));
        let said = "debugfs: testb 8 1\nBlock 8 not in use\nBlock 9 marked in use\nBlock 10 marked in use\n";
        take_use(said, &[8, 10, 11], &mut holders);
        let all = [
            (7, Holder::Inode(14)),
            (8, Holder::Free),
            (10, Holder::Metadata),
            (11, Holder::Unknown),
        ];
        assert_eq!(holders, BTreeMap::from(all));
    }

    #[test]
    fn names_may_hold_anything_and_forge_no_other_inode() {
        let mut names = BTreeMap::new();
        let said =
            "Inode\tPathname\n14\t//big\n14\t/dir/hard\nlink\n99\t/etc/passwd\n13\trelative\n";
        take_names(said, &[13, 14], &mut names);
        let paths = ["/big", "/dir/hard\nlink\n99\t/etc/passwd\n13\trelative"];
        assert_eq!(names, BTreeMap::from([(14, paths.map(String::from).to_vec())]));
    }

    #[test]
    fn a_superblock_that_makes_no_sense_is_none() {
        let mut head = vec![0; 4096];
        assert_eq!(decode(&head), None);
        head[SUPER + 56..SUPER + 58].copy_from_slice(&MAGIC);
        head[SUPER + 4] = 9;
        head[SUPER + 24] = 2;
        assert_eq!(decode(&head).map(|fs| (fs.block.get(), fs.blocks)), Some((4096, 9)));
        head[SUPER + 24] = 7;
        assert_eq!(decode(&head), None);
        assert_eq!(decode(&head[..1200]), None);
        assert_eq!(decode(&[]), None);
    }
}
