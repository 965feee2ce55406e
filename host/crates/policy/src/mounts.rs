//! Which directories a guest sees: patches merged field by field, then held inside the ceiling.
//!
//! How the ceiling is intersected, to the letter:
//! - Its entries with a `from` name directories. As soon as there is one, a mount must lie inside one of them; the deepest that contains it decides the
//!   most access it can have (where two name the same directory, the lesser).
//! - A directory that the ceiling closes or makes read-only *inside* a mount holds too: a closed one is hidden, and one with less access than the mount
//!   lowers the whole mount, because a mount has one access. So no path ever has more access than the deepest ceiling directory above it.
//! - Its entries without a `from` limit the mount of the same guest path.
//! - Whatever it hides stays hidden, however the mount is cut, and where it refuses hard links for a directory that a mount shows any of, the mount refuses them.
//!
//! Two rules protect what a mount contains. A guest path inside another mount's that has less access than it is hidden in the outer one, or the outer one would
//! be the way around it. And a mount that can be written never shows the house's own definitions and records.

use crate::grant::{Mount, Subject};
use crate::resolve::{Reasons, Request};
use crate::{Access, HardLinks, HideGlob, MountPatch, Overlay, Stage, StagePatch, defaults, paths};
use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use types::{Bytes, Count, Marked, Place};

type Said<'a, T> = (&'a Marked<T>, &'a Overlay);

/// What all layers together say of one guest path.
struct Merged<'a> {
    guest: String,
    named: Said<'a, String>,
    from: Option<Said<'a, String>>,
    access: Option<Said<'a, Access>>,
    hide: Vec<Said<'a, String>>,
    /// The first layer that refuses; none can take that back.
    hard_links: Option<Said<'a, HardLinks>>,
    stage_bytes: Option<Said<'a, Bytes>>,
    stage_files: Option<Said<'a, Count>>,
}

/// The ceiling, its directories resolved.
struct Ceiling<'a> {
    layer: &'a Overlay,
    directories: Vec<Directory<'a>>,
}

struct Directory<'a> {
    host: PathBuf,
    from: &'a Marked<String>,
    patch: &'a MountPatch,
}

impl Directory<'_> {
    /// The most access that it gives. What it does not say it does not limit.
    fn most(&self) -> Access {
        self.patch
            .access
            .as_ref()
            .map_or(Access::ReadWrite, |access| access.value)
    }

    fn place(&self) -> &Place {
        self.patch
            .access
            .as_ref()
            .map_or(&self.from.place, |access| &access.place)
    }
}

/// The mounts of a grant, in the order of their guest paths.
pub(crate) fn merge(request: &Request<'_>, ledger: &mut Reasons) -> Vec<Mount> {
    let ceiling = request
        .ceiling
        .map(|layer| Ceiling::of(layer, request.root));
    let merged = layered(request.layers);
    let settled = merged
        .iter()
        .filter_map(|mount| mount.settle(request.root, ceiling.as_ref(), ledger));
    let mut mounts: Vec<Mount> = settled.collect();
    for mount in &mut mounts {
        keep_own(request, mount, ledger);
    }
    mask_inner(&merged, &mut mounts, ledger);
    mounts
}

