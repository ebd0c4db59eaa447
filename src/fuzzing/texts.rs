//! What the kernel prints, and what people type.

use super::draw::Draw;
use crate::array::geometry::{layout_named, level_named};
use crate::format::dump::{Item, Parser, Sum, head, run};
use crate::running::{BitmapKind, Progress, parse};
use crate::sysfs::mdstat::{self, ProgressState};
use crate::sysfs::{DevNum, md, tables};
use crate::units::{ChunkRun, Chunks, Range, parse_size};

/// `/proc/mdstat`.
pub(super) fn mdstat(bytes: &[u8]) {
    let found = mdstat::parse(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!(found.unknown_lines + found.arrays.len() <= lines);
    for array in &found.arrays {
        assert!(!array.name.is_empty());
        if let Some(health) = &array.health {
            assert!(health.in_sync.len() <= bytes.len());
        }
        if let Some(ProgressState::At { done, total, .. }) =
            array.progress.as_ref().map(|p| p.state)
        {
            assert!(done <= total && !total.is_zero());
        }
    }
}

/// Attributes of sysfs and lines of /proc, apart by zeroes.
pub(super) fn attributes(bytes: &[u8]) {
    for (n, text) in bytes.split(|byte| *byte == 0).enumerate().take(64) {
        let _ = tables::unescape(text);
        let text = String::from_utf8_lossy(text);
        attribute(text.trim_end_matches('\n'), n % 2 == 1);
    }
}

fn attribute(text: &str, odd: bool) {
    let _ = (parse::state(text), parse::slot(text), parse::action(Some(text)), parse::speed(text));
    let _ = (tables::mount(text), tables::swap(text), parse::lockless_chunk(text));
    if let Some(number) = parse::number(text) {
        assert_eq!(text.trim_start_matches('0'), number.to_string().trim_start_matches('0'));
    }
    if let Some(word) = parse::word(text) {
        assert!(word == text && word.is_ascii() && !word.contains(char::is_control));
    }
    assert!(parse::member_states(text).iter().all(|word| !word.is_empty() && word.is_ascii()));
    if let Progress::At { done, total } = parse::progress(text) {
        assert!(done <= total && !total.is_zero());
    }
    let (kind, offset) = parse::bitmap(Some(text), odd, !odd);
    assert!(offset.is_none() || !matches!(kind, BitmapKind::None | BitmapKind::File));
    if let Some(states) = parse::states(text) {
        assert!(states.dirty <= states.total && !states.total.is_zero());
    }
    if let Some(uuid) = md::uuid(text) {
        let spelled: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(md::uuid(&spelled), Some(uuid));
    }
    if let Ok(number) = text.parse::<DevNum>() {
        assert_eq!(number.to_string().parse(), Ok(number));
    }
}

/// Sizes, ranges, levels and layouts.
pub(super) fn typed(bytes: &[u8]) {
    let mut draw = Draw::new(bytes);
    let (unit, level) = (1 << (draw.byte() % 31), i32::from(draw.byte()) - 4);
    let text = String::from_utf8_lossy(draw.rest());
    let _ = (level_named(&text), layout_named(level, &text));
    match text.parse::<Range>() {
        Ok(Range::Bytes(start, end)) => assert!(start < end),
        Ok(Range::Chunks(first, last)) => assert!(first <= last),
        Ok(Range::All) | Err(_) => {}
    }
    if let Ok(size) = parse_size(&text, unit) {
        let again = parse_size(&format!("{}B", size.get()), unit);
        assert_eq!(again, Ok(size));
    }
}

/// A dumped bitmap: as it is, and with the sum that it should have. What is taken is what a dump of
/// it would say.
pub(super) fn dump(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<&str> = text.lines().collect();
    parsed(&lines);
    lines.retain(|line| !line.starts_with("end "));
    let mut sum = Sum::default();
    lines.iter().for_each(|line| sum.add(line));
    let end = sum.end();
    lines.push(&end);
    parsed(&lines);
}

fn parsed(lines: &[&str]) {
    let (mut parser, mut runs) = (Parser::default(), Vec::<ChunkRun>::new());
    for line in lines {
        match parser.line(line) {
            Ok(Item::Run(run)) => runs.push(run),
            Ok(_) => {}
            Err(_) => return,
        }
    }
    let (Ok(()), Some(raw)) = (parser.finish(), parser.superblock()) else { return };
    let dirty: u64 = runs.iter().map(|run| run.count.get()).sum();
    assert_eq!(Chunks::new(dirty), parser.dirty());
    assert!(runs.windows(2).all(|pair| pair[0].end() < pair[1].first));
    let chunks = crate::format::bitmap::decode(&raw.0).value.map(|value| value.chunks());
    let mut again = head(&raw, chunks.unwrap_or_default(), parser.dirty());
    again.extend(runs.iter().map(|told| run(*told)));
    assert_eq!(again, lines[..lines.len() - 1], "it would be dumped otherwise");
}
