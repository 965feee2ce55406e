//! Triggers by HTTP: which requests they take, and what those must know.

use crate::paths::Paths;
use crate::policy::secret_ref;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::Walk;
use std::sync::Arc;
use types::{Marked, SecretRef};

/// What the host itself answers.
const OWN: [&str; 3] = ["health", "healthz", "metrics"];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Requests that start something.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpOn {
    /// The path, beginning with `/`; each trigger of a house has its own.
    pub path: Marked<Arc<str>>,
    /// What requests must know. There is one wherever the host can be reached from elsewhere.
    pub secret: Option<SecretRef>,
    /// The methods that are taken, in capitals; never empty, and `POST` unless the house says otherwise.
    pub methods: Vec<String>,
}

/// Read the path under `http`, with what stands beside it.
pub(super) fn read(
    walk: &mut Walk,
    path: &Node,
    secret: Option<&Node>,
    methods: Option<&Node>,
    paths: &Paths,
) -> Option<HttpOn> {
    let path = self::path(walk, path);
    // A secret that is wrong must not become none.
    let secret = match secret {
        Some(node) => Some(paths.secret(secret_ref(walk, node, "`secret`")?)),
        None => None,
    };
    let methods = match methods {
        Some(node) => self::methods(walk, node)?,
        None => vec!["POST".to_owned()],
    };
    Some(HttpOn {
        path: path?,
        secret,
        methods,
    })
}

fn path(walk: &mut Walk, node: &Node) -> Option<Marked<Arc<str>>> {
    let path = walk.marked(node, "`http`")?;
    let complaint = match path.strip_prefix('/') {
        None => Some((
            "it does not begin with `/`",
            "write for instance `/hooks/build`",
        )),
        Some(rest) => wrong(rest),
    };
    if let Some((complaint, help)) = complaint {
        walk.error(
            &path.place,
            format!(
                "`{}` cannot be the path of a trigger: {complaint}",
                shown(&path)
            ),
            help,
        );
        return None;
    }
    Some(Marked::new(path.value.into(), path.place))
}

/// What is wrong with the path that follows the first `/`, and what would be right.
fn wrong(rest: &str) -> Option<(&'static str, &'static str)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    let first = rest.split('/').next().unwrap_or_default();
    if !rest.chars().all(plain) {
        let help = "use letters, digits, `-`, `_`, `.` and `~`; what follows a `?` comes as `trigger.query`";
        return Some(("it has other signs than a plain path", help));
    }
    if rest.split('/').any(|part| matches!(part, "" | "." | "..")) {
        let help = "write each part once, for instance `/hooks/build`";
        return Some(("one of its parts is empty or made of dots", help));
    }
    if OWN.contains(&first) {
        return Some((
            "the host answers there itself",
            "write for instance `/hooks/build`",
        ));
    }
    None
}

fn methods(walk: &mut Walk, node: &Node) -> Option<Vec<String>> {
    let words = METHODS.map(|method| (method, method));
    let items = walk.list(node, "`methods`", "[POST]")?;
    if items.is_empty() {
        walk.error(
            &node.place,
            "no request has no method, so none would be taken",
            "leave `methods` out for POST, or name some: `[POST, PUT]`",
        );
        return None;
    }
    let mut methods: Vec<String> = Vec::new();
    for item in items {
        let method = walk.word(item, "a method of a trigger", &words)?;
        if !methods.iter().any(|known| known == method) {
            methods.push(method.to_owned());
        }
    }
    Some(methods)
}
