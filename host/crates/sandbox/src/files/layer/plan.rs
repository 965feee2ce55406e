//! From the tree to what has to be done on the disk, as a list of steps that can each be done twice without harm.
//!
//! First everything that leaves its place is taken out (deepest first, so that the paths below still hold), then everything new is put in (highest first, so
//! that there is a directory to put it in). What is only changed is replaced where it stands, by one rename.

use super::base::Origin;
use super::content::{Content, lock};
use super::{Kind, Layer, Node, NodeId, ROOT};
use crate::files::walk::join;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use types::{StagedKind, StagedWhat};

/// One step of a commit. Slots are names in the commit's own directory: `old/N` for what was taken out, `new/N` for what was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(super) enum Step {
    /// Take what stands at a path out. `deleted` directories must be empty by then.
    Take {
        from: String,
        slot: usize,
        /// What it is known by.
        inode: u64,
        deleted_directory: bool,
    },
    /// Put a new file in the place of another.
    Replace {
        slot: usize,
        path: String,
    },
    MakeDirectory {
        path: String,
    },
    /// Put what was taken out where nothing stands.
    PutOld {
        slot: usize,
        path: String,
    },
    /// Put something new where nothing stands.
    PutNew {
        slot: usize,
        path: String,
    },
    /// A second name for a file.
    Link {
        from: String,
        to: String,
    },
}

/// Something new.
pub(super) enum Fresh {
    File {
        content: Arc<Mutex<Content>>,
        mode: Option<u32>,
    },
    Link(String),
}

/// A change as it is told.
pub(super) struct Change {
    pub(super) what: StagedWhat,
    pub(super) kind: StagedKind,
    pub(super) path: String,
    pub(super) from: Option<String>,
    /// The file before, as a path below.
    pub(super) before: Option<Origin>,
    pub(super) after: Option<Arc<Mutex<Content>>>,
}

/// What has to be done.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// By slot.
    pub(super) fresh: BTreeMap<usize, Fresh>,
    /// What must still be below as it was.
    pub(super) expected: Vec<Origin>,
    pub(super) changes: Vec<Change>,
}

struct Planner<'a> {
    layer: &'a Layer,
    in_place: HashSet<NodeId>,
    /// The nodes that the final tree holds.
    reached: HashSet<NodeId>,
    /// Base paths of files that are replaced where they stand.
    replaced: HashSet<String>,
    taken: HashMap<NodeId, usize>,
    /// The first path of each file that has several.
    placed: HashMap<NodeId, String>,
    put: Vec<Step>,
    links: Vec<Step>,
    plan: Plan,
    slots: usize,
}

impl Layer {
    /// What a commit has to do.
    pub(super) fn plan(&self) -> Plan {
        let mut planner = Planner {
            layer: self,
            in_place: self.in_place(),
            reached: HashSet::new(),
            replaced: HashSet::new(),
            taken: HashMap::new(),
            placed: HashMap::new(),
            put: Vec::new(),
            links: Vec::new(),
            plan: Plan::default(),
            slots: 0,
        };
        planner.reach(ROOT);
        planner.take_out();
        planner.put_in(ROOT, "");
        planner.finish()
    }

    /// The nodes that stand in the directory, and under the name, where they stood below.
    fn in_place(&self) -> HashSet<NodeId> {
        let mut found = HashSet::new();
        for node in &self.nodes {
            let Kind::Directory {
                base: Some(base),
                entries,
            } = &node.kind
            else {
                continue;
            };
            for (name, id) in entries {
                if let Some(id) = id
                    && let Some(origin) = &self.node(*id).origin
                    && origin.path == join(base, name)
                {
                    found.insert(*id);
                }
            }
        }
        found
    }
}

fn is_changed(node: &Node) -> bool {
    matches!(&node.kind, Kind::File(content) if lock(content).is_changed())
}

fn kind_of(node: &Node) -> StagedKind {
    match &node.kind {
        Kind::Directory { .. } => StagedKind::Directory,
        Kind::Link(_) => StagedKind::Link,
        _ => StagedKind::File,
    }
}

