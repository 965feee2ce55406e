//! What a mount contains: inner mounts with less access, and the house's own definitions.

use crate::common::*;
use charthouse_policy::*;
use std::path::Path;

fn globs(grant: &Grant, guest: &str) -> Vec<String> {
    let found = grant.mounts.iter().find(|mount| mount.guest == guest);
    let hide = &found.expect("it is mounted").hide;
    hide.iter().map(|glob| glob.glob.clone()).collect()
}

#[test]
fn an_inner_path_with_less_access_is_hidden_in_the_outer_mount() {
    let base = layer("base", |layer| {
        layer.mounts = vec![
            mount("/w", Some("w"), Some(Access::ReadWrite), &[]),
            mount("/w/secrets", None, Some(Access::None), &[]),
            mount("/w/docs", Some("w/docs"), Some(Access::ReadOnly), &[]),
            mount("/w/more", Some("w/more"), Some(Access::ReadWrite), &[]),
        ];
    });
    let grant = grant(&[&base], None, "fs.read");
    assert_eq!(globs(&grant, "/w"), ["docs", "secrets"]);
    assert!(globs(&grant, "/w/docs").is_empty());
    let why = grant
        .because
        .iter()
        .find(|line| line.what.contains("hide secrets"));
    assert!(
        why.is_some_and(|line| line.place.line > 0),
        "{:?}",
        grant.because
    );
}

