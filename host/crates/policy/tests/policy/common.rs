//! Layers as tests write them: short, and every rule on a line of its own, so that `because` can be checked.

use charthouse_policy::*;
use std::path::Path;
use types::{Marked, Place, ToolName};

pub const ROOT: &str = "/home/ada/house";

pub fn tool(name: &str) -> ToolName {
    ToolName::parse(name).unwrap()
}

pub fn mark<T>(value: T) -> Marked<T> {
    Marked::new(value, Place::new("unnumbered", 1, 1))
}

/// Give every rule of `layer` its own line, in the order of the struct.
pub fn numbered(mut layer: Overlay, file: &str) -> Overlay {
    let mut line = 0;
    let mut next = || {
        line += 1;
        Place::new(file, line, 1)
    };
    for rule in &mut layer.tools {
        rule.place = next();
    }
    for (name, patch) in &mut layer.mounts {
        name.place = next();
        patch.from.iter_mut().for_each(|from| from.place = next());
        patch
            .access
            .iter_mut()
            .for_each(|access| access.place = next());
        patch.hide.iter_mut().for_each(|glob| glob.place = next());
    }
    for rule in &mut layer.net {
        rule.place = next();
    }
    for (name, _) in &mut layer.env {
        name.place = next();
    }
    layer
        .limits
        .memory
        .iter_mut()
        .for_each(|limit| limit.place = next());
    layer
        .limits
        .fuel
        .iter_mut()
        .for_each(|limit| limit.place = next());
    layer
        .limits
        .deadline
        .iter_mut()
        .for_each(|limit| limit.place = next());
    layer
        .limits
        .output
        .iter_mut()
        .for_each(|limit| limit.place = next());
    layer
        .limits
        .calls
        .iter_mut()
        .for_each(|limit| limit.place = next());
    layer.clock.iter_mut().for_each(|mode| mode.place = next());
    layer.random.iter_mut().for_each(|mode| mode.place = next());
    layer
}

pub fn rule(verdict: Verdict, pattern: &str) -> Marked<ToolRule> {
    mark(ToolRule {
        verdict,
        pattern: pattern.into(),
    })
}

pub fn mount(
    guest: &str,
    from: Option<&str>,
    access: Option<Access>,
    hide: &[&str],
) -> (Marked<String>, MountPatch) {
    let patch = MountPatch {
        from: from.map(|from| mark(from.to_owned())),
        access: access.map(mark),
        hide: hide.iter().map(|glob| mark((*glob).to_owned())).collect(),
    };
    (mark(guest.to_owned()), patch)
}

pub fn net(verdict: Verdict, pattern: &str) -> Marked<NetRule> {
    mark(NetRule {
        verdict,
        pattern: pattern.into(),
        methods: Vec::new(),
        secret: None,
    })
}

/// A layer called `label`, in the file `label.yaml`.
pub fn layer(label: &str, build: impl FnOnce(&mut Overlay)) -> Overlay {
    let mut layer = Overlay::named(label);
    build(&mut layer);
    numbered(layer, &format!("{label}.yaml"))
}

pub fn grant(layers: &[&Overlay], ceiling: Option<&Overlay>, name: &str) -> Grant {
    resolve(&Request {
        own: &[],
        root: Path::new(ROOT),
        layers,
        ceiling,
        answers: None,
        tool: &tool(name),
    })
}
