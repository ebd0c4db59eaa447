//! What an array is to be called: from what was typed to the kernel's name and a node. Pure.
//!
//! The kernel makes `mdN` and `md_NAME`; `/dev/md/NAME` is a link to the latter, as device managers
//! make it.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The kernel's limit of a disk's name, its end not counted.
const MOST: usize = 31;

/// Names for an array that may not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The kernel's: `md0`, `md_home`.
    pub(super) kernel: String,
    /// A link that a person expects: `/dev/md/home`.
    pub(super) link: Option<PathBuf>,
}

/// The names that `path` stands for, where `/dev` is `dev`.
pub(super) fn parse(path: &Path, dev: &Path) -> Result<Name> {
    let found = match path.strip_prefix(dev).unwrap_or(path).to_str() {
        Some(text) => of_text(text, path),
        None => None,
    };
    found.filter(|name| name.kernel.len() <= MOST).ok_or_else(|| {
        Error::usage("no name that the kernel would give an array")
            .at_path(path)
            .hint("name it /dev/md0, /dev/md/NAME or md0; NAME has 28 characters at most")
    })
}

fn of_text(text: &str, path: &Path) -> Option<Name> {
    let plain = |kernel: &str| Name { kernel: kernel.to_owned(), link: None };
    match text.strip_prefix("md/") {
        Some(name) if is_number(name) => Some(plain(&format!("md{name}"))),
        Some(name) if is_word(name) => {
            Some(Name { kernel: format!("md_{name}"), link: Some(path.to_owned()) })
        }
        Some(_) => None,
        None => is_kernels(text).then(|| plain(text)),
    }
}

fn is_kernels(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("md") else { return false };
    is_number(rest) || rest.strip_prefix('_').is_some_and(is_word)
}

/// The number of `mdN`; none for an array with a word for a name.
pub(super) fn number(kernel: &str) -> Option<u64> {
    kernel.strip_prefix("md")?.parse().ok()
}

fn is_number(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    // The numbers beyond belong to arrays with words for names.
    plain && text.parse::<u64>().is_ok_and(|number| number < 1 << 20 && text == number.to_string())
}

fn is_word(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+".contains(&byte);
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> Option<(String, bool)> {
        let name = parse(Path::new(path), Path::new("/dev")).ok()?;
        Some((name.kernel, name.link.is_some()))
    }

    #[test]
    fn numbers_and_words_are_understood_as_the_kernel_names_them() {
        let plain = |kernel: &str| Some((kernel.to_owned(), false));
        assert_eq!(named("md0"), plain("md0"));
        assert_eq!(named("/dev/md127"), plain("md127"));
        assert_eq!(named("/dev/md/5"), plain("md5"));
        assert_eq!(named("/dev/md_home"), plain("md_home"));
        assert_eq!(named("/dev/md/home"), Some(("md_home".into(), true)));
        assert_eq!(number("md127"), Some(127));
        assert_eq!(number("md_home"), None);
    }

    #[test]
    fn what_the_kernel_would_not_make_is_refused() {
        for path in [
            "/dev/sda",
            "/dev/md",
            "md",
            "/dev/md/",
            "/dev/md/a/b",
            "/tmp/md0",
            "md007",
            "md0p1",
            "/dev/md/..",
            "/dev/md/a b",
            "/dev/md/abcdefghijklmnopqrstuvwxyzabcde",
            "",
        ] {
            assert_eq!(named(path), None, "{path}");
        }
    }
}
