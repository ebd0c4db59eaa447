//! Text as roff takes it.

/// Text for the middle of a line: nothing in it is a request or an escape.
pub(crate) fn text(plain: &str) -> String {
    let mut found = String::new();
    for letter in plain.chars() {
        match letter {
            '\\' => found += "\\e",
            '-' => found += "\\-",
            '\'' => found += "\\(aq",
            '^' => found += "\\(ha",
            '~' => found += "\\(ti",
            other => found.push(other),
        }
    }
    found
}

/// Text as lines of a page: what stands in backquotes is what to type.
pub(crate) fn words(plain: &str) -> String {
    let mut found = String::new();
    for line in plain.trim().lines() {
        let mut made = String::new();
        for (n, part) in line.trim().split('`').enumerate() {
            made += &if n % 2 == 1 { format!("\\fB{}\\fR", text(part)) } else { text(part) };
        }
        let guard = if made.starts_with(['.', '\'']) { "\\&" } else { "" };
        found += &format!("{guard}{made}\n");
    }
    found
}

/// Paragraphs, divided by empty lines.
pub(crate) fn paragraphs(plain: &str) -> String {
    let parts = plain.split("\n\n").map(str::trim).filter(|part| !part.is_empty());
    parts.map(words).collect::<Vec<_>>().join(".PP\n")
}
