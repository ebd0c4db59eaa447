//! What every engine promises, as tests that each backend runs.

use super::{Buf, DevId, Device, Engine, Op, OpKind, SubmitWhy, flush, read_span, write_span};
use crate::units::Bytes;

/// Makes an engine with one device of the given size, zeroed, in blocks of 512 bytes.
pub type Make<'a> = dyn Fn(usize) -> Box<dyn Engine> + 'a;

const DEV: DevId = DevId(0);

/// A length that [`large`] works with.
pub const LARGE: usize = 1024 * SCALE;

/// How much larger a large operation is.
const SCALE: usize = 256;

/// Every promise.
pub fn all(make: &Make<'_>) {
    what_is_written_is_read(make(4096).as_mut(), 1);
    a_short_transfer_is_an_error_in_the_completion(make(4096).as_mut(), 1);
    misuse_gives_the_operation_back(make(4096).as_mut());
    depth_is_a_limit_not_a_loss(make(4096).as_mut(), 512);
    what_is_polled_for_ends_without_a_wait(make(4096).as_mut());
    spans_leave_their_neighbours_alone(make(4096).as_mut());
}

/// Those that tell of transfers, with large ones: many are of [`LARGE`].
pub fn large(make: &Make<'_>) {
    what_is_written_is_read(make(4096 * SCALE).as_mut(), SCALE);
    a_short_transfer_is_an_error_in_the_completion(make(4096 * SCALE).as_mut(), SCALE);
    depth_is_a_limit_not_a_loss(make(4096 * SCALE).as_mut(), LARGE);
}

/// What holds where the first of two devices takes no writes, and the second is sound: each
/// operation fails for itself, gives its buffer back, and stops no other.
pub fn failing(make: &Make<'_>) {
    let mut engine = make(4096);
    let engine = engine.as_mut();
    let both = |tag, kind, dev| Op { dev: DevId(dev), ..op(tag, kind, 512, 1024) };
    engine.submit(both(1, OpKind::Write, 0)).unwrap();
    engine.submit(both(2, OpKind::Write, 1)).unwrap();
    engine.submit(both(3, OpKind::Read, 0)).unwrap();
    let mut ended: Vec<_> = std::iter::from_fn(|| engine.wait()).collect();
    ended.sort_by_key(|done| done.tag);
    let told: Vec<_> = ended.iter().map(|done| (done.result.is_ok(), done.buf.len())).collect();
    assert_eq!(told, [(false, 1024), (true, 1024), (true, 1024)]);
    write_span(engine, DEV, Bytes::new(1000), &[1; 100]).unwrap_err();
    write_span(engine, DevId(1), Bytes::new(1000), &[1; 100]).unwrap();
    flush(engine, DevId(1)).unwrap();
}

/// Two files of `size`, the first one opened for reading only.
pub fn one_read_only(size: usize) -> Vec<Device> {
    let file = |write: bool| {
        let named = tempfile::NamedTempFile::new().unwrap();
        named.as_file().set_len(size as u64).unwrap();
        let file = std::fs::File::options().read(true).write(write).open(named.path()).unwrap();
        Device::new(file, "disk", 512).unwrap()
    };
    vec![file(false), file(true)]
}

fn op(tag: u64, kind: OpKind, offset: u64, len: usize) -> Op {
    Op { tag, dev: DEV, kind, offset: Bytes::new(offset), buf: Buf::zeroed(len) }
}

fn what_is_written_is_read(engine: &mut dyn Engine, scale: usize) {
    let mut write = op(7, OpKind::Write, 512 * scale as u64, 1024 * scale);
    write.buf.bytes_mut().fill(0xa5);
    engine.submit(write).unwrap();
    let done = engine.wait().unwrap();
    assert_eq!((done.tag, done.buf.len()), (7, 1024 * scale));
    done.result.unwrap();
    let read = |tag| op(tag, OpKind::Read, (tag - 8) * 1024 * scale as u64, 1024 * scale);
    let mut ended = Vec::new();
    for tag in 8..10 {
        engine.submit(read(tag)).unwrap();
        ended.push(engine.wait().unwrap());
    }
    assert!(engine.wait().is_none());
    let all: Vec<u8> = ended.iter().flat_map(|done| done.buf.bytes()).copied().collect();
    assert!(ended.iter().all(|done| done.result.is_ok()));
    let (written, rest) = (512 * scale..1536 * scale, 1536 * scale..);
    assert!(all[..written.start].iter().chain(&all[rest]).all(|b| *b == 0));
    assert!(all[written].iter().all(|b| *b == 0xa5));
}

