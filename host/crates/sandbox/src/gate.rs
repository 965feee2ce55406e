//! The gate: the one place where the bytes of a component are admitted.
//!
//! Whatever becomes a plugin comes through here: at the start of a run, when definitions change, when a component file is saved while an agent runs, and by
//! hand. Whoever must say no to bytes says it here: `admission`, for one, where they are not those that `house.lock` pins. It knows nothing of what a component does.

use crate::admission;
use crate::cache::both_hashes_of;
use crate::{Sandbox, SandboxError, adapt};
use std::io::Read;
use std::path::Path;
use types::{ComponentFile, ContentHash, Sha256};

/// Longest component. Python's interpreter with its library, the largest guest known, has 18 MB.
const COMPONENT_MAX: u64 = 64 << 20;

/// A component that may become a plugin.
pub(crate) struct Admitted {
    /// Its content.
    pub(crate) hash: ContentHash,
    /// What the rest of the world calls the same content.
    pub(crate) sha256: Sha256,
    /// Its size in bytes.
    pub(crate) size: u64,
}

impl Sandbox {
    /// Read `component` and say whether it may become a plugin: it must be one, of the pinned bytes, and signed where it has to be.
    pub(crate) fn admit(&self, component: &ComponentFile) -> Result<Admitted, SandboxError> {
        let path = &*component.path;
        let read = |source| SandboxError::Read {
            path: path.to_owned(),
            source,
        };
        let size = look(path)?;
        // What is known of a content holds its other hash too, so that a pin costs nothing where the component was seen before.
        let known = self.cache().info(self.cache().hash_of(path).map_err(read)?);
        let (hash, sha256) = match known {
            Some(info) => (info.hash, info.sha256),
            None => both_hashes_of(path).map_err(read)?,
        };
        admission::check(component, hash, sha256)?;
        Ok(Admitted { hash, sha256, size })
    }
}

/// Whether the file at `path` looks like a component, without compiling it; its size.
///
/// # Errors
/// What it is instead, or that it cannot be read.
pub fn look(path: &Path) -> Result<u64, SandboxError> {
    let read = |source| SandboxError::Read {
        path: path.to_owned(),
        source,
    };
    let mut preamble = Vec::with_capacity(8);
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    let found = std::fs::metadata(path).map_err(read)?;
    check_file(path, &found)?;
    let file = std::fs::File::open(path).map_err(read)?;
    file.take(8).read_to_end(&mut preamble).map_err(read)?;
    check_preamble(path, &preamble)?;
    Ok(found.len())
}

/// A component is a regular file of a size that somebody may have meant.
fn check_file(path: &Path, found: &std::fs::Metadata) -> Result<(), SandboxError> {
    let what = if found.is_dir() {
        "a directory, not a component".to_owned()
    } else if !found.is_file() {
        "neither a file nor a directory".to_owned()
    } else if found.len() > COMPONENT_MAX {
        format!(
            "{} long, and no component may be longer than {}",
            types::Bytes(found.len()),
            types::Bytes(COMPONENT_MAX)
        )
    } else {
        return Ok(());
    };
    Err(SandboxError::NotAComponent {
        path: path.to_owned(),
        what,
    })
}

/// Tell a component from the things people mistake for one.
fn check_preamble(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    let what = match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        // What can be made of it is seen when it is compiled.
        module if adapt::is_core_module(module) => return Ok(()),
        [0, b'a', b's', b'm', ..] => "a component of a version this host does not know",
        [] => "empty",
        _ => "not WebAssembly",
    };
    Err(SandboxError::NotAComponent {
        path: path.to_owned(),
        what: what.into(),
    })
}
