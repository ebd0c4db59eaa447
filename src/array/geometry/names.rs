//! Levels and layouts by the names that mdadm has for them.

/// A layout's name, and its number with RAID5 and with RAID6.
type Named = (&'static str, Option<u32>, Option<u32>);

/// Layouts of rows. RAID5 knows those of DDF as well: they are its own by another name.
const ROWS: [Named; 20] = [
    ("left-asymmetric", Some(0), Some(0)),
    ("right-asymmetric", Some(1), Some(1)),
    ("left-symmetric", Some(2), Some(2)),
    ("right-symmetric", Some(3), Some(3)),
    ("la", Some(0), Some(0)),
    ("ra", Some(1), Some(1)),
    ("ls", Some(2), Some(2)),
    ("rs", Some(3), Some(3)),
    ("parity-first", Some(4), Some(4)),
    ("parity-last", Some(5), Some(5)),
    ("ddf-zero-restart", Some(1), Some(8)),
    ("ddf-N-restart", Some(0), Some(9)),
    ("ddf-N-continue", Some(2), Some(10)),
    ("left-asymmetric-6", None, Some(16)),
    ("right-asymmetric-6", None, Some(17)),
    ("left-symmetric-6", None, Some(18)),
    ("right-symmetric-6", None, Some(19)),
    ("parity-first-6", None, Some(20)),
    ("parity-last-6", None, Some(5)),
    ("default", Some(2), Some(2)),
];

/// The number of a level that has redundancy, by what mdadm calls it.
///
/// # Errors
/// It is none, or has nothing that could differ.
pub fn level_named(text: &str) -> Result<i32, String> {
    match text.strip_prefix("raid").unwrap_or(text) {
        "1" | "mirror" => Ok(1),
        "4" => Ok(4),
        "5" => Ok(5),
        "6" => Ok(6),
        "10" => Ok(10),
        "0" | "stripe" | "linear" | "faulty" | "multipath" | "mp" => {
            Err(format!("level {text} has no redundancy: there is nothing to resync"))
        }
        _ => Err(format!("`{text}` is no level: give 1, 4, 5, 6 or 10")),
    }
}

/// The number that the kernel has for a layout of `level`, by what mdadm calls it: `n2`, `f2`, `o2`,
/// `left-symmetric`. A number stands for itself, as in `md/layout`.
///
/// # Errors
/// The level has no such layout, or none at all.
pub fn layout_named(level: i32, text: &str) -> Result<u32, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let named = match level {
        10 => copies(text),
        5 => row(text).and_then(|(_, number, _)| *number),
        6 => row(text).and_then(|(.., number)| *number),
        _ => return Err(format!("RAID{level} has no layouts to choose from")),
    };
    let examples = if level == 10 { "n2, f2, o2" } else { "left-symmetric, ra, parity-last" };
    named.or(number).ok_or_else(|| format!("`{text}` is no layout of RAID{level}: {examples}..."))
}

fn row(text: &str) -> Option<&'static Named> {
    ROWS.iter().find(|(name, ..)| *name == text)
}

/// `n`, `f` or `o` and how many copies.
fn copies(text: &str) -> Option<u32> {
    let kind = text.chars().next()?;
    let count: u32 = text.get(1..)?.parse().ok().filter(|count| (1..=200).contains(count))?;
    match kind {
        'n' => Some(0x100 + count),
        'f' => Some((count << 8) + 1),
        'o' => Some(0x1_0000 + (count << 8) + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_have_the_numbers_of_mdadm() {
        for (level, name, number) in [
            (10, "n2", 0x102),
            (10, "n3", 0x103),
            (10, "f2", 0x201),
            (10, "o3", 0x1_0301),
            (10, "258", 258),
            (10, "0x202", 0x202),
            (5, "left-symmetric", 2),
            (5, "ra", 1),
            (5, "ddf-N-restart", 0),
            (6, "ddf-N-restart", 9),
            (6, "left-symmetric-6", 18),
            (6, "parity-last-6", 5),
        ] {
            assert_eq!(layout_named(level, name), Ok(number), "{level} {name}");
        }
    }

    #[test]
    fn what_is_no_layout_of_the_level_is_told() {
        for (level, name) in
            [(10, "ls"), (10, "n0"), (10, "n999"), (10, "x2"), (10, ""), (5, "n2"), (6, "\u{e4}")]
        {
            assert!(layout_named(level, name).unwrap_err().contains("is no layout"), "{name}");
        }
        layout_named(5, "left-symmetric-6").unwrap_err();
        assert!(layout_named(1, "n2").unwrap_err().contains("has no layouts"));
    }

    #[test]
    fn levels_without_redundancy_are_no_levels() {
        assert_eq!((level_named("raid6"), level_named("mirror")), (Ok(6), Ok(1)));
        assert!(level_named("linear").unwrap_err().contains("no redundancy"));
        assert!(level_named("7").unwrap_err().contains("is no level"));
    }
}
