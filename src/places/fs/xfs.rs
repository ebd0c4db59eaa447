//! XFS, by xfs_db: `blockget -n` learns what all blocks are, `blockuse -n` tells it of some.

use std::ffi::OsString;

use super::{Answers, FileSystem, FsKind, Holder, View, tool};
use crate::error::Result;
use crate::units::Bytes;

/// Stretches in one request; each makes xfs_db read the file system anew.
const AT_ONCE: usize = 2000;

pub(super) fn decode(head: &[u8]) -> Option<FileSystem> {
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?))
    };
    if head.get(..4)? != b"XFSB" {
        return None;
    }
    let block = word(4).filter(|block| block.is_power_of_two() && (512..=65536).contains(block))?;
    let blocks = u64::from_be_bytes(head.get(8..16)?.try_into().ok()?);
    let group = word(84).filter(|blocks| *blocks > 0)?;
    let shift = u32::from(*head.get(124)?);
    // A block's number has its group above `shift` bits, and its place in the group below.
    let fits = shift <= 32 && u64::from(group) <= 1 << shift && shift + 32 <= 64;
    let block = Bytes::new(u64::from(block));
    let group = (u64::from(group), shift);
    fits.then_some(FileSystem { kind: FsKind::Xfs, block, blocks, group })
}

pub(super) fn ask(view: &View, fs: &FileSystem, runs: &[(u64, u64)]) -> Result<Answers> {
    let plain = view.plain()?;
    let stretches: Vec<Stretch> = runs.iter().flat_map(|run| stretches(fs, *run)).collect();
    let mut answers = Answers::default();
    for part in stretches.chunks(AT_ONCE) {
        let mut arguments: Vec<OsString> = vec!["-r".into()];
        if plain.path.is_file() {
            arguments.push("-f".into());
        }
        let mut command = |text: String| arguments.extend(["-c".into(), text.into()]);
        command("blockget -n".into());
        for stretch in part {
            command(format!("fsblock {}", stretch.number));
            command(format!("blockuse -n -c {}", stretch.len));
        }
        arguments.push(plain.path.clone().into_os_string());
        let said = tool::run("xfs_db", &arguments, String::new())?;
        take(&said, part, &mut answers);
    }
    for (first, end) in runs {
        for block in *first..*end {
            answers.holders.entry(block).or_insert(Holder::Unknown);
        }
    }
    Ok(answers)
}

/// Blocks within one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    /// The first one's place on the array.
    first: u64,
    /// Its number, as XFS counts.
    number: u64,
    len: u64,
}

fn stretches(fs: &FileSystem, (first, end): (u64, u64)) -> Vec<Stretch> {
    let (group, shift) = fs.group;
    let mut found = Vec::new();
    let mut at = first;
    while at < end {
        let (of, within) = (at / group, at % group);
        let len = (group - within).min(end - at);
        let number = of.checked_shl(shift).unwrap_or(0) | within;
        found.push(Stretch { first: at, number, len });
        at += len;
    }
    found
}

/// Lines `block 12 (0/12) type data inode 131 name`, in the order asked; a line that is none
/// belongs to the name before it.
fn take(said: &str, asked: &[Stretch], answers: &mut Answers) {
    let all = asked
        .iter()
        .flat_map(|stretch| (0..stretch.len).map(|n| (stretch.first + n, stretch.number + n)));
    let mut expected = all.peekable();
    let mut name: Option<(u64, String)> = None;
    for line in said.lines() {
        let found = parse(line);
        let next =
            expected.next_if(|(_, number)| found.as_ref().is_some_and(|f| f.number == *number));
        match (found, next) {
            (Some(found), Some((block, _))) => {
                answers.holders.insert(block, found.holder);
                answers.keep(std::mem::replace(&mut name, found.name));
            }
            _ => {
                if let Some((_, name)) = &mut name {
                    name.push('\n');
                    name.push_str(line);
                }
            }
        }
    }
    answers.keep(name);
}

impl Answers {
    /// A name is told with each block of its file: the first time counts.
    fn keep(&mut self, name: Option<(u64, String)>) {
        if let Some((inode, name)) = name {
            self.names.entry(inode).or_insert_with(|| vec![path(&name)]);
        }
    }
}

fn path(name: &str) -> String {
    format!("/{}", name.trim_start_matches('/'))
}

struct Line {
    number: u64,
    holder: Holder,
    name: Option<(u64, String)>,
}

fn parse(line: &str) -> Option<Line> {
    let (number, rest) = line.strip_prefix("block ")?.split_once(' ')?;
    let (place, rest) = rest.split_once(" type ")?;
    let number = number.parse().ok()?;
    let sane = place.starts_with('(') && place.ends_with(')') && place.contains('/');
    let (kind, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let inode = rest.strip_prefix("inode ").map(|rest| rest.split_once(' ').unwrap_or((rest, "")));
    let name = inode.and_then(|(inode, name)| Some((inode.parse().ok()?, name.to_owned())));
    let holder = match (kind, &name) {
        ("free1" | "free2", _) => Holder::Free,
        (_, Some((inode, _))) => Holder::Inode(*inode),
        ("unknown" | "unknown1" | "unknown2", None) => Holder::Unknown,
        _ => Holder::Metadata,
    };
    let name = name.filter(|(_, name)| !name.is_empty());
    sane.then_some(Line { number, holder, name })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const FS: FileSystem = FileSystem {
        kind: FsKind::Xfs,
        block: Bytes::new(4096),
        blocks: 81920,
        group: (20480, 15),
    };

    #[test]
    fn blocks_are_asked_for_within_their_groups() {
        let stretch = |first, number, len| Stretch { first, number, len };
        assert_eq!(stretches(&FS, (10, 12)), [stretch(10, 10, 2)]);
        assert_eq!(
            stretches(&FS, (20470, 20490)),
            [stretch(20470, 20470, 10), stretch(20480, 32768, 10)]
        );
    }

    #[test]
    fn what_is_said_about_blocks_that_were_asked_for_counts() {
        let asked = stretches(&FS, (20478, 20483));
        let said = "block 20478 (0/20478) type data inode 131 dir/na\nme\nblock 7 (0/7) type sb\n\
                    block 20479 (0/20479) type data inode 131 dir/na\nme\nblock 7 (0/7) type sb\n\
                    block 32768 (1/0) type sb\nblock 32769 (1/1) type free2\n";
        let mut answers = Answers::default();
        take(said, &asked, &mut answers);
        let holders = [
            (20478, Holder::Inode(131)),
            (20479, Holder::Inode(131)),
            (20480, Holder::Metadata),
            (20481, Holder::Free),
        ];
        assert_eq!(answers.holders, BTreeMap::from(holders));
        let name = "/dir/na\nme\nblock 7 (0/7) type sb".to_owned();
        assert_eq!(answers.names, BTreeMap::from([(131, vec![name])]));
    }

    #[test]
    fn a_superblock_that_makes_no_sense_is_none() {
        let mut head = vec![0; 4096];
        head[..4].copy_from_slice(b"XFSB");
        assert_eq!(decode(&head), None);
        head[4..8].copy_from_slice(&4096_u32.to_be_bytes());
        head[8..16].copy_from_slice(&81920_u64.to_be_bytes());
        head[84..88].copy_from_slice(&20480_u32.to_be_bytes());
        head[124] = 15;
        assert_eq!(decode(&head), Some(FS));
        head[124] = 14;
        assert_eq!(decode(&head), None);
        head[124] = 200;
        assert_eq!(decode(&head), None);
    }
}
