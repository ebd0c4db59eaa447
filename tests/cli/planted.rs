//! What somebody else may have put where root is about to write: links, names of other files, files of
//! their own, in directories of theirs and in those that everybody writes to. `SECURITY.md` has the
//! rules; `nothing_is_written_through_a_link_that_somebody_planted` in `hostile.rs` the common case.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::Path;

use tempfile::TempDir;

use crate::hostile::{MAKERS, array, contents, shell};
use crate::support::{Loop, have, image};

/// Somebody who is neither root nor we.
const NOBODY: u32 = 65534;

/// Whether things can be made another user's; says loudly when not.
fn may_give_away(dir: &Path) -> bool {
    let probe = dir.join("probe");
    fs::write(&probe, "").unwrap();
    let given = chown(&probe, Some(NOBODY), None).is_ok();
    fs::remove_file(&probe).unwrap();
    have("others' files: only root gives files away", given)
}

/// A directory with a practice array, `good.dump` and `precious`, where things can be given away.
fn scene() -> Option<TempDir> {
    let dir = array();
    let script = "mdbitmap resync $M >/dev/null && mdbitmap dump d/member0.img >good.dump && \
                  mdbitmap create --size 16M good && echo precious >precious";
    assert_eq!(shell(dir.path(), script).status, 0);
    may_give_away(dir.path()).then_some(dir)
}

/// What somebody does to a file.
type Planting = fn(&Path);

fn link_of_nobody(target: impl AsRef<Path>, link: &Path) {
    symlink(target, link).unwrap();
    lchown(link, Some(NOBODY), None).unwrap();
}

/// Root may always have more: so it is somebody else who may not.
#[test]
fn where_no_other_process_is_allowed_it_goes_on_alone() {
    let Some(dir) = scene() else { return };
    for n in 0..4 {
        fs::write(dir.path().join(format!("p{n}")), vec![n; 4 << 20]).unwrap();
    }
    let script = format!(
        "cp {} own && chmod 755 own . && chown -R {NOBODY} . && \
         alone() {{ setpriv --reuid={NOBODY} --clear-groups bash -c 'ulimit -u 1; exec \"$@\"' - ./own \
         resync --full --progress none \"$@\"; }} && alone $M && \
         alone --build --force=mismatch --level 6 --layout ls --chunk 64 p0 p1 p2 p3",
        env!("CARGO_BIN_EXE_mdbitmap")
    );
    let ran = shell(dir.path(), &script);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(ran.out.matches("\nDone: ").count(), 2, "{ran:?}");
}

#[test]
fn a_link_of_somebody_else_is_not_followed_to_write() {
    let Some(dir) = scene() else { return };
    let link = dir.path().join("link");
    link_of_nobody("good", &link);
    let member = dir.path().join("member");
    link_of_nobody("d/member0.img", &member);
    let before = contents(dir.path());
    for command in [
        "set --range 0-1M link",
        "clear --yes --range all link",
        "set-uuid link 01234567:89abcdef:01234567:89abcdef",
        "resync --full member d/member1.img d/member2.img",
        "repair --yes member d/member1.img d/member2.img",
        "set --range 0-1M member d/member1.img d/member2.img",
    ] {
        // A rehearsal says what the run would.
        for command in [command.to_owned(), format!("{} --dry-run", command.replace("--yes ", ""))]
        {
            let refused = shell(dir.path(), &format!("mdbitmap {command}"));
            assert_eq!(refused.status, 3, "{command}: {refused:?}");
            assert!(refused.err.contains("symbolic link of user 65534"), "{refused:?}");
            assert!(contents(dir.path()) == before, "{command} wrote through the link");
        }
    }
    // To look is harmless, and a link of one's own is as good as the file.
    assert_eq!(shell(dir.path(), "mdbitmap examine link").status, 0);
    lchown(&link, Some(0), None).unwrap();
    assert_eq!(shell(dir.path(), "mdbitmap set --range 0-1M link").status, 0);
}

