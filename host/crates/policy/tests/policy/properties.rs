//! What must hold of every stack of layers and every ceiling, however odd.

use crate::common::*;
use charthouse_policy::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::path::{Path, PathBuf};
use std::time::Duration;
use types::{Bytes, Count, Marked, Place};

const TOOLS: [&str; 5] = [
    "fs.read",
    "fs.write",
    "search.grep",
    "patch.apply",
    "fsx.read",
];
const PATTERNS: [&str; 9] = [
    "*",
    "fs.*",
    "*.read",
    "fs.read",
    "search.*",
    "f*r*",
    "",
    "*.*",
    "patch.apply",
];
const GUESTS: [&str; 6] = [
    "/workspace",
    "/workspace/",
    "/out",
    "data",
    "/",
    "/workspace/../out",
];
const FROMS: [&str; 14] = [
    ".",
    "src",
    "src/../..",
    "../house/src",
    "/etc",
    "/",
    "src/./lib/",
    "../../x",
    "data/secret",
    "",
    "/home/ada/house/../house2",
    "src/../../../..//home/ada/house/data",
    "../house2",
    "a [b]/c",
];
const GLOBS: [&str; 7] = [
    "**/.env",
    "*.key",
    "secret/**",
    "lib",
    "src/lib",
    "/data/",
    "[ab]*/c",
];
/// Host paths that are asked about.
const PROBES: [&str; 18] = [
    "/",
    "/etc",
    "/etc/passwd",
    "/home/ada",
    "/home/ada/house",
    "/home/ada/house/.env",
    "/home/ada/house/src",
    "/home/ada/house/src/.env",
    "/home/ada/house/src/lib",
    "/home/ada/house/src/lib/x.key",
    "/home/ada/house/data",
    "/home/ada/house/data/secret/id.key",
    "/home/ada/house2",
    "/home/ada/house2/secret/x",
    "/home/x/lib",
    "/home/ada/house/a [b]/c/d",
    "/home/ada/house/secret/a",
    "/home/ada/house/b/c",
];

fn verdicts() -> impl Strategy<Value = Verdict> {
    select(vec![Verdict::Deny, Verdict::Ask, Verdict::Allow])
}

fn accesses() -> impl Strategy<Value = Access> {
    select(vec![
        Access::None,
        Access::ReadOnly,
        Access::Staged,
        Access::ReadWrite,
    ])
}

fn rules() -> impl Strategy<Value = Marked<ToolRule>> {
    (verdicts(), select(&PATTERNS[..])).prop_map(|(verdict, pattern)| rule(verdict, pattern))
}

fn mounts() -> impl Strategy<Value = (Marked<String>, MountPatch)> {
    (
        select(&GUESTS[..]),
        of(select(&FROMS[..])),
        of(accesses()),
        vec(select(&GLOBS[..]), 0..3),
        of(select(vec![HardLinks::Refuse, HardLinks::Allow])),
        of(1..100_u64),
    )
        .prop_map(|(guest, from, access, hide, hard_links, bytes)| {
            let (name, patch) = mount(guest, from, access, &hide);
            let hard_links = hard_links.map(mark);
            let stage = StagePatch {
                bytes: bytes.map(|bytes| mark(types::Bytes(bytes))),
                files: None,
            };
            (
                name,
                MountPatch {
                    hard_links,
                    stage,
                    ..patch
                },
            )
        })
}

fn limits() -> impl Strategy<Value = LimitsPatch> {
    (
        of(0..4u64),
        of(0..4u64),
        of(0..4u64),
        of(0..4u64),
        of(0..4u32),
        of(0..4u32),
        of(0..4u64),
        of(0..4u64),
    )
        .prop_map(
            |(memory, fuel, deadline, output, calls, requests, sent, received)| LimitsPatch {
                memory: memory.map(|n| mark(Bytes(n << 26))),
                fuel: fuel.map(|n| mark(Count(n * 1_500_000_000))),
                deadline: deadline.map(|n| mark(Duration::from_secs(n * 3))),
                output: output.map(|n| mark(Bytes(n << 18))),
                calls: calls.map(|n| mark(n * 70)),
                requests: requests.map(|n| mark(n * 30)),
                sent: sent.map(|n| mark(Bytes(n << 19))),
                received: received.map(|n| mark(Bytes(n << 23))),
            },
        )
}

fn nets() -> impl Strategy<Value = Marked<NetRule>> {
    (
        verdicts(),
        select(vec!["*", "https://a/**", "https://b/**"]),
    )
        .prop_map(|(verdict, pattern)| net(verdict, pattern))
}

