//! What a reader of the documents types: the blocks of `console` in README.md, `docs/` and the rest.
//!
//! `$ ` begins what needs no root, `# ` what is typed as root with the disks of a scene, which a
//! comment before the block names (`<!-- scene: NAME -->`) and which lasts until the next one. What
//! follows a command is its output; `[...]` stands for any lines. A command succeeds, unless a
//! remark behind it says `# exit status N`.

use std::fs;
use std::path::{Path, PathBuf};

/// A document, and what is to be typed in it.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) commands: Vec<Command>,
}

/// A command as it is shown.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) root: bool,
    pub(crate) typed: String,
    pub(crate) status: i32,
    /// What is shown below it.
    pub(crate) shown: Vec<String>,
    /// The scene of a root command.
    pub(crate) scene: String,
    /// Whether it is the first one behind the remark that names the scene.
    pub(crate) opens: bool,
}

/// All documents in Markdown: those beside the sources' root, and those of `docs/`.
pub(crate) fn all() -> Vec<Document> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> = [root.to_owned(), root.join("docs")]
        .iter()
        .flat_map(|dir| fs::read_dir(dir).expect("the documents' directory"))
        .map(|entry| entry.expect("a document").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "md"))
        .collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Document {
    let text = fs::read_to_string(path).expect("a document is text");
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Document { name, commands: commands(&text), text }
}

/// The blocks of `text` in that language.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut inside: Option<bool> = None;
    for line in text.lines() {
        match (inside, line.strip_prefix("```")) {
            (None, Some(fence)) => {
                inside = Some(fence == language);
                found.extend((fence == language).then(Vec::new));
            }
            (Some(_), Some(_)) => inside = None,
            (Some(true), None) => found.last_mut().into_iter().for_each(|b| b.push(line.into())),
            _ => {}
        }
    }
    found
}

fn commands(text: &str) -> Vec<Command> {
    let mut found: Vec<Command> = Vec::new();
    let (mut scene, mut opens, mut inside) = (String::new(), false, false);
    for line in text.lines() {
        let named = line.strip_prefix("<!-- scene: ").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some(name) = named {
            (scene, opens) = (name.to_owned(), true);
        } else if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(typed) = line.strip_prefix("$ ").filter(|_| inside) {
            found.push(command(typed, false, String::new(), false));
        } else if let Some(typed) = line.strip_prefix("# ").filter(|_| inside) {
            found.push(command(typed, true, scene.clone(), opens));
            opens = false;
        } else if inside {
            found.last_mut().into_iter().for_each(|command| command.shown.push(line.to_owned()));
        }
    }
    found
}

fn command(typed: &str, root: bool, scene: String, opens: bool) -> Command {
    let status = typed.split("# exit status ").nth(1).unwrap_or("0");
    let status = status.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("0");
    let status = status.parse().unwrap_or(0);
    Command { root, typed: typed.to_owned(), status, shown: Vec::new(), scene, opens }
}