/// Hide in each mount the guest paths inside it that have less access, whether by the layers' word or after the ceiling's: so that a ceiling never brings
/// to light what the layers alone would hide.
fn mask_inner(merged: &[Merged<'_>], mounts: &mut [Mount], ledger: &mut Reasons) {
    let settled = |guest: &str, mounts: &[Mount]| {
        let found = mounts.iter().find(|mount| mount.guest == guest);
        found.map_or(Access::None, |mount| mount.access)
    };
    let inner: Vec<(&Merged<'_>, Access)> = merged
        .iter()
        .map(|inner| (inner, settled(&inner.guest, mounts)))
        .collect();
    for outer in mounts {
        let wanted = merged
            .iter()
            .find(|merged| merged.guest == outer.guest)
            .map_or(outer.access, Merged::wanted);
        for (inner, access) in &inner {
            let Some(rest) = paths::inside(Path::new(&inner.guest), Path::new(&outer.guest)) else {
                continue;
            };
            if rest.is_empty() || (*access >= outer.access && inner.wanted() >= wanted) {
                continue;
            }
            let (place, layer) = inner
                .access
                .map_or((&inner.named.0.place, inner.named.1), |(access, layer)| {
                    (&access.place, layer)
                });
            let what = format!(
                "mount {}: hide {rest}, for {} has less access",
                outer.guest, inner.guest
            );
            ledger.decided(Subject::Mount, what, place, layer);
            outer.hide.push(HideGlob::new(globset::escape(&rest)));
        }
    }
}

/// What of the house's own no mount shows, whatever its access: in the first, the second. Who reads a key that the house signs with can sign as another.
const KEYS: (&str, &str) = (".charthouse", "keys");

/// Keep the house's keys out of every mount, and its own files out of one that can be written.
fn keep_own(request: &Request<'_>, mount: &mut Mount, ledger: &mut Reasons) {
    if request.own.contains(&KEYS.0) {
        keep_keys(request, mount, ledger);
    }
    if mount.access < Access::Staged {
        return;
    }
    for own in request.own {
        let path = request.root.join(own);
        if mount.host.starts_with(&path) {
            mount.access = Access::ReadOnly;
            let what = format!(
                "mount {}: access read-only, for it lies in the house's own {own}",
                mount.guest
            );
            ledger.by_default(Subject::Mount, what);
        } else if let Some(inside) = paths::inside(&path, &mount.host) {
            let what = format!(
                "mount {}: hide {inside}, the house's own, because the mount can be written",
                mount.guest
            );
            ledger.by_default(Subject::Mount, what);
            mount.hide.push(HideGlob::new(globset::escape(&inside)));
        }
    }
}

fn keep_keys(request: &Request<'_>, mount: &mut Mount, ledger: &mut Reasons) {
    let keys = request.root.join(KEYS.0).join(KEYS.1);
    let hidden = match mount.host.starts_with(&keys) {
        true => "**".to_owned(),
        false => match paths::inside(&keys, &mount.host) {
            Some(inside) => globset::escape(&inside),
            None => return,
        },
    };
    let what = format!(
        "mount {}: hide {hidden}, where the house's keys are",
        mount.guest
    );
    ledger.by_default(Subject::Mount, what);
    mount.hide.push(HideGlob::new(hidden));
}

fn layered<'a>(layers: &[&'a Overlay]) -> Vec<Merged<'a>> {
    let mut merged: Vec<Merged<'a>> = Vec::new();
    for layer in layers {
        for (name, patch) in &layer.mounts {
            let guest = paths::guest(name);
            let at = merged
                .iter()
                .position(|mount| mount.guest == guest)
                .unwrap_or_else(|| {
                    merged.push(Merged::new(guest, (name, layer)));
                    merged.len() - 1
                });
            merged[at].patch(name, patch, layer);
        }
    }
    merged.sort_by(|a, b| a.guest.cmp(&b.guest));
    merged
}

impl<'a> Merged<'a> {
    fn new(guest: String, named: Said<'a, String>) -> Self {
        Merged {
            guest,
            named,
            from: None,
            access: None,
            hide: Vec::new(),
            hard_links: None,
            stage_bytes: None,
            stage_files: None,
        }
    }

    fn patch(&mut self, name: &'a Marked<String>, patch: &'a MountPatch, layer: &'a Overlay) {
        self.named = (name, layer);
        self.from = patch.from.as_ref().map(|from| (from, layer)).or(self.from);
        self.access = patch
            .access
            .as_ref()
            .map(|access| (access, layer))
            .or(self.access);
        for glob in &patch.hide {
            if !self.hide.iter().any(|(known, _)| known.value == glob.value) {
                self.hide.push((glob, layer));
            }
        }
        let refused = refusing(patch).map(|said| (said, layer));
        self.hard_links = self.hard_links.or(refused);
        let StagePatch { bytes, files } = &patch.stage;
        self.stage_bytes = bytes
            .as_ref()
            .map(|said| (said, layer))
            .or(self.stage_bytes);
        self.stage_files = files
            .as_ref()
            .map(|said| (said, layer))
            .or(self.stage_files);
    }

    /// The mount that comes of it, if one does; says why in either case.
    fn settle(
        &self,
        root: &Path,
        ceiling: Option<&Ceiling<'_>>,
        ledger: &mut Reasons,
    ) -> Option<Mount> {
        let guest = &self.guest;
        let Some((from, from_layer)) = self.from else {
            let what = format!("mount {guest}: not mounted, for no layer says `from`");
            ledger.decided(Subject::Mount, what, &self.named.0.place, self.named.1);
            return None;
        };
        if let Some((access, layer)) = self.access
            && access.value == Access::None
        {
            let what = format!("mount {guest}: not mounted (access none)");
            ledger.decided(Subject::Mount, what, &access.place, layer);
            return None;
        }
        let host = paths::host(root, from);
        let bounds = match ceiling {
            Some(ceiling) => ceiling.bounds(guest, &host, ledger)?,
            None => Bounds::default(),
        };
        let what = format!("mount {guest}: from {from} ({})", host.display());
        ledger.decided(Subject::Mount, what, &from.place, from_layer);
        let access = self.settle_access(&bounds, ledger)?;
        let hide = self.settle_hide(&bounds, ledger);
        let hard_links = self.settle_hard_links(&bounds, ledger);
        let stage = self.settle_stage(access, &bounds, ledger);
        if let (Some(within), Some((place, layer))) = (&bounds.within, bounds.within_said) {
            let what = format!("mount {guest}: inside the ceiling's {}", within.display());
            ledger.decided(Subject::Mount, what, place, layer);
        }
        Some(Mount {
            guest: guest.clone(),
            host,
            access,
            hide,
            hard_links,
            stage,
            within: bounds.within,
        })
    }