fn a_short_transfer_is_an_error_in_the_completion(engine: &mut dyn Engine, scale: usize) {
    for kind in [OpKind::Read, OpKind::Write] {
        engine.submit(op(1, kind, 3584 * scale as u64, 1024 * scale)).unwrap();
        let done = engine.wait().unwrap();
        assert!(done.result.is_err(), "{kind:?} past the end succeeded");
        assert_eq!(done.buf.len(), 1024 * scale);
    }
    let size = Bytes::from(4096 * scale);
    assert_eq!(engine.size(DEV), size, "a write past the end made the device longer");
}

fn misuse_gives_the_operation_back(engine: &mut dyn Engine) {
    // Through the page cache everything is aligned.
    if engine.align(DEV) > 1 {
        let refused = engine.submit(op(3, OpKind::Read, 100, 512)).unwrap_err();
        assert_eq!((refused.why, refused.op.tag), (SubmitWhy::Unaligned, 3));
    }
    let stray = Op { dev: DevId(9), ..op(4, OpKind::Read, 0, 512) };
    assert_eq!(engine.submit(stray).unwrap_err().why, SubmitWhy::NoDevice);
    assert!(engine.wait().is_none());
}

fn depth_is_a_limit_not_a_loss(engine: &mut dyn Engine, len: usize) {
    let depth = engine.depth();
    for tag in 0..depth as u64 {
        engine.submit(op(tag, OpKind::Read, 0, len)).unwrap();
    }
    let refused = engine.submit(op(99, OpKind::Read, 0, len)).unwrap_err();
    assert_eq!(refused.why, SubmitWhy::Full);
    let mut tags: Vec<_> = std::iter::from_fn(|| engine.wait()).map(|done| done.tag).collect();
    tags.sort_unstable();
    assert_eq!(tags, (0..depth as u64).collect::<Vec<_>>());
}

/// Whoever only polls gets all in the end, each once.
fn what_is_polled_for_ends_without_a_wait(engine: &mut dyn Engine) {
    assert!(engine.poll().is_none());
    let depth = engine.depth() as u64;
    for tag in 0..depth {
        engine.submit(op(tag, OpKind::Read, 0, 512)).unwrap();
    }
    let mut tags = Vec::new();
    for _ in 0..100_000 {
        match engine.poll() {
            Some(done) => tags.push(done.tag),
            None if tags.len() as u64 == depth => break,
            None => std::thread::sleep(std::time::Duration::from_micros(100)),
        }
    }
    tags.sort_unstable();
    assert_eq!(tags, (0..depth).collect::<Vec<_>>());
    assert!(engine.poll().is_none() && engine.wait().is_none());
}

fn spans_leave_their_neighbours_alone(engine: &mut dyn Engine) {
    write_span(engine, DEV, Bytes::ZERO, &[0x11; 4096]).unwrap();
    write_span(engine, DEV, Bytes::new(1000), &[0x22; 100]).unwrap();
    flush(engine, DEV).unwrap();
    let all = read_span(engine, DEV, Bytes::ZERO, 4096).unwrap();
    assert!(all[1000..1100].iter().all(|b| *b == 0x22));
    assert!(all[..1000].iter().chain(&all[1100..]).all(|b| *b == 0x11));
    read_span(engine, DEV, Bytes::new(4000), 100).unwrap_err();
    write_span(engine, DEV, Bytes::new(4000), &[0; 100]).unwrap_err();
    read_span(engine, DEV, Bytes::new(u64::MAX), 100).unwrap_err();
}