#[test]
fn every_link_of_a_chain_is_judged() {
    let Some(dir) = scene() else { return };
    let everybodys = dir.path().join("tmp");
    fs::create_dir(&everybodys).unwrap();
    symlink("tmp/gone", dir.path().join("last")).unwrap();
    symlink("last", dir.path().join("first")).unwrap();
    link_of_nobody("../good", &everybodys.join("gone"));
    let before = contents(dir.path());
    for name in ["first", "last", "tmp/gone"] {
        for command in ["set --range all", "set --range 0-1M"] {
            let refused = shell(dir.path(), &format!("mdbitmap {command} {name}"));
            assert_eq!(refused.status, 3, "{command} {name}: {refused:?}");
            assert!(refused.err.contains("gone: it is a symbolic link"), "{refused:?}");
            assert!(contents(dir.path()) == before, "{command} {name}");
        }
    }
    // Where nobody else has a hand in it, all of them are followed; so are those of open files.
    lchown(everybodys.join("gone"), Some(0), None).unwrap();
    for name in ["first", "/dev/fd/3 3<>good", "/proc/self/fd/3 3<>good", "/dev/stdin <>good"] {
        let done = shell(dir.path(), &format!("mdbitmap set --range all {name}"));
        assert_eq!(done.status, 0, "{name}: {done:?}");
    }
    let done = shell(dir.path(), "exec 3<>good; rm good; mdbitmap set --range all /dev/fd/3");
    assert_eq!(done.status, 0, "{done:?}");
    symlink("round", dir.path().join("round")).unwrap();
    let refused = shell(dir.path(), "mdbitmap set --range all round");
    assert!([3, 5].contains(&refused.status), "{refused:?}");
}

#[test]
fn a_bitmap_of_somebody_else_is_not_what_convert_left() {
    let Some(dir) = scene() else { return };
    let made = "cp -r d kept && mdbitmap convert --to file --bitmap new $M && cp kept/* d/";
    assert_eq!(shell(dir.path(), made).status, 0);
    let place = dir.path().join("new");
    let planted: [Planting; 2] = [
        |place| chown(place, Some(NOBODY), None).unwrap(),
        |place| fs::set_permissions(place, fs::Permissions::from_mode(0o666)).unwrap(),
    ];
    let before = contents(dir.path());
    for plant in planted {
        plant(&place);
        let refused = shell(dir.path(), "mdbitmap convert --to file --bitmap new $M");
        assert_eq!(refused.status, 3, "{refused:?}");
        assert!(refused.err.contains("--force=overwrite"), "{refused:?}");
        assert!(contents(dir.path()) == before);
        chown(&place, Some(0), None).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let done = shell(dir.path(), "mdbitmap convert --to file --bitmap new $M");
    assert!(done.status == 0 && done.out.contains("there already"), "{done:?}");
}

#[test]
fn a_link_of_somebody_else_chooses_no_device() {
    let Some(dir) = scene() else { return };
    let blank = image(&dir, "blank", 8 << 20, &[]);
    let Some(device) = Loop::attach_writable(&blank) else { return };
    let link = dir.path().join("link");
    link_of_nobody(&device.0, &link);
    for command in ["create --size 1M link", "create --size 1M --force=overwrite link"] {
        let refused = shell(dir.path(), &format!("mdbitmap {command}"));
        assert_eq!(refused.status, 3, "{command}: {refused:?}");
        let dry = shell(dir.path(), &format!("mdbitmap {command} --dry-run"));
        assert_eq!(dry.status, 3, "{command}: {dry:?}");
    }
    shell(dir.path(), &format!("blockdev --flushbufs {}", device.0.display()));
    assert!(fs::read(&blank).unwrap().iter().all(|byte| *byte == 0));
    lchown(&link, Some(0), None).unwrap();
    assert_eq!(shell(dir.path(), "mdbitmap create --size 1M link").status, 0);
}

#[test]
fn a_second_name_of_a_file_is_replaced_and_the_file_is_not() {
    let Some(dir) = scene() else { return };
    let place = dir.path().join("link");
    for command in MAKERS {
        fs::hard_link(dir.path().join("precious"), &place).unwrap();
        shell(dir.path(), &format!("F=link; mdbitmap {command}"));
        let precious = fs::read(dir.path().join("precious")).unwrap();
        assert_eq!(precious, b"precious\n", "{command} wrote to another name's file");
        fs::remove_file(&place).unwrap();
    }
}

#[test]
fn a_file_of_somebody_else_is_kept_or_replaced_by_one_of_our_own() {
    let Some(dir) = scene() else { return };
    let everybodys = dir.path().join("tmp");
    fs::create_dir(&everybodys).unwrap();
    fs::set_permissions(&everybodys, fs::Permissions::from_mode(0o1777)).unwrap();
    let place = everybodys.join("planted");
    for command in MAKERS.iter().filter(|command| !command.starts_with("demo")) {
        fs::write(&place, "").unwrap();
        chown(&place, Some(NOBODY), None).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o666)).unwrap();
        let ran = shell(dir.path(), &format!("F=tmp/planted; mdbitmap {command}"));
        let meta = fs::symlink_metadata(&place).unwrap();
        if command.contains("overwrite") {
            assert_eq!(ran.status, 0, "{command}: {ran:?}");
            assert_eq!((meta.uid(), meta.mode() & 0o7777), (0, 0o600), "{command}");
        } else {
            assert_eq!(ran.status, 3, "{command}: {ran:?}");
            assert_eq!((meta.uid(), meta.len()), (NOBODY, 0), "{command}: {ran:?}");
        }
        fs::remove_file(&place).unwrap();
    }
}

