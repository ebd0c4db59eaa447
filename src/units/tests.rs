use super::*;

#[test]
fn sizes_follow_mdadm_and_more() {
    let kib = |text| parse_size(text, 1024).map(Bytes::get);
    assert_eq!(kib("64"), Ok(65536));
    assert_eq!(kib("64K"), Ok(65536));
    assert_eq!(kib("64k"), Ok(65536));
    assert_eq!(kib("64KiB"), Ok(65536));
    assert_eq!(kib("512B"), Ok(512));
    assert_eq!(kib("8s"), Ok(4096));
    assert_eq!(kib("2G"), Ok(2 << 30));
    assert_eq!(kib("1 TiB"), Ok(1 << 40));
}

#[test]
fn bad_sizes_say_what_is_wrong() {
    let kib = |text| parse_size(text, 1024);
    assert_eq!(kib("x"), Err(ParseSizeError::NotANumber("x".into())));
    assert_eq!(kib("-1"), Err(ParseSizeError::NotANumber("-1".into())));
    assert_eq!(kib("64Q"), Err(ParseSizeError::UnknownUnit("Q".into())));
    assert_eq!(kib("iB1"), Err(ParseSizeError::NotANumber("iB1".into())));
    assert_eq!(kib("1ib"), Err(ParseSizeError::UnknownUnit("ib".into())));
    assert_eq!(
        kib("18446744073709551615"),
        Err(ParseSizeError::TooLarge("18446744073709551615".into()))
    );
    assert!(matches!(kib("99999999999999999999"), Err(ParseSizeError::TooLarge(_))));
}

#[test]
fn setting_rounds_out_and_clearing_rounds_in() {
    let chunk = ChunkSize::from_bytes(4096).unwrap();
    let size = Sectors::new(100);
    let range = SectorRange::new(Sectors::new(7), Sectors::new(10)).unwrap();
    assert_eq!(ChunkRun::covering(range, chunk), ChunkRun::between(Chunks::new(0), Chunks::new(3)));
    assert_eq!(
        ChunkRun::within(range, chunk, size),
        ChunkRun::between(Chunks::new(1), Chunks::new(2))
    );
}

#[test]
fn the_last_short_chunk_can_be_cleared() {
    let chunk = ChunkSize::from_bytes(4096).unwrap();
    let size = Sectors::new(100);
    let tail = SectorRange::new(Sectors::new(96), Sectors::new(4)).unwrap();
    let run = ChunkRun::within(tail, chunk, size);
    assert_eq!(run, ChunkRun::between(Chunks::new(12), Chunks::new(13)));
    assert_eq!(run.sectors(chunk, size), tail);
}

#[test]
fn chunk_sizes_are_those_the_kernel_takes() {
    assert!(ChunkSize::from_bytes(256).is_none());
    assert!(ChunkSize::from_bytes(3000).is_none());
    assert!(ChunkSize::from_bytes(1 << 31).is_some());
    assert!(ChunkSize::from_bytes(1 << 32).is_none());
}