impl Planner<'_> {
    fn slot(&mut self) -> usize {
        self.slots += 1;
        self.slots
    }

    fn entries(&self, id: NodeId) -> (Option<String>, Vec<(String, NodeId)>) {
        match &self.layer.node(id).kind {
            Kind::Directory { base, entries } => {
                let there = entries
                    .iter()
                    .filter_map(|(name, id)| Some((name.clone(), (*id)?)));
                (base.clone(), there.collect())
            }
            _ => (None, Vec::new()),
        }
    }

    fn reach(&mut self, id: NodeId) {
        self.reached.insert(id);
        let (base, entries) = self.entries(id);
        for (name, child) in entries {
            // A file over a file: one rename, and never a moment without either.
            let below = base.as_deref().map(|base| join(base, &name));
            let node = self.layer.node(child);
            if let Some(below) = below
                && matches!(node.kind, Kind::File(_))
                && !self.in_place.contains(&child)
                // With several names it is put in once, and linked from there.
                && node.names <= 1
                && (node.origin.is_none() || is_changed(node))
            {
                self.replaced.insert(below);
            }
            self.reach(child);
        }
    }

    /// Take out what no longer stands where it stood.
    fn take_out(&mut self) {
        let nodes = (0..self.layer.nodes.len()).map(NodeId);
        let mut leaving: Vec<(NodeId, Origin)> = nodes
            .filter(|id| !self.in_place.contains(id))
            .filter_map(|id| Some((id, self.layer.node(id).origin.clone()?)))
            .collect();
        let depth = |origin: &Origin| origin.path.matches('/').count();
        leaving.sort_by(|(_, a), (_, b)| depth(b).cmp(&depth(a)).then(a.path.cmp(&b.path)));
        // Names of directories that are replaced stay in the set, but only files are replaced by a rename.
        let mut replaced = HashSet::new();
        for (id, origin) in leaving {
            let node = self.layer.node(id);
            let is_file = matches!(node.kind, Kind::File(_));
            let kept = self.reached.contains(&id) && !is_changed(node);
            self.plan.expected.push(origin.clone());
            if is_file && !kept && self.replaced.contains(&origin.path) {
                replaced.insert(origin.path);
                continue;
            }
            if !self.reached.contains(&id) {
                self.plan.changes.push(Change {
                    what: StagedWhat::Deleted,
                    kind: kind_of(node),
                    path: origin.path.clone(),
                    from: None,
                    before: is_file.then(|| origin.clone()),
                    after: None,
                });
            }
            let slot = self.slot();
            self.taken.insert(id, slot);
            self.plan.steps.push(Step::Take {
                deleted_directory: self.layer.is_directory(id) && !kept,
                inode: origin.stat.st_ino,
                from: origin.path,
                slot,
            });
        }
        self.replaced = replaced;
    }

    /// Put in what stands below the directory `id`, whose final path is `path`.
    fn put_in(&mut self, id: NodeId, path: &str) {
        let (base, entries) = self.entries(id);
        for (name, child) in entries {
            let here = join(path, &name);
            let below = base.as_deref().map(|base| join(base, &name));
            self.put(child, here, below);
        }
    }

    fn put(&mut self, id: NodeId, path: String, below: Option<String>) {
        let node = self.layer.node(id);
        let in_place = node
            .origin
            .as_ref()
            .is_some_and(|origin| Some(&origin.path) == below.as_ref());
        let moved = node.origin.as_ref().filter(|_| !in_place);
        match &node.kind {
            Kind::Directory { .. } => {
                match (in_place, self.taken.get(&id)) {
                    (true, _) => {}
                    (false, Some(slot)) => {
                        self.put_old(*slot, id, &path, moved.map(|origin| origin.path.clone()));
                    }
                    (false, None) => {
                        self.put.push(Step::MakeDirectory { path: path.clone() });
                        self.told(StagedWhat::Created, id, &path, None);
                    }
                }
                self.put_in(id, &path);
            }
            Kind::File(content) => {
                if let Some(first) = self.first_name(id, &path, in_place) {
                    self.links.push(Step::Link {
                        from: first,
                        to: path.clone(),
                    });
                    self.told(StagedWhat::Created, id, &path, None);
                    return;
                }
                if in_place && !is_changed(node) {
                    return;
                }
                if let (false, Some(slot)) = (is_changed(node), self.taken.get(&id)) {
                    self.put_old(*slot, id, &path, moved.map(|origin| origin.path.clone()));
                    return;
                }
                let over = below.filter(|below| in_place || self.replaced.contains(below));
                let mode = node
                    .mode
                    .or(node.origin.as_ref().map(|origin| origin.stat.st_mode));
                let fresh = Fresh::File {
                    content: content.clone(),
                    mode,
                };
                let what = match (&over, moved) {
                    (_, Some(_)) => StagedWhat::Renamed,
                    (Some(_), None) => StagedWhat::Changed,
                    (None, None) => StagedWhat::Created,
                };
                let from = moved.map(|origin| origin.path.clone());
                if in_place && let Some(origin) = &node.origin {
                    self.plan.expected.push(origin.clone());
                }
                let slot = self.slot();
                self.plan.fresh.insert(slot, fresh);
                self.put.push(match &over {
                    Some(_) => Step::Replace {
                        slot,
                        path: path.clone(),
                    },
                    None => Step::PutNew {
                        slot,
                        path: path.clone(),
                    },
                });
                self.told(what, id, &path, from);
                if let (Some(over), Some(change)) = (over, self.plan.changes.last_mut())
                    && change.before.is_none()
                {
                    change.before = self
                        .plan
                        .expected
                        .iter()
                        .find(|origin| origin.path == over)
                        .cloned();
                }
            }
            Kind::Link(target) => match self.taken.get(&id) {
                _ if in_place => {}
                Some(slot) => {
                    self.put_old(*slot, id, &path, moved.map(|origin| origin.path.clone()));
                }
                None => {
                    let slot = self.slot();
                    self.plan.fresh.insert(slot, Fresh::Link(target.clone()));
                    self.put.push(Step::PutNew {
                        slot,
                        path: path.clone(),
                    });
                    self.told(StagedWhat::Created, id, &path, None);
                }
            },
            Kind::Special => {
                if let (false, Some(slot)) = (in_place, self.taken.get(&id)) {
                    self.put_old(*slot, id, &path, moved.map(|origin| origin.path.clone()));
                }
            }
        }
    }

    /// Put back at `path` what was taken out into `slot`, where it stood `from`.
    fn put_old(&mut self, slot: usize, id: NodeId, path: &str, from: Option<String>) {
        self.put.push(Step::PutOld {
            slot,
            path: path.to_owned(),
        });
        self.told(StagedWhat::Renamed, id, path, from);
    }

    /// The path that a file already has, when `path` is another name for it. A name in place comes before all others.
    fn first_name(&mut self, id: NodeId, path: &str, in_place: bool) -> Option<String> {
        if !in_place && self.in_place.contains(&id) && !self.placed.contains_key(&id) {
            let origin = self.layer.node(id).origin.as_ref()?;
            let place = self.final_path(origin)?;
            self.placed.insert(id, place);
        }
        match self.placed.get(&id) {
            Some(first) if first == path => None,
            Some(first) => Some(first.clone()),
            None => {
                self.placed.insert(id, path.to_owned());
                None
            }
        }
    }

    /// Where the file that stands in place ends up: its directory may have been moved.
    fn final_path(&self, origin: &Origin) -> Option<String> {
        let (parent, name) = origin.path.rsplit_once('/').unwrap_or(("", &origin.path));
        let holder = (0..self.layer.nodes.len()).map(NodeId).find(|id| {
            let base = match &self.layer.node(*id).kind {
                Kind::Directory { base, .. } => base.as_deref(),
                _ => None,
            };
            base == Some(parent) && self.reached.contains(id)
        })?;
        Some(join(&self.layer.path_of(holder)?, name))
    }

    fn told(&mut self, what: StagedWhat, id: NodeId, path: &str, from: Option<String>) {
        let node = self.layer.node(id);
        let after = match &node.kind {
            Kind::File(content) if is_changed(node) => Some(content.clone()),
            _ => None,
        };
        let before = match (&node.kind, &node.origin) {
            (Kind::File(_), Some(origin)) if after.is_some() && what != StagedWhat::Created => {
                Some(origin.clone())
            }
            _ => None,
        };
        self.plan.changes.push(Change {
            what,
            kind: kind_of(node),
            path: path.to_owned(),
            from,
            before,
            after,
        });
    }

    fn finish(mut self) -> Plan {
        self.plan.steps.append(&mut self.put);
        self.plan.steps.append(&mut self.links);
        self.plan.changes.sort_by(|a, b| a.path.cmp(&b.path));
        self.plan
    }
}
