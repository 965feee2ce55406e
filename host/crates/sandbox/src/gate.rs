//! The gate: the one place where the bytes of a component are admitted.
//!
//! Whatever becomes a plugin comes through here: at the start of a run, when definitions change, when a component file is saved while an agent runs, and by
//! hand. Whoever must say no to bytes (a component that is not the one `house.lock` pins, for instance) says it here. It knows nothing of what a component does.

use crate::cache::hash_of;
use crate::{Sandbox, SandboxError, adapt};
use std::io::Read;
use std::path::Path;
use types::{ContentHash, PluginName};

/// Longest component. Python's interpreter with its library, the largest guest known, has 18 MB.
const COMPONENT_MAX: u64 = 64 << 20;

/// A component that may become a plugin.
pub(crate) struct Admitted {
    /// Its content.
    pub(crate) hash: ContentHash,
    /// Its size in bytes.
    pub(crate) size: u64,
}

impl Sandbox {
    /// Read the component at `path`, which is to be the plugin called `_name`, and say whether it may be.
    pub(crate) fn admit(&self, _name: &PluginName, path: &Path) -> Result<Admitted, SandboxError> {
        let read = |source| SandboxError::Read {
            path: path.to_owned(),
            source,
        };
        let mut preamble = Vec::with_capacity(8);
        // Looked at before it is opened: opening a FIFO would wait for its other end.
        let found = std::fs::metadata(path).map_err(read)?;
        check_file(path, &found)?;
        let size = found.len();
        let file = std::fs::File::open(path).map_err(read)?;
        file.take(8).read_to_end(&mut preamble).map_err(read)?;
        check_preamble(path, &preamble)?;
        let hash = hash_of(path).map_err(read)?;
        Ok(Admitted { hash, size })
    }
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