    /// The access that the layers alone would give.
    fn wanted(&self) -> Access {
        match (self.from, self.access) {
            (None, _) => Access::None,
            (_, Some((access, _))) => access.value,
            (_, None) => defaults::ACCESS,
        }
    }

    fn settle_access(&self, bounds: &Bounds<'_>, ledger: &mut Reasons) -> Option<Access> {
        let guest = &self.guest;
        let wanted = self
            .access
            .map_or(defaults::ACCESS, |(access, _)| access.value);
        if let Some((cap, place, layer)) = bounds.access
            && cap < wanted
        {
            let what = match cap {
                Access::None => format!("mount {guest}: not mounted (access none, the ceiling)"),
                cap => format!("mount {guest}: access {cap} (the ceiling; otherwise {wanted})"),
            };
            ledger.decided(Subject::Mount, what, place, layer);
            return (cap != Access::None).then_some(cap);
        }
        let what = format!("mount {guest}: access {wanted}");
        match self.access {
            Some((access, layer)) => ledger.decided(Subject::Mount, what, &access.place, layer),
            None => ledger.by_default(Subject::Mount, what),
        }
        Some(wanted)
    }

    fn settle_hard_links(&self, bounds: &Bounds<'_>, ledger: &mut Reasons) -> HardLinks {
        let own = self
            .hard_links
            .map(|(said, layer)| (&said.place, layer, String::new()));
        let ceiling = bounds
            .hard_links
            .map(|(place, layer)| (place, layer, " (the ceiling)".to_owned()));
        let Some((place, layer, who)) = own.or(ceiling) else {
            return HardLinks::Allow;
        };
        let what = format!("mount {}: hard links refuse{who}", self.guest);
        ledger.decided(Subject::Mount, what, place, layer);
        HardLinks::Refuse
    }

    /// What a call may change at once, where the mount is staged: the smaller of the layers' and the ceiling's word.
    fn settle_stage(&self, access: Access, bounds: &Bounds<'_>, ledger: &mut Reasons) -> Stage {
        let mut stage = Stage::default();
        if access != Access::Staged {
            return stage;
        }
        let mut explain = |what: String, said: Option<(&Place, &Overlay)>| {
            let what = format!("mount {}: stage {what}", self.guest);
            match said {
                Some((place, layer)) => ledger.decided(Subject::Mount, what, place, layer),
                None => ledger.by_default(Subject::Mount, what),
            }
        };
        let (bytes, said) = smaller(self.stage_bytes, stage.bytes, bounds.stage_bytes);
        explain(format!("bytes {bytes}"), said);
        stage.bytes = bytes;
        let (files, said) = smaller(self.stage_files, stage.files, bounds.stage_files);
        explain(format!("files {files}"), said);
        stage.files = files;
        stage
    }

    fn settle_hide(&self, bounds: &Bounds<'_>, ledger: &mut Reasons) -> Vec<HideGlob> {
        let own = self
            .hide
            .iter()
            .map(|(glob, layer)| (HideGlob::new(&glob.value), &glob.place, *layer));
        let mut hide: Vec<HideGlob> = Vec::with_capacity(self.hide.len() + bounds.hide.len());
        for (glob, place, layer) in own.chain(bounds.hide.iter().cloned()) {
            if !hide.contains(&glob) {
                let what = format!("mount {}: hide {glob}", self.guest);
                ledger.decided(Subject::Mount, what, place, layer);
                hide.push(glob);
            }
        }
        hide
    }
}

/// The refusal of hard links in `patch`, if it has one.
fn refusing(patch: &MountPatch) -> Option<&Marked<HardLinks>> {
    patch
        .hard_links
        .as_ref()
        .filter(|said| said.value == HardLinks::Refuse)
}

/// The limit that the layers give, or by default, and the ceiling's where that is smaller; with the rule that decided.
fn smaller<'a, T: Copy + Ord>(
    own: Option<Said<'a, T>>,
    default: T,
    ceiling: Option<Said<'a, T>>,
) -> (T, Option<(&'a Place, &'a Overlay)>) {
    let wanted = own.map_or(default, |(said, _)| said.value);
    match ceiling.filter(|(said, _)| said.value < wanted).or(own) {
        Some((said, layer)) => (said.value, Some((&said.place, layer))),
        None => (default, None),
    }
}

