//! Registered memory: used where there is some, and missed by nobody. Each test has a length of its
//! own, for buffers of any test take what any ring registered.

use io_uring::opcode;

use super::*;
use crate::io::uring::raw::entry;

/// Set for a child in which so little memory may be locked that a ring has room, and no more.
const REFUSED: &str = "MDBITMAP_TEST_MEMLOCK_REFUSED";

/// A ring over `files` that registered `count` buffers of `len`; says so where that cannot be.
fn registered(len: usize, count: usize, files: &[&File]) -> Option<UringEngine> {
    let mut engine = engine(4, files)?;
    if let Err(error) = engine.ring.register(len, count) {
        let forbidden = std::env::var_os("MDBITMAP_NO_SKIP").is_some_and(|value| value == "1");
        assert!(!forbidden, "registering: {error}, and skipping is forbidden");
        eprintln!("skipped: registered memory: {error}");
        return None;
    }
    Some(engine)
}

/// Runs `ops` to their ends.
fn run(engine: &mut UringEngine, ops: Vec<Op>) -> Vec<Completion> {
    ops.into_iter().for_each(|op| engine.submit(op).unwrap());
    std::iter::from_fn(|| engine.wait()).collect()
}

#[test]
fn keeps_the_engine_contract() {
    let file = file(0);
    let Some(engine) = registered(conformance::LARGE, 3, &[&file]) else { return };
    drop(engine);
    for count in [0, 1, 3] {
        conformance::large(&|size| {
            let file = super::file(size as u64);
            Box::new(registered(conformance::LARGE, count, &[&file]).unwrap())
        });
    }
}

#[test]
fn what_lies_in_registered_memory_goes_by_it() {
    const LEN: usize = (64 << 10) + 512;
    let files = [file(1 << 20), file(1 << 20)];
    let Some(mut engine) = registered(LEN, 2, &[&files[0], &files[1]]) else { return };
    let write = filled(1, 0, 512, LEN, 0x5a);
    let shared = Op { tag: 2, dev: DevId(1), buf: write.buf.share(), ..filled(2, 1, 512, 0, 0) };
    for done in run(&mut engine, vec![write, shared]) {
        done.result.unwrap();
    }
    assert_eq!(engine.ring.fixed(), 2);
    let reads = vec![op(3, 0, OpKind::Read, 0, LEN), op(4, 1, OpKind::Read, 0, LEN)];
    for done in run(&mut engine, reads) {
        done.result.unwrap();
        assert!(done.buf.bytes()[..512].iter().all(|b| *b == 0));
        assert!(done.buf.bytes()[512..].iter().all(|b| *b == 0x5a));
    }
    assert_eq!(engine.ring.fixed(), 4);
    run(&mut engine, vec![op(5, 0, OpKind::Read, 0, LEN + 512)]);
    assert_eq!(engine.ring.fixed(), 4, "a buffer of other memory passed for a registered one");
}

#[test]
fn the_operation_is_chosen_by_kind_and_memory() {
    let mut buf = Buf::zeroed(512);
    let mut code = |kind, number| {
        let what = Transfer { kind, fd: 0, offset: 0, from: 0, fixed: true, aside: false };
        entry(what, &mut buf, number).get_opcode()
    };
    assert_eq!(code(OpKind::Read, Some(3)), u32::from(opcode::ReadFixed::CODE));
    assert_eq!(code(OpKind::Write, Some(3)), u32::from(opcode::WriteFixed::CODE));
    assert_eq!(code(OpKind::Read, None), u32::from(opcode::Read::CODE));
    assert_eq!(code(OpKind::Write, None), u32::from(opcode::Write::CODE));
    assert_eq!(code(OpKind::Flush, None), u32::from(opcode::Fsync::CODE));
}

#[test]
fn a_driver_that_knows_no_registered_memory_is_asked_without() {
    let mut pending = Pending { fixed: true, ..pending(OpKind::Read) };
    assert!(progress(&mut pending, -EOPNOTSUPP, 4096).is_none());
    assert!(!pending.fixed);
    progress(&mut pending, -EOPNOTSUPP, 4096).unwrap().unwrap_err();
}

/// A flush that failed has told what was lost, once: the next one would tell of success.
#[test]
fn a_flush_is_asked_for_once() {
    for errno in [EINVAL, EFAULT, EOPNOTSUPP, EAGAIN, EINTR] {
        let mut flush = Pending { fixed: true, ..pending(OpKind::Flush) };
        progress(&mut flush, -errno, 0).unwrap().unwrap_err();
    }
}

