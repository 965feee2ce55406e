//! Compiled code on disk: made on this machine, keyed by content and engine, checked before it is mapped.
//!
//! Code that was damaged after it was written loads without an error and kills the host with it, and a file that is cut short under a mapping is
//! a SIGBUS. So every file has its hash beside it, is compared with it before it is mapped (and read for that unless [`crate::seen`] knows that it is what
//! it was), and is only ever replaced by renaming. In a controlled house what the cache says bears a seal ([`crate::seal`]).

use crate::error::in_brief;
use crate::plugin::PluginInfo;
use crate::seal;
use crate::seen::Seen;
use crate::{Compiler, SandboxError};
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use types::{ContentHash, Sha256, Sha256Hasher};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The cache of one house (or of one user, for components called by path).
pub(crate) struct Cache<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) compiler: &'a Compiler,
    pub(crate) seen: &'a Seen,
}

impl Cache<'_> {
    /// What is known of the component with this content, from an earlier look at it.
    pub(crate) fn info(&self, content: ContentHash) -> Option<PluginInfo> {
        let path = self.info_path(content);
        let bytes = std::fs::read(&path).ok()?;
        serde_json::from_slice::<PluginInfo>(self.believed(&path, &bytes)?)
            .ok()
            .filter(|info| info.hash == content)
    }

    /// Keep `info` for next time.
    pub(crate) fn keep_info(&self, info: &PluginInfo) -> Result<(), SandboxError> {
        let text = serde_json::to_vec(info).unwrap_or_default();
        self.say(&self.info_path(info.hash), text)
    }

    /// Have code of `engine` for the component `source` in the cache, without keeping any of it in memory.
    pub(crate) fn compiled(
        &self,
        engine: &Engine,
        source: &Path,
        content: ContentHash,
    ) -> Result<(), SandboxError> {
        // Whether the code is whole is looked at when it is mapped.
        match self.code_path(engine, content).exists() {
            true => Ok(()),
            false => self.component(engine, source, content).map(drop),
        }
    }

    /// The component `source`, whose content is `content`, as machine code of `engine`: out of the cache, or compiled into it.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        source: &Path,
        content: ContentHash,
    ) -> Result<Component, SandboxError> {
        let code = self.code_path(engine, content);
        if self.is_whole(&code) {
            match map(engine, &code) {
                Ok(component) => return Ok(component),
                Err(error) => {
                    tracing::warn!(file = %code.display(), %error, "compiled code is of another engine and is made again");
                }
            }
        }
        self.make_directory()?;
        // Whatever goes wrong from here on, nothing half made stays behind.
        let fresh = Temporary::new(self.directory);
        let copy = self
            .own_copy(source, content)
            .map_err(|error| error.about(source))?;
        let compiled = self.compiler.compile(&copy.0, &fresh.0);
        compiled.map_err(|error| error.about(source))?;
        let sum = self
            .hash_of(&fresh.0)
            .map_err(|source| self.broken(&fresh.0, source))?;
        // Mapped before it is kept: what this engine has no room for is no use to anybody. Renaming changes nothing beneath the mapping.
        let component = map(engine, &fresh.0).map_err(|error| SandboxError::Compile {
            path: source.to_owned(),
            message: in_brief(&format!("{error:#}")),
        })?;
        // What was worth compiling is worth keeping: this generation may be wanted again when the file holds another.
        let kept = self.component_path(content);
        std::fs::rename(&copy.0, &kept).map_err(|source| self.broken(&kept, source))?;
        // The sum goes first: code without its sum is compiled again, code with another's never runs.
        self.say(&sum_path(&code), sum.to_string().into_bytes())?;
        std::fs::rename(&fresh.0, &code).map_err(|source| self.broken(&code, source))?;
        Ok(component)
    }

    /// The hash of what the file at `path` holds.
    pub(crate) fn hash_of(&self, path: &Path) -> std::io::Result<ContentHash> {
        self.seen.hash_of(path)
    }

    /// Whether the code at `path` is there and is what was compiled.
    fn is_whole(&self, path: &Path) -> bool {
        let sum = sum_path(path);
        let Ok(bytes) = std::fs::read(&sum) else {
            return false;
        };
        let said = self.believed(&sum, &bytes);
        let said = said.and_then(|said| ContentHash::parse(std::str::from_utf8(said).ok()?));
        let Ok(found) = self.hash_of(path) else {
            return false;
        };
        let whole = Some(found) == said;
        if !whole {
            tracing::warn!(file = %path.display(), "compiled code is damaged and is made again");
        }
        whole
    }

    fn info_path(&self, content: ContentHash) -> PathBuf {
        self.directory.join(format!("{content}.json"))
    }

    fn code_path(&self, engine: &Engine, content: ContentHash) -> PathBuf {
        // Any hasher does: the key must only tell engines apart, the content's own hash is beside it.
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        crate::adapt::VERSION.hash(&mut hasher);
        self.directory
            .join(format!("{content}-{:016x}.cwasm", hasher.finish()))
    }

    fn make_directory(&self) -> Result<(), SandboxError> {
        std::fs::create_dir_all(self.directory)
            .map_err(|source| self.broken(self.directory, source))
    }

    /// The component with this content, where it is kept: one that was compiled here, or set aside by [`Cache::keep`]. Checked, because a file may be damaged.
    pub(crate) fn kept(&self, content: ContentHash) -> Option<PathBuf> {
        let path = self.component_path(content);
        (self.hash_of(&path).ok()? == content).then_some(path)
    }

    /// Keep a copy of the component at `source`, whose content is `content`.
    pub(crate) fn keep(
        &self,
        source: &Path,
        content: ContentHash,
    ) -> Result<PathBuf, SandboxError> {
        let path = self.component_path(content);
        if self.kept(content).is_none() {
            self.make_directory()?;
            let copy = self.own_copy(source, content)?;
            std::fs::rename(&copy.0, &path).map_err(|source| self.broken(&path, source))?;
        }
        Ok(path)
    }

    fn component_path(&self, content: ContentHash) -> PathBuf {
        self.directory.join(format!("{content}.wasm"))
    }

    /// A copy that nobody changes while it is compiled: code must never be kept under the hash of another component. Where the file holds another component by
    /// now, it is made of the one that was kept.
    fn own_copy(&self, source: &Path, content: ContentHash) -> Result<Temporary, SandboxError> {
        let copy = Temporary::new(self.directory);
        if self.hash_of(source).ok() != Some(content)
            && let Some(kept) = self.kept(content)
        {
            std::fs::copy(&kept, &copy.0).map_err(|error| self.broken(&copy.0, error))?;
            return Ok(copy);
        }
        std::fs::copy(source, &copy.0).map_err(|error| SandboxError::Read {
            path: source.to_owned(),
            source: error,
        })?;
        if self
            .hash_of(&copy.0)
            .map_err(|error| self.broken(&copy.0, error))?
            != content
        {
            return Err(SandboxError::Compile {
                path: source.to_owned(),
                message: "it changed while it was being loaded; try again".into(),
            });
        }
        Ok(copy)
    }

    /// What the file at `path` says of others by its `bytes`, where it may be believed.
    fn believed<'b>(&self, path: &Path, bytes: &'b [u8]) -> Option<&'b [u8]> {
        seal::open(self.seen.seal.as_ref(), path, bytes)
    }

    /// Have the file at `path` say `line`.
    fn say(&self, path: &Path, line: Vec<u8>) -> Result<(), SandboxError> {
        let line = seal::close(self.seen.seal.as_ref(), path, line);
        self.make_directory()?;
        Temporary::new(self.directory)
            .become_file(path, &line)
            .map_err(|source| self.broken(path, source))
    }

    fn broken(&self, path: &Path, source: std::io::Error) -> SandboxError {
        SandboxError::Cache {
            path: path.to_owned(),
            source,
        }
    }
}

