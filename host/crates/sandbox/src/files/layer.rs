//! The layer above a staged mount: a guest writes into it, and nothing of the directory below changes until the call has succeeded and the host commits it.
//!
//! The layer is a tree of nodes in memory. A directory's node knows which of its names differ from the directory below (another node, or nothing) and shows
//! what is below for all others; a file's content stays below until somebody writes, and is then copied into a scratch directory outside of the mount.
//! So what a call costs depends on what it touches, not on how large the mount is.
//!
//! Read in this order: here (the tree, and how a path is followed in it), `ops` (what a guest can do), `base` (the directory below), `content` (files),
//! `plan` (from the tree to the steps of a commit), `commit` (the steps, so that none is half done even when the host is killed), `show` (the same for people).

mod base;
mod commit;
mod content;
mod ops;
mod plan;
mod show;
mod streams;
#[cfg(test)]
mod tests;

pub(crate) use base::Base;
pub(crate) use commit::{Uncommitted, recover};
pub(crate) use content::{Content, lock};
pub(crate) use ops::Opened;
pub(crate) use show::Refused;
pub(crate) use streams::{StagedInput, StagedOutput};

use super::names::{End, Names, Step};
use super::walk::join;
use super::watch::WatchedMount;
use base::Origin;
use content::Room;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A node's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(usize);

/// The mount's own directory.
pub(crate) const ROOT: NodeId = NodeId(0);

/// What stands somewhere in the layer.
struct Node {
    kind: Kind,
    /// What it was below, if it comes from there.
    origin: Option<Origin>,
    /// Permissions that a new file takes over from the one it replaced.
    mode: Option<u32>,
    /// For a directory: what holds it, and its name there. `None` for the root and for one that was removed.
    parent: Option<(NodeId, String)>,
    /// For a file: how many names of the layer lead to it.
    names: u64,
}

enum Kind {
    Directory {
        /// The directory below that shows through, as a path of the mount.
        base: Option<String>,
        /// Names that were looked at or changed. Without a node, the name is gone.
        entries: BTreeMap<String, Option<NodeId>>,
    },
    File(Arc<Mutex<Content>>),
    Link(String),
    /// A FIFO, a socket, a device: there, and no more.
    Special,
}

/// Why something in the layer did not work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Policy hides a name on the way.
    Hidden,
    /// The path leads out of the mount.
    Out,
    /// Policy does not allow it, for this reason.
    Refused(&'static str),
    /// As the operating system would say.
    Os(Errno),
}

impl From<Errno> for Fault {
    fn from(error: Errno) -> Self {
        Fault::Os(error)
    }
}

impl From<End> for Fault {
    fn from(end: End) -> Self {
        match end {
            End::Out => Fault::Out,
            End::Os(error) => Fault::Os(error),
        }
    }
}

/// Where a path leads: a name in a directory, and what stands there.
struct Spot {
    directory: NodeId,
    /// `.` for the directory itself.
    name: String,
    node: Option<NodeId>,
    /// Whether the path can only mean a directory, as `a/` does.
    only_directory: bool,
}

/// What one call may take on in a staged mount.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StageLimits {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

/// The layer above one mount.
pub(crate) struct Layer {
    base: Arc<Base>,
    mount: WatchedMount,
    nodes: Vec<Node>,
    room: Arc<Mutex<Room>>,
    /// Names made or taken away so far, so that a guest cannot fill the host's memory with them.
    touched: u64,
    limits: StageLimits,
}

impl Layer {
    /// A layer in which nothing has changed yet.
    pub(crate) fn new(base: Base, mount: WatchedMount, limits: StageLimits) -> Self {
        let root = Node {
            kind: Kind::Directory {
                base: Some(String::new()),
                entries: BTreeMap::new(),
            },
            origin: None,
            mode: None,
            parent: None,
            names: 1,
        };
        Layer {
            base: Arc::new(base),
            mount,
            nodes: vec![root],
            room: Arc::new(Mutex::new(Room::new(limits.bytes))),
            touched: 0,
            limits,
        }
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0]
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    fn is_directory(&self, id: NodeId) -> bool {
        matches!(self.node(id).kind, Kind::Directory { .. })
    }

    /// Whether a directory is still in the tree.
    fn is_alive(&self, id: NodeId) -> bool {
        id == ROOT || self.node(id).parent.is_some()
    }