fn overlays() -> impl Strategy<Value = Overlay> {
    let env = vec((select(vec!["A", "B", "C"]), select(vec!["1", "2"])), 0..3);
    let clock = of(select(vec![ClockMode::Frozen, ClockMode::Real]));
    let random = of(select(vec![RandomMode::Seeded, RandomMode::Real]));
    let parts = (
        vec(rules(), 0..5),
        vec(mounts(), 0..4),
        vec(nets(), 0..3),
        env,
        limits(),
        clock,
        random,
    );
    parts.prop_map(|(tools, mounts, net, env, limits, clock, random)| Overlay {
        label: "layer".into(),
        tools,
        mounts,
        net,
        exec: Vec::new(),
        env: env
            .into_iter()
            .map(|(name, value)| (mark(name.to_owned()), value.to_owned()))
            .collect(),
        limits,
        clock: clock.map(mark),
        random: random.map(mark),
    })
}

fn stacks() -> impl Strategy<Value = Vec<Overlay>> {
    vec(overlays(), 0..4).prop_map(|layers| {
        let numbered = |(index, layer)| numbered(layer, &format!("layer{index}.yaml"));
        layers.into_iter().enumerate().map(numbered).collect()
    })
}

fn ceilings() -> impl Strategy<Value = Overlay> {
    overlays().prop_map(|layer| numbered(layer, "ceiling.yaml"))
}

fn refs(layers: &[Overlay]) -> Vec<&Overlay> {
    layers.iter().collect()
}

