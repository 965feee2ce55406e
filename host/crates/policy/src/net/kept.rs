//! Files that hold secrets are shown in no mount: a secret that the host adds for a guest would be no secret if the guest could read it.

use crate::grant::Subject;
use crate::resolve::{Reasons, Request};
use crate::{HideGlob, Mount, paths};
use types::SecretRef;

/// Hide in `mounts` every file that some network rule of any layer takes a secret from, whether or not the rule still counts: it may in another state.
pub(crate) fn hide_secrets(request: &Request<'_>, mounts: &mut [Mount], ledger: &mut Reasons) {
    let layers = request.layers.iter().copied().chain(request.ceiling);
    let rules = layers.flat_map(|layer| layer.net.iter().map(move |rule| (rule, layer)));
    for (rule, layer) in rules {
        let Some(SecretRef::File(file)) = rule.secret.as_ref().map(|secret| &secret.from) else {
            continue;
        };
        let file = paths::host(request.root, &file.to_string_lossy());
        for mount in &mut *mounts {
            let Some(inside) = paths::inside(&file, &mount.host).filter(|rest| !rest.is_empty())
            else {
                continue;
            };
            let glob = HideGlob::new(globset::escape(&inside));
            if mount.hide.contains(&glob) {
                continue;
            }
            let what = format!("mount {}: hide {inside}, which holds a secret", mount.guest);
            ledger.decided(Subject::Mount, what, &rule.place, layer);
            mount.hide.push(glob);
        }
    }
}
