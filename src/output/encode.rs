//! JSON as it is printed: what steers a terminal, or shows a text as another than it is, stands as an
//! escape in it, for names come from disk and from other users, and JSON is read on terminals too.
//! For a parser it is the same text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::error::misleads;

/// Prints `value` over several lines, and ends the last one.
pub(super) fn print(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    pretty(&mut *out, value)?;
    writeln!(out)
}

/// The same without the end of the last line, and with the reason where `value` itself fails.
pub(super) fn pretty(out: &mut dyn Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Plain(PrettyFormatter::new())))
}

/// `value` on one line.
pub(super) fn line(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Plain(CompactFormatter)))?;
    // Made of text, piece by piece.
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Another formatter, strings aside.
struct Plain<F>(F);

impl<F: Formatter> Formatter for Plain<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, found) in fragment.char_indices().filter(|(_, c)| misleads(*c)) {
            writer.write_all(&fragment.as_bytes()[plain..at])?;
            for unit in found.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + found.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_parser_reads_the_same_and_a_terminal_sees_text_only() {
        let name =
            "Gr\u{fc}\u{df}e \"\\ \u{1b}[31m\u{7f}\u{9b}1m\u{202e}gmi\u{200b}\u{feff}\n\u{1f600}";
        let value = json!({ "a": [1, name, {}], name: [], "b": { "c": null, "d": name } });
        let mut printed = Vec::new();
        print(&mut printed, &value).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        for text in [printed.clone(), line(&value).unwrap()] {
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            assert!(text.lines().all(|line| !line.chars().any(misleads)), "{text}");
            assert!(text.contains("Gr\u{fc}\u{df}e") && text.contains("\\u202egmi"), "{text}");
        }
        let harmless = json!({ "a": [1, [], {}, { "b": "c" }], "d": "e" });
        let mut printed = Vec::new();
        print(&mut printed, &harmless).unwrap();
        let same = serde_json::to_string_pretty(&harmless).unwrap();
        assert_eq!(String::from_utf8(printed).unwrap(), same + "\n");
        assert_eq!(line(&harmless).unwrap(), harmless.to_string());
    }
}