#[test]
fn a_checkpoint_that_others_have_a_say_in_is_no_checkpoint() {
    let Some(dir) = scene() else { return };
    let place = dir.path().join("c");
    let private = |place: &Path| {
        fs::write(place, "").unwrap();
        fs::set_permissions(place, fs::Permissions::from_mode(0o600)).unwrap();
    };
    let planted: [(&str, Planting); 4] = [
        ("it is a symbolic link", |place| {
            let target = place.with_file_name("target");
            fs::rename(place, &target).unwrap();
            symlink(target, place).unwrap();
        }),
        ("belongs to user 65534", |place| chown(place, Some(NOBODY), None).unwrap()),
        ("others may write to it", |place| {
            fs::set_permissions(place, fs::Permissions::from_mode(0o666)).unwrap();
        }),
        ("it has 2 names", |place| {
            fs::hard_link(place, place.with_file_name("other")).unwrap();
        }),
    ];
    for (why, plant) in planted {
        private(&place);
        plant(&place);
        let refused = shell(dir.path(), "mdbitmap check --checkpoint c $M");
        assert_eq!(refused.status, 3, "{refused:?}");
        assert!(refused.err.contains(why), "{refused:?}");
        assert_eq!(fs::read(&place).unwrap(), b"");
        fs::remove_file(&place).unwrap();
    }
    // An empty one of our own is as good as none.
    private(&place);
    assert_eq!(shell(dir.path(), "mdbitmap check --checkpoint c $M").status, 0);
}

#[test]
fn nothing_is_made_beside_what_was_asked_for_in_a_directory_of_somebody_else() {
    let Some(dir) = scene() else { return };
    let theirs = dir.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    chown(&theirs, Some(NOBODY), None).unwrap();
    for name in ["new", ".mdbitmap-", "new.part", "new.tmp"] {
        link_of_nobody("../precious", &theirs.join(format!("{name}~")));
    }
    link_of_nobody("../precious", &theirs.join("new"));
    let before = contents(dir.path());
    for command in MAKERS {
        let refused = shell(dir.path(), &format!("F=theirs/new; mdbitmap {command}"));
        assert!([2, 3, 5].contains(&refused.status), "{command}: {refused:?}");
        assert!(contents(dir.path()) == before, "{command}");
    }
    fs::remove_file(theirs.join("new")).unwrap();
    assert_eq!(shell(dir.path(), "mdbitmap create --size 1M theirs/new").status, 0);
    let made = fs::symlink_metadata(theirs.join("new")).unwrap();
    assert_eq!((made.uid(), made.mode() & 0o7777), (0, 0o600));
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 5);
}