/// What the ceiling says of one mount.
#[derive(Default)]
struct Bounds<'a> {
    within: Option<PathBuf>,
    within_said: Option<(&'a Place, &'a Overlay)>,
    access: Option<(Access, &'a Place, &'a Overlay)>,
    hide: Vec<(HideGlob, &'a Place, &'a Overlay)>,
    hard_links: Option<(&'a Place, &'a Overlay)>,
    stage_bytes: Option<Said<'a, Bytes>>,
    stage_files: Option<Said<'a, Count>>,
}

impl<'a> Bounds<'a> {
    /// What `patch` says that narrows a mount it concerns, wherever in it.
    fn narrow(&mut self, patch: &'a MountPatch, layer: &'a Overlay) {
        let refused = refusing(patch).map(|said| (&said.place, layer));
        self.hard_links = self.hard_links.or(refused);
        let StagePatch { bytes, files } = &patch.stage;
        if let Some(said) = bytes
            && self
                .stage_bytes
                .is_none_or(|(known, _)| said.value < known.value)
        {
            self.stage_bytes = Some((said, layer));
        }
        if let Some(said) = files
            && self
                .stage_files
                .is_none_or(|(known, _)| said.value < known.value)
        {
            self.stage_files = Some((said, layer));
        }
    }

    fn lower(&mut self, access: Access, place: &'a Place, layer: &'a Overlay) {
        if self.access.is_none_or(|(known, ..)| access < known) {
            self.access = Some((access, place, layer));
        }
    }
}

impl<'a> Ceiling<'a> {
    fn of(layer: &'a Overlay, root: &Path) -> Self {
        let directory = |(_, patch): &'a (Marked<String>, MountPatch)| {
            let from = patch.from.as_ref()?;
            Some(Directory {
                host: paths::host(root, from),
                from,
                patch,
            })
        };
        Ceiling {
            layer,
            directories: layer.mounts.iter().filter_map(directory).collect(),
        }
    }

    /// What it says of the mount of `host` at `guest`; `None`, with its reason, where the mount lies outside of it.
    fn bounds(&self, guest: &str, host: &Path, ledger: &mut Reasons) -> Option<Bounds<'_>> {
        let mut bounds = Bounds::default();
        if let Some(first) = self.directories.first() {
            let containing = self
                .directories
                .iter()
                .filter(|directory| host.starts_with(&directory.host));
            let Some(deepest) = containing.min_by_key(|directory| {
                (
                    Reverse(directory.host.components().count()),
                    directory.most(),
                )
            }) else {
                let what = format!(
                    "mount {guest}: not mounted, for {} lies outside every directory of the ceiling",
                    host.display()
                );
                ledger.decided(Subject::Mount, what, &first.from.place, self.layer);
                return None;
            };
            bounds.within = Some(deepest.host.clone());
            bounds.within_said = Some((&deepest.from.place, self.layer));
            bounds.lower(deepest.most(), deepest.place(), self.layer);
        }
        for directory in &self.directories {
            self.bound_by(directory, host, &mut bounds);
        }
        let by_name = |(name, patch): &&(Marked<String>, MountPatch)| {
            patch.from.is_none() && paths::guest(name) == guest
        };
        for (_, patch) in self.layer.mounts.iter().filter(by_name) {
            if let Some(access) = &patch.access {
                bounds.lower(access.value, &access.place, self.layer);
            }
            let globs = patch
                .hide
                .iter()
                .map(|glob| (HideGlob::new(&glob.value), &glob.place, self.layer));
            bounds.hide.extend(globs);
            bounds.narrow(patch, self.layer);
        }
        Some(bounds)
    }

    /// What one directory of the ceiling says of a mount that lies in it or around it.
    fn bound_by<'b>(&'b self, directory: &'b Directory<'_>, host: &Path, bounds: &mut Bounds<'b>) {
        let globs = directory.patch.hide.iter();
        if host.starts_with(&directory.host) || directory.host.starts_with(host) {
            bounds.narrow(directory.patch, self.layer);
        }
        if let Some(below) = paths::inside(host, &directory.host) {
            bounds.hide.extend(globs.map(|glob| {
                let rebased = HideGlob {
                    glob: glob.value.clone(),
                    below: below.clone(),
                };
                (rebased, &glob.place, self.layer)
            }));
        } else if let Some(inner) = paths::inside(&directory.host, host) {
            let inner = globset::escape(&inner);
            bounds.hide.extend(globs.map(|glob| {
                let bare = glob.trim_start_matches("./").trim_start_matches('/');
                (
                    HideGlob::new(format!("{inner}/{bare}")),
                    &glob.place,
                    self.layer,
                )
            }));
            match directory.most() {
                Access::None => {
                    bounds
                        .hide
                        .push((HideGlob::new(inner), directory.place(), self.layer))
                }
                most => bounds.lower(most, directory.place(), self.layer),
            }
        }
    }
}
