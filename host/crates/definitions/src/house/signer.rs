//! `signed_by`: whose signature the house demands.

use crate::load::OWN;
use crate::paths::Paths;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::Walk;
use std::sync::Arc;
use types::{PublicKey, Signer};

/// The key under `signed_by`: in the house, where no agent can write.
pub(super) fn read(walk: &mut Walk, node: &Node, paths: &Paths) -> Option<Signer> {
    let text = walk.text(node, "`signed_by`")?;
    let help = "name the author's public key, for instance `signed_by: keys/ada.pub`";
    let path = paths.file(walk, text, &node.place, help)?;
    let real = match walk.is_recorded() {
        true => Some(path.clone()),
        false => path.canonicalize().ok(),
    };
    let inside = real
        .as_deref()
        .and_then(|real| real.strip_prefix(paths.root()).ok());
    let folder = inside.and_then(|inside| inside.iter().next()?.to_str());
    if !folder.is_some_and(|folder| OWN.contains(&folder)) {
        walk.error(
            &node.place,
            format!(
                "`{}` lies where an agent may be allowed to write",
                shown(text)
            ),
            "put the key into the house's folder `keys`, which no mount that can be written shows",
        );
        return None;
    }
    let file: Arc<str> = text.into();
    let read = walk.read(&path, &file).map_err(|finding| finding.message);
    let key = read.and_then(|read| PublicKey::parse(&read.text).map_err(str::to_owned));
    match key {
        Ok(key) => Some(Signer {
            file,
            key,
            signature: None,
        }),
        Err(why) => {
            walk.error(
                &node.place,
                format!("the key `{}` {why}", shown(text)),
                "make a pair of keys with `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`, or with `cosign generate-key-pair`",
            );
            None
        }
    }
}