#[test]
fn no_mount_shows_the_keys_of_the_house() {
    let own = [".charthouse"];
    let hidden = |from: &str, access| {
        let base = layer("base", |layer| {
            layer.mounts = vec![mount("/w", Some(from), Some(access), &[])];
        });
        let grant = resolve(&Request {
            own: &own,
            root: Path::new(ROOT),
            layers: &[&base],
            ceiling: None,
            answers: None,
            tool: &tool("fs.read"),
        });
        globs(&grant, "/w")
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(hidden(".", Access::ReadOnly), [".charthouse/keys"]);
    assert_eq!(hidden("..", Access::ReadOnly), ["house/.charthouse/keys"]);
    assert_eq!(hidden(".charthouse", Access::ReadOnly), ["keys"]);
    assert_eq!(hidden(".charthouse/keys", Access::ReadOnly), ["**"]);
    assert_eq!(hidden("agents", Access::ReadOnly), [""; 0]);
    assert!(hidden(".", Access::ReadWrite).contains(&".charthouse/keys".to_owned()));
}

#[test]
fn a_mount_that_can_be_written_does_not_show_the_house() {
    let own = ["house.yaml", "agents"];
    let resolve_with = |from: &str, access| {
        let base = layer("base", |layer| {
            layer.mounts = vec![mount("/w", Some(from), Some(access), &[])];
        });
        resolve(&Request {
            own: &own,
            root: Path::new(ROOT),
            layers: &[&base],
            ceiling: None,
            answers: None,
            tool: &tool("fs.write"),
        })
    };
    let whole = resolve_with(".", Access::ReadWrite);
    assert_eq!(globs(&whole, "/w"), ["house.yaml", "agents"]);
    let around = resolve_with("..", Access::ReadWrite);
    assert_eq!(globs(&around, "/w"), ["house/house.yaml", "house/agents"]);
    let read = resolve_with(".", Access::ReadOnly);
    assert!(globs(&read, "/w").is_empty());
    let inside = resolve_with("agents/x", Access::ReadWrite);
    assert_eq!(inside.mounts[0].access, Access::ReadOnly);
    let beside = resolve_with("out", Access::ReadWrite);
    assert_eq!(beside.mounts[0].access, Access::ReadWrite);
    assert!(globs(&beside, "/w").is_empty());
}

#[test]
fn staged_stands_between_read_only_and_read_write() {
    let resolved = |wanted, cap| {
        let base = layer("base", |layer| {
            layer.mounts = vec![mount("/w", Some("w"), Some(wanted), &[])];
        });
        let ceiling = layer("ceiling", |layer| {
            layer.mounts = vec![mount("/w", Some("."), Some(cap), &[])];
        });
        let grant = grant(&[&base], Some(&ceiling), "fs.write");
        grant.mounts.first().map(|mount| mount.access)
    };
    use Access::{None as Closed, ReadOnly, ReadWrite, Staged};
    for (wanted, cap, expected) in [
        (Staged, ReadWrite, Some(Staged)),
        (Staged, Staged, Some(Staged)),
        (Staged, ReadOnly, Some(ReadOnly)),
        (Staged, Closed, None),
        (ReadWrite, Staged, Some(Staged)),
        (ReadOnly, Staged, Some(ReadOnly)),
    ] {
        assert_eq!(resolved(wanted, cap), expected, "{wanted} under {cap}");
    }
}

#[test]
fn a_staged_mount_shows_as_little_of_the_house_as_one_that_is_written_at_once() {
    let base = layer("base", |layer| {
        layer.mounts = vec![
            mount("/w", Some("."), Some(Access::Staged), &[]),
            mount("/rw", Some(".."), Some(Access::ReadWrite), &[]),
            mount("/rw/w", Some("."), Some(Access::Staged), &[]),
        ];
    });
    let grant = resolve(&Request {
        own: &["agents"],
        root: Path::new(ROOT),
        layers: &[&base],
        ceiling: None,
        answers: None,
        tool: &tool("fs.write"),
    });
    assert_eq!(globs(&grant, "/w"), ["agents"]);
    // Else the outer mount would be the way around the layer.
    assert_eq!(globs(&grant, "/rw"), ["house/agents", "w"]);
}

#[test]
fn whoever_refuses_hard_links_has_the_last_word() {
    let with = |links: &[Option<HardLinks>], ceiling: Option<(&str, HardLinks)>| {
        let layers: Vec<Overlay> = links
            .iter()
            .enumerate()
            .map(|(at, said)| {
                layer(&format!("layer{at}"), |layer| {
                    let (name, patch) = mount("/w", Some("w"), None, &[]);
                    let hard_links = said.map(mark);
                    layer.mounts = vec![(
                        name,
                        MountPatch {
                            hard_links,
                            ..patch
                        },
                    )];
                })
            })
            .collect();
        let ceiling = ceiling.map(|(from, said)| {
            layer("ceiling", |layer| {
                let (name, patch) = mount("/any", Some(from), None, &[]);
                let hard_links = Some(mark(said));
                // The second entry lets the mount lie inside the ceiling whatever the first says.
                layer.mounts = vec![
                    (
                        name,
                        MountPatch {
                            hard_links,
                            ..patch
                        },
                    ),
                    mount("/all", Some("/"), None, &[]),
                ];
            })
        });
        let layers: Vec<&Overlay> = layers.iter().collect();
        let grant = grant(&layers, ceiling.as_ref(), "fs.read");
        let why = grant
            .because
            .iter()
            .find(|line| line.what.contains("hard links"))
            .map(|line| line.layer.clone());
        (grant.mounts[0].hard_links, why)
    };
    use HardLinks::{Allow, Refuse};
    let said = |layer: &str| (Refuse, Some(layer.to_owned()));
    assert_eq!(with(&[None], None), (Allow, None));
    assert_eq!(with(&[Some(Allow)], None), (Allow, None));
    assert_eq!(with(&[Some(Refuse), Some(Allow)], None), said("layer0"));
    assert_eq!(with(&[None, Some(Refuse)], None), said("layer1"));
    assert_eq!(with(&[None], Some(("w", Refuse))), said("ceiling"));
    assert_eq!(with(&[None], Some((".", Refuse))), said("ceiling"));
    assert_eq!(with(&[None], Some(("w/inner", Refuse))), said("ceiling"));
    assert_eq!(with(&[None], Some(("elsewhere", Refuse))), (Allow, None));
    assert_eq!(with(&[None], Some(("w", Allow))), (Allow, None));
    let base = layer("base", |layer| {
        let (name, patch) = mount("/w", Some("w"), None, &[]);
        let hard_links = Some(mark(Refuse));
        layer.mounts = vec![(
            name,
            MountPatch {
                hard_links,
                ..patch
            },
        )];
    });
    let grant = grant(&[&base], None, "fs.read");
    let text = grant.explain_text();
    assert!(text.contains("mount /w: hard links refuse"), "{text}");
    assert_eq!(
        grant.to_json()["grant"]["mounts"][0]["hard_links"],
        "refuse"
    );
}

#[test]
fn a_staged_mount_takes_the_smaller_of_what_layers_and_ceiling_give() {
    let with = |own: Option<u64>, ceiling: Option<u64>| {
        let staged = |from: &str, bytes: Option<u64>| {
            let (name, mut patch) = mount("/w", Some(from), Some(Access::Staged), &[]);
            patch.stage.bytes = bytes.map(|bytes| mark(types::Bytes(bytes)));
            patch.stage.files = bytes.map(|files| mark(types::Count(files)));
            vec![(name, patch)]
        };
        let base = layer("base", |layer| layer.mounts = staged("w", own));
        let ceiling = layer("ceiling", |layer| layer.mounts = staged(".", ceiling));
        let grant = grant(&[&base], Some(&ceiling), "fs.write");
        let text = grant.explain_text();
        assert!(text.contains("mount /w: stage bytes"), "{text}");
        assert!(text.contains("mount /w: stage files"), "{text}");
        let stage = grant.mounts[0].stage;
        assert_eq!(
            grant.to_json()["grant"]["mounts"][0]["stage"],
            serde_json::json!({ "bytes": stage.bytes, "files": stage.files })
        );
        let why = |what: &str| {
            let mut because = grant.because.iter();
            let line = because.rfind(|line| line.what.contains(what));
            line.map(|line| line.layer.clone()).unwrap()
        };
        assert_eq!(why("stage bytes"), why("stage files"));
        (stage.bytes.0, stage.files.0, why("stage bytes"))
    };
    let default = Stage::default();
    let (bytes, files) = (default.bytes.0, default.files.0);
    assert_eq!((with(None, None).0, with(None, None).1), (bytes, files));
    let said = |limit, layer: &str| (limit, limit, layer.to_owned());
    assert_eq!(with(Some(10), None), said(10, "base"));
    assert_eq!(with(Some(10), Some(20)), said(10, "base"));
    assert_eq!(with(Some(20), Some(10)), said(10, "ceiling"));
    assert_eq!(with(None, Some(10)), said(10, "ceiling"));
    // More than by default is given, where the ceiling does not mind.
    let more = bytes * 2;
    assert_eq!(with(Some(more), None), said(more, "base"));
}

#[test]
fn the_last_layer_says_how_much_is_staged() {
    let staged = |bytes| {
        move |layer: &mut Overlay| {
            let (name, mut patch) = mount("/w", Some("w"), Some(Access::Staged), &[]);
            patch.stage.bytes = Some(mark(types::Bytes(bytes)));
            layer.mounts = vec![(name, patch)];
        }
    };
    let (first, last) = (layer("first", staged(10)), layer("last", staged(20)));
    let resolved = grant(&[&first, &last], None, "fs.write");
    assert_eq!(resolved.mounts[0].stage.bytes.0, 20);
    assert_eq!(resolved.mounts[0].stage.files, Stage::default().files);
    // Where nothing is staged, nothing is said of it.
    let plain = layer("plain", |layer| {
        layer.mounts = vec![mount("/w", Some("w"), Some(Access::ReadWrite), &[])];
    });
    let plain = grant(&[&first, &plain], None, "fs.write");
    assert!(!plain.explain_text().contains("stage"));
    assert_eq!(plain.to_json()["grant"]["mounts"][0].get("stage"), None);
}
