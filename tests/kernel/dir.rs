//! A trial's directory: where its images, scripts and consoles are, and what its guests left there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Removed at the end unless `MDBITMAP_KEEP=1`.
#[derive(Debug)]
pub(crate) struct Dir {
    path: PathBuf,
    _owner: Option<tempfile::TempDir>,
}

impl Dir {
    pub(crate) fn new() -> Result<Self> {
        let owner = tempfile::Builder::new().prefix("mdbitmap-kernel-").tempdir();
        let owner = owner.context("create a directory for the images")?;
        let keep = std::env::var("MDBITMAP_KEEP").is_ok_and(|value| value == "1");
        let (path, owner) =
            if keep { (owner.keep(), None) } else { (owner.path().to_owned(), Some(owner)) };
        Ok(Self { path, _owner: owner })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What a guest left under this name in its `out` directory.
    pub(crate) fn out(&self, name: &str) -> Result<String> {
        let path = self.path("out").join(name);
        let text = std::fs::read_to_string(&path);
        Ok(text.with_context(|| format!("read {}", path.display()))?.trim().to_owned())
    }

    /// The report for machines that `says NAME ... --json` left.
    pub(crate) fn json(&self, name: &str) -> Result<Value> {
        let text = self.out(&format!("{name}.out"))?;
        let value: Value =
            serde_json::from_str(&text).with_context(|| format!("{name}.out: {text:?}"))?;
        ensure!(value["schema"] == 1, "{name}.out: schema {}", value["schema"]);
        Ok(value)
    }

    /// Says where the images are when they were kept.
    pub(crate) fn describe(&self) -> String {
        format!("images: {}", self.path.display())
    }
}
