//! The gate: the one place where the bytes of a component are admitted.
//!
//! Whatever becomes a plugin comes through here: at the start of a run, when definitions change, when a component file is saved while an agent runs, and by
//! hand. Whoever must say no to bytes (a component that is not the one `house.lock` pins, for instance) says it here. It knows nothing of what a component does.

use crate::cache::hash_of;
use crate::{Sandbox, SandboxError};
use std::io::Read;
use std::path::Path;
use types::{ContentHash, PluginName};

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
        let file = std::fs::File::open(path).map_err(read)?;
        let size = file.metadata().map_err(read)?.len();
        file.take(8).read_to_end(&mut preamble).map_err(read)?;
        check_preamble(path, &preamble)?;
        let hash = hash_of(path).map_err(read)?;
        Ok(Admitted { hash, size })
    }
}

/// Tell a component from the things people mistake for one.
fn check_preamble(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    let what = match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            "a core WebAssembly module, not a component: build it for wasm32-wasip2, or adapt it with `wasm-tools component new`"
        }
        [0, b'a', b's', b'm', ..] => "a component of a version this host does not know",
        [] => "empty",
        _ => "not WebAssembly",
    };
    Err(SandboxError::NotAComponent {
        path: path.to_owned(),
        what: what.into(),
    })
}