/// The code at `path`, which has just been found whole.
fn map(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize_file` trusts the file to be unmodified output of this version of wasmtime. It was written by our own compiling
    // process into a directory of ours, its content has just been hashed and is that of the time when it was written, and files in this
    // directory are replaced only by renaming, so nothing changes beneath the mapping.
    #[allow(unsafe_code)]
    unsafe {
        Component::deserialize_file(engine, path)
    }
}

/// A file that goes away with its owner, unless it was renamed.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    /// One under a name nobody else uses, in the directory in which it is to be renamed.
    pub(crate) fn new(directory: &Path) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        Temporary(directory.join(format!(".{}-{next}.new", std::process::id())))
    }

    /// Be the file at `path`, holding `bytes`: whoever reads it finds all of it or what was there before.
    pub(crate) fn become_file(self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        std::fs::write(&self.0, bytes)?;
        std::fs::rename(&self.0, path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The content hash of a file, read in pieces: compiled code is megabytes, and the process that runs it should stay small.
pub(crate) fn hash_of(file: &File) -> std::io::Result<ContentHash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(ContentHash::from_bytes(*hasher.finalize().as_bytes()))
}

/// Both hashes of a file, out of one reading of it, so that they speak of the same bytes.
pub(crate) fn both_hashes_of(path: &Path) -> std::io::Result<(ContentHash, Sha256)> {
    let mut file = File::open(path)?;
    let (mut content, mut sha256) = (blake3::Hasher::new(), Sha256Hasher::default());
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        content.update(&buffer[..length]);
        sha256.update(&buffer[..length]);
    }
    let content = ContentHash::from_bytes(*content.finalize().as_bytes());
    Ok((content, sha256.finish()))
}

fn sum_path(code: &Path) -> PathBuf {
    code.with_extension("sum")
}