/// The kernel reads what is written from the very memory: it must not change meanwhile.
#[test]
fn a_shared_piece_is_copied_before_it_changes() {
    const LEN: usize = (64 << 10) + 1024;
    let file = file(1 << 20);
    let Some(mut engine) = registered(LEN, 2, &[&file]) else { return };
    let first = filled(1, 0, 0, LEN, 1);
    let (mut second, mut third) = (first.buf.share(), first.buf.share());
    engine.submit(first).unwrap();
    // The second finds a piece for its copy, the third none.
    second.bytes_mut().fill(2);
    third.bytes_mut().fill(3);
    engine.wait().unwrap().result.unwrap();
    let all = run(&mut engine, vec![op(2, 0, OpKind::Read, 0, LEN)]);
    assert!(all[0].buf.bytes().iter().all(|b| *b == 1));
    drop(all);
    let into = Op { buf: second.share(), ..op(3, 0, OpKind::Read, 0, 0) };
    let read = run(&mut engine, vec![into]).remove(0);
    assert!(read.buf.bytes().iter().all(|b| *b == 1), "read into a shared piece");
    assert!(second.bytes().iter().all(|b| *b == 2));
    assert!(third.bytes().iter().all(|b| *b == 3));
}

#[test]
fn buffers_outlive_their_ring_and_end_on_other_threads() {
    const LEN: usize = (64 << 10) + 1536;
    let file = file(1 << 20);
    let Some(mut engine) = registered(LEN, 2, &[&file]) else { return };
    let mut buf = run(&mut engine, vec![op(1, 0, OpKind::Read, 0, LEN)]).remove(0).buf;
    drop(engine);
    buf.bytes_mut().fill(7);
    let Some(mut next) = registered(LEN, 1, &[&file]) else { return };
    let write = Op { buf, ..op(2, 0, OpKind::Write, 0, 0) };
    let done = run(&mut next, vec![write]).remove(0);
    done.result.unwrap();
    assert_eq!(next.ring.fixed(), 0, "memory of a ring that is gone passed for this one's");
    std::thread::spawn(move || drop(done.buf)).join().unwrap();
    let read = run(&mut next, vec![op(3, 0, OpKind::Read, 0, LEN)]).remove(0);
    assert!(read.buf.bytes().iter().all(|b| *b == 7));
    assert_eq!(next.ring.fixed(), 1);
}

#[test]
fn a_broken_ring_keeps_its_memory_and_starts_nothing_more() {
    const LEN: usize = (64 << 10) + 2048;
    let file = file(1 << 20);
    let Some(mut engine) = registered(LEN, 1, &[&file]) else { return };
    engine.submit(filled(1, 0, 0, LEN, 1)).unwrap();
    engine.fail_all(&ErrorKind::Other.into());
    let ended = engine.wait().unwrap();
    assert!(ended.result.is_err() && ended.buf.len() == LEN);
    drop(ended);
    let late = run(&mut engine, vec![op(2, 0, OpKind::Read, 0, LEN)]).remove(0);
    late.result.unwrap_err();
}

/// Run by the next test as well, where it is refused.
#[test]
fn a_refused_registration_is_no_error() {
    const LEN: usize = (64 << 10) + 2560;
    let refused = std::env::var_os(REFUSED).is_some();
    let file = file(1 << 20);
    let Some(mut engine) = engine(4, &[&file]) else { return };
    engine.reserve(LEN, 4);
    let write = run(&mut engine, vec![filled(1, 0, 0, LEN, 3)]).remove(0);
    write.result.unwrap();
    let read = run(&mut engine, vec![op(2, 0, OpKind::Read, 0, LEN)]).remove(0);
    read.result.unwrap();
    assert!(read.buf.bytes().iter().all(|b| *b == 3));
    if refused {
        assert_eq!(engine.ring.fixed(), 0, "memory was registered although it may not be locked");
        // One piece would do, but no batch is to make memory again only to be refused again.
        engine.reserve(LEN, 1);
        run(&mut engine, vec![filled(3, 0, 0, LEN, 4)]).remove(0).result.unwrap();
        assert_eq!(engine.ring.fixed(), 0, "it was asked again");
        eprintln!("refused, and went on");
    }
}

#[test]
fn without_memory_to_lock_it_works_all_the_same() {
    let mut child = Command::new("prlimit");
    child.arg("--memlock=131072");
    if nix::unistd::Uid::effective().is_root() {
        child.args(["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"]);
    }
    child.arg(std::env::current_exe().unwrap());
    child.args(["--exact", "io::uring::tests::registered::a_refused_registration_is_no_error"]);
    // Other rings of the same user count too, so that there may be no room for one.
    child.arg("--nocapture").env(REFUSED, "1").env_remove("MDBITMAP_NO_SKIP");
    let output = match child.output() {
        Ok(output) => output,
        Err(error) => return eprintln!("skipped: a child without memory to lock: {error}"),
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let went_on = told.contains("refused, and went on");
    assert!(went_on || told.contains("skipped: io_uring"), "{told}");
    if !went_on {
        eprintln!("{told}");
    }
}