/// The directory that `from` means, worked out the slow way.
fn model_host(from: &str) -> PathBuf {
    let whole = if from.starts_with('/') {
        from.to_owned()
    } else {
        format!("{ROOT}/{from}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    PathBuf::from(format!("/{}", parts.join("/")))
}

fn below(path: &Path, directory: &Path) -> Option<String> {
    Some(path.strip_prefix(directory).ok()?.to_str()?.to_owned())
}

/// The most access that the ceiling's directories give to `path`.
fn model_ceiling(ceiling: &Overlay, path: &Path) -> Access {
    let named: Vec<(PathBuf, &MountPatch)> = ceiling
        .mounts
        .iter()
        .filter_map(|(_, patch)| Some((model_host(patch.from.as_ref()?), patch)))
        .collect();
    if named.is_empty() {
        return Access::ReadWrite;
    }
    let containing: Vec<_> = named
        .iter()
        .filter(|(host, _)| path.starts_with(host))
        .collect();
    let hidden = containing.iter().any(|(host, patch)| {
        let globs: Vec<HideGlob> = patch
            .hide
            .iter()
            .map(|glob| HideGlob::new(&glob.value))
            .collect();
        Hide::new(&globs)
            .unwrap()
            .hides(&below(path, host).unwrap())
    });
    let depth = containing
        .iter()
        .map(|(host, _)| host.components().count())
        .max();
    let deepest = containing
        .iter()
        .filter(|(host, _)| Some(host.components().count()) == depth);
    let most = deepest
        .map(|(_, patch)| {
            patch
                .access
                .as_ref()
                .map_or(Access::ReadWrite, |access| access.value)
        })
        .min();
    if hidden {
        Access::None
    } else {
        most.unwrap_or(Access::None)
    }
}

/// What `mount` gives to `path`.
fn given(mount: &Mount, path: &Path) -> Access {
    match below(path, &mount.host) {
        Some(relative) if !mount.hidden().unwrap().hides(&relative) => mount.access,
        _ => Access::None,
    }
}

/// Take out of `layer` everything that `named` does not say decided. A mount patch goes or stays as a whole, its globs one by one.
fn only_named(layer: &Overlay, named: &[Place]) -> Overlay {
    let keeps = |place: &Place| named.contains(place);
    fn kept<T: Clone>(
        marked: &Option<Marked<T>>,
        keeps: impl Fn(&Place) -> bool,
    ) -> Option<Marked<T>> {
        marked.clone().filter(|marked| keeps(&marked.place))
    }
    let mut left = layer.clone();
    left.tools.retain(|rule| keeps(&rule.place));
    left.net.retain(|rule| keeps(&rule.place));
    left.env.retain(|(name, _)| keeps(&name.place));
    for (_, patch) in &mut left.mounts {
        patch.hide.retain(|glob| keeps(&glob.place));
    }
    left.mounts.retain(|(name, patch)| {
        let fields = patch
            .from
            .iter()
            .map(|from| &from.place)
            .chain(patch.access.iter().map(|access| &access.place))
            .chain(patch.hard_links.iter().map(|said| &said.place))
            .chain(patch.stage.bytes.iter().map(|said| &said.place))
            .chain(patch.stage.files.iter().map(|said| &said.place));
        !patch.hide.is_empty() || keeps(&name.place) || fields.into_iter().any(&keeps)
    });
    left.limits = LimitsPatch {
        memory: kept(&layer.limits.memory, keeps),
        fuel: kept(&layer.limits.fuel, keeps),
        deadline: kept(&layer.limits.deadline, keeps),
        output: kept(&layer.limits.output, keeps),
        calls: kept(&layer.limits.calls, keeps),
        requests: kept(&layer.limits.requests, keeps),
        sent: kept(&layer.limits.sent, keeps),
        received: kept(&layer.limits.received, keeps),
    };
    left.clock = kept(&layer.clock, keeps);
    left.random = kept(&layer.random, keeps);
    left
}

/// `mount` without the globs that only hide other entries of `layers` inside it.
fn unmasked(mount: &Mount, layers: &[Overlay]) -> Mount {
    let named = layers.iter().flat_map(|layer| &layer.mounts);
    let inner: Vec<String> = named
        .filter_map(|(name, _)| {
            let guest = model_host(&format!("/{}", name.value));
            let rest = guest.strip_prefix(&mount.guest).ok()?;
            Some(rest.to_string_lossy().into_owned())
        })
        .collect();
    let mut mount = mount.clone();
    mount.hide.retain(|hide| !inner.contains(&hide.glob));
    mount
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn no_stack_of_layers_exceeds_the_ceiling(layers in stacks(), ceiling in ceilings(), name in select(&TOOLS[..])) {
        let grant = grant(&refs(&layers), Some(&ceiling), name);
        let cap = ceiling.tools.iter().rev().find(|rule| tool_pattern_matches(&rule.pattern, name));
        prop_assert!(cap.is_none_or(|rule| grant.verdict <= rule.verdict));
        let (limits, most) = (&grant.limits, &ceiling.limits);
        prop_assert!(most.memory.as_ref().is_none_or(|cap| limits.memory <= cap.value));
        prop_assert!(most.fuel.as_ref().is_none_or(|cap| limits.fuel <= cap.value));
        prop_assert!(most.deadline.as_ref().is_none_or(|cap| limits.deadline <= cap.value));
        prop_assert!(most.output.as_ref().is_none_or(|cap| limits.output <= cap.value));
        prop_assert!(most.calls.as_ref().is_none_or(|cap| limits.calls <= cap.value));
        prop_assert!(ceiling.clock.as_ref().is_none_or(|cap| grant.clock <= cap.value));
        prop_assert!(ceiling.random.as_ref().is_none_or(|cap| grant.random <= cap.value));
        for mount in &grant.mounts {
            prop_assert!(mount.access != Access::None);
            for path in PROBES.map(Path::new) {
                let (given, most) = (given(mount, path), model_ceiling(&ceiling, path));
                prop_assert!(given <= most, "{}: {given} in {mount:?}, the ceiling says {most}", path.display());
            }
        }
    }

    #[test]
    fn a_ceiling_never_adds(layers in stacks(), ceiling in ceilings(), name in select(&TOOLS[..])) {
        let (with, without) = (grant(&refs(&layers), Some(&ceiling), name), grant(&refs(&layers), None, name));
        prop_assert!(with.verdict <= without.verdict);
        prop_assert_eq!(
            with.env.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            without.env.iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
        for mount in &with.mounts {
            let before = without.mounts.iter().find(|before| before.guest == mount.guest).unwrap();
            prop_assert!(mount.access <= before.access && mount.host == before.host);
            prop_assert!(before.hide.iter().all(|glob| mount.hide.contains(glob)));
        }
    }

    #[test]
    fn a_further_tool_rule_changes_only_what_it_matches(layers in stacks(), ceiling in of(ceilings()), rule in rules()) {
        let mut after = layers.clone();
        after.push(Overlay { tools: vec![rule.clone()], ..Overlay::named("further") });
        for name in TOOLS {
            let (old, new) = (grant(&refs(&layers), ceiling.as_ref(), name), grant(&refs(&after), ceiling.as_ref(), name));
            if tool_pattern_matches(&rule.pattern, name) {
                prop_assert!(new.verdict <= rule.verdict);
                if ceiling.is_none() {
                    prop_assert_eq!(new.verdict, rule.verdict);
                }
            } else {
                prop_assert_eq!(&new, &old);
            }
            prop_assert_eq!((&new.mounts, &new.limits, &new.env), (&old.mounts, &old.limits, &old.env));
        }
    }

    #[test]
    fn a_further_mount_patch_changes_that_mount_alone_and_only_the_fields_it_names(layers in stacks(), patch in mounts()) {
        let mut after = layers.clone();
        after.push(Overlay { mounts: vec![patch.clone()], ..Overlay::named("further") });
        let (old, new) = (grant(&refs(&layers), None, "fs.read"), grant(&refs(&after), None, "fs.read"));
        let guest = model_host(&format!("/{}", patch.0.value)).to_string_lossy().into_owned();
        // What lies inside a mount with less access than it is hidden in it: that is the one thing that a patch of another mount changes.
        let others = |grant: &Grant| grant.mounts.iter().filter(|mount| mount.guest != guest).map(|mount| unmasked(mount, &after)).collect::<Vec<_>>();
        prop_assert_eq!(others(&old), others(&new));
        let find = |grant: &Grant| grant.mounts.iter().find(|mount| mount.guest == guest).map(|mount| unmasked(mount, &after));
        if let (Some(old), Some(new)) = (find(&old), find(&new)) {
            let from = patch.1.from.as_ref().map(|from| model_host(from));
            prop_assert_eq!(&new.host, from.as_ref().unwrap_or(&old.host));
            prop_assert_eq!(new.access, patch.1.access.as_ref().map_or(old.access, |access| access.value));
            prop_assert!(old.hide.iter().all(|glob| new.hide.contains(glob)), "what was hidden stays hidden");
        }
    }

    #[test]
    fn the_rules_that_the_explanation_names_decide_alone(layers in stacks(), ceiling in ceilings(), name in select(&TOOLS[..])) {
        let whole = grant(&refs(&layers), Some(&ceiling), name);
        let open = grant(&refs(&layers), None, name);
        // What the ceiling narrowed, the layers' own rule had granted first.
        let lines = whole.because.iter().chain(&open.because);
        let named: Vec<Place> = lines.map(|line| line.place.clone()).collect();
        let layers: Vec<Overlay> = layers.iter().map(|layer| only_named(layer, &named)).collect();
        let ceiling = only_named(&ceiling, &named);
        let mut again = grant(&refs(&layers), Some(&ceiling), name);
        again.because.clone_from(&whole.because);
        prop_assert_eq!(again, whole);
    }

    #[test]
    fn taking_out_the_rule_that_was_named_makes_another_decide(layers in stacks(), name in select(&TOOLS[..])) {
        let before = grant(&refs(&layers), None, name);
        let line = &before.because[0];
        let mut without = layers.clone();
        without.iter_mut().for_each(|layer| layer.tools.retain(|rule| rule.place != line.place));
        let after = grant(&refs(&without), None, name);
        prop_assert!(line.place.line == 0 || after.because[0].place != line.place);
        prop_assert_eq!(line.subject, Subject::Tool);
    }

    #[test]
    fn every_line_of_the_grant_has_its_reason(layers in stacks(), ceiling in of(ceilings())) {
        let grant = grant(&refs(&layers), ceiling.as_ref(), "fs.read");
        let count = |subject| grant.because.iter().filter(|line| line.subject == subject).count();
        let limits = if grant.net.is_empty() { 5 } else { 8 };
        prop_assert_eq!((count(Subject::Tool), count(Subject::Limit), count(Subject::Clock), count(Subject::Random)), (1, limits, 1, 1));
        prop_assert_eq!(count(Subject::Environment), grant.env.len());
        for mount in &grant.mounts {
            for start in ["from", "access"] {
                let start = format!("mount {}: {start} ", mount.guest);
                prop_assert_eq!(grant.because.iter().filter(|line| line.what.starts_with(&start)).count(), 1);
            }
        }
    }

    #[test]
    fn hiding_never_panics_and_a_hidden_directory_hides_what_is_in_it(glob in "[a-c*?/.\\[\\]{},!\\\\]{0,12}", path in "[a-c./]{0,12}", inner in "[a-c]{1,3}") {
        if let Ok(hide) = Hide::new(&[HideGlob::new(glob)])
            && hide.hides(&path)
        {
            let deeper = format!("{path}/{inner}");
            prop_assert!(hide.hides(&deeper));
        }
    }
}