    /// A directory's path in the layer; `None` when it was removed.
    pub(crate) fn path_of(&self, mut id: NodeId) -> Option<String> {
        let mut path = String::new();
        while id != ROOT {
            let (parent, name) = self.node(id).parent.as_ref()?;
            path = match path.is_empty() {
                true => name.clone(),
                false => format!("{name}/{path}"),
            };
            id = *parent;
        }
        Some(path)
    }

    /// Whether `id` is `above` or stands somewhere in it.
    fn is_within(&self, mut id: NodeId, above: NodeId) -> bool {
        loop {
            if id == above {
                return true;
            }
            match &self.node(id).parent {
                Some((parent, _)) => id = *parent,
                None => return false,
            }
        }
    }

    /// What stands at `name` in `directory`. Hidden by the path it has in the layer, and by the one it has below.
    fn look(&mut self, directory: NodeId, name: &str) -> Result<Option<NodeId>, Fault> {
        if let Some(path) = self.path_of(directory)
            && self.mount.hides(&join(&path, name))
        {
            return Err(Fault::Hidden);
        }
        let Kind::Directory { base, entries } = &self.node(directory).kind else {
            return Err(Errno::NOTDIR.into());
        };
        if let Some(known) = entries.get(name) {
            return Ok(*known);
        }
        let Some(below) = base.as_deref().map(|base| join(base, name)) else {
            return Ok(None);
        };
        if self.base.hides(&self.mount, &below) {
            return Err(Fault::Hidden);
        }
        let origin = match self.base.origin(&below) {
            Ok(origin) => origin,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let kind = match origin.kind() {
            rustix::fs::FileType::Directory => Kind::Directory {
                base: Some(below),
                entries: BTreeMap::new(),
            },
            rustix::fs::FileType::RegularFile => {
                let content = Content::below(self.base.clone(), below, self.room.clone());
                Kind::File(Arc::new(Mutex::new(content)))
            }
            rustix::fs::FileType::Symlink => Kind::Link(self.base.read_link(&below)?),
            _ => Kind::Special,
        };
        let id = self.add(Node {
            kind,
            origin: Some(origin),
            mode: None,
            parent: None,
            names: 1,
        });
        self.set(directory, name, Some(id));
        Ok(Some(id))
    }

    /// Let `name` in `directory` be `node`, or nothing.
    fn set(&mut self, directory: NodeId, name: &str, node: Option<NodeId>) {
        if let Kind::Directory { entries, .. } = &mut self.node_mut(directory).kind {
            entries.insert(name.to_owned(), node);
        }
        if let Some(node) = node
            && self.is_directory(node)
        {
            self.node_mut(node).parent = Some((directory, name.to_owned()));
        }
    }

    /// Where `path` below the directory `start` leads, one name at a time.
    fn walk(&mut self, start: NodeId, path: &str, follow: bool) -> Result<Spot, Fault> {
        let mut names = Names::of(path)?;
        let mut stack = vec![start];
        while let Some(step) = names.next() {
            let Step::On {
                name,
                last,
                only_directory,
            } = step
            else {
                stack.pop();
                if stack.is_empty() {
                    return Err(Fault::Out);
                }
                continue;
            };
            // The stack is never empty: `..` that would empty it has returned.
            let Some(here) = stack.last().copied() else {
                return Err(Fault::Out);
            };
            if name.len() > NAME_MAX {
                return Err(Errno::NAMETOOLONG.into());
            }
            let node = self.look(here, &name)?;
            if let Some(id) = node
                && let Kind::Link(target) = &self.node(id).kind
                && (!last || follow)
            {
                names.follow(target)?;
                continue;
            }
            if last || only_directory {
                if only_directory && node.is_some_and(|node| !self.is_directory(node)) {
                    return Err(Errno::NOTDIR.into());
                }
                return Ok(Spot {
                    directory: here,
                    name,
                    node,
                    only_directory,
                });
            }
            match node {
                Some(id) if self.is_directory(id) => stack.push(id),
                Some(_) => return Err(Errno::NOTDIR.into()),
                None => return Err(Errno::NOENT.into()),
            }
        }
        let directory = stack.pop().ok_or(Fault::Out)?;
        Ok(Spot {
            directory,
            name: ".".to_owned(),
            node: Some(directory),
            only_directory: true,
        })
    }
}

/// Longest name of a file: what file systems take, so that a commit does not fail over it.
const NAME_MAX: usize = 255;
