//! What a component's author wrote above its functions, where the component still carries it.
//!
//! WIT has no room for comments in its binary form; tools that keep them put them into the custom section `package-docs`, as JSON after one byte of
//! version. Most toolchains drop it, so a component without one is the usual case, and one that cannot be read is treated as none: it is
//! documentation, and nothing else depends on it.

use crate::sections;
use serde_json::Value;

/// Longest documentation of one function; it is sent to a model with every request.
const LONGEST: usize = 2_000;

/// Documentation by interface and function.
#[derive(Default)]
pub(crate) struct Docs(Value);

impl Docs {
    /// The documentation in the component `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Docs(section(bytes).unwrap_or_default())
    }

    /// What is said of the function at `path`.
    pub(crate) fn get(&self, path: &[String]) -> Option<String> {
        let (function, instances) = path.split_last()?;
        let said = match instances {
            [] => self
                .worlds()
                .find_map(|world| of_function(world, function))?,
            [interface] => {
                let short = interface.rsplit('/').next()?.split('@').next()?;
                let named = self.0.pointer("/interfaces").and_then(|all| all.get(short));
                let inline = || self.worlds().find_map(|world| of_interface(world, short));
                of_function(named.or_else(inline)?, function)?
            }
            _ => return None,
        };
        let said = said.trim();
        let end = said
            .char_indices()
            .nth(LONGEST)
            .map_or(said.len(), |(end, _)| end);
        (end > 0).then(|| said[..end].to_owned())
    }

    fn worlds(&self) -> impl Iterator<Item = &Value> {
        let worlds = self.0.get("worlds").and_then(Value::as_object);
        worlds.into_iter().flat_map(|worlds| worlds.values())
    }
}

fn of_interface<'a>(world: &'a Value, name: &str) -> Option<&'a Value> {
    ["interface_exports", "interfaces"]
        .into_iter()
        .find_map(|key| world.get(key)?.get(name))
}

/// In the first format a function's documentation was text, in the second it is a member.
fn of_function<'a>(around: &'a Value, name: &str) -> Option<&'a str> {
    let said = ["func_exports", "funcs"]
        .into_iter()
        .find_map(|key| around.get(key)?.get(name))?;
    said.as_str().or_else(|| said.get("docs")?.as_str())
}

/// The section's JSON, out of the component's own sections.
fn section(bytes: &[u8]) -> Option<Value> {
    let (version, json) = sections::custom(bytes, "package-docs")?.split_first()?;
    (*version <= 1).then(|| serde_json::from_slice(json).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with nothing but custom sections.
    fn component(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        for (name, data) in sections {
            let size = 1 + name.len() + data.len();
            // One byte of length does for these.
            assert!(size < 1 << 14);
            bytes.extend([
                0,
                (size & 0x7f) as u8 | 0x80,
                (size >> 7) as u8,
                name.len() as u8,
            ]);
            bytes.extend(name.as_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    fn path(path: &str) -> Vec<String> {
        path.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn documentation_is_found_where_wit_tools_put_it() {
        let json = br#"{
            "worlds": { "w": {
                "funcs": { "greet": { "docs": "Says hello." } },
                "interface_exports": { "inline": { "funcs": { "go": "Goes." } } }
            } },
            "interfaces": { "ops": { "docs": "Operations.", "funcs": { "add": { "docs": " Adds. " } } } }
        }"#;
        let data = [b"\x01", &json[..]].concat();
        let docs = Docs::of(&component(&[("name", b"x"), ("package-docs", &data)]));
        assert_eq!(docs.get(&path("greet")).as_deref(), Some("Says hello."));
        assert_eq!(
            docs.get(&path("acme:math/ops@1.0.0 add")).as_deref(),
            Some("Adds.")
        );
        assert_eq!(docs.get(&path("inline go")).as_deref(), Some("Goes."));
        assert_eq!(docs.get(&path("acme:math/ops@1.0.0 sub")), None);
        assert_eq!(docs.get(&path("other")), None);
    }

    #[test]
    fn what_cannot_be_read_is_no_documentation() {
        for bytes in [
            &b""[..],
            b"\0asm\x0d\0\x01\0",
            b"\0asm\x0d\0\x01\0\0\xff\xff\xff\xff\x0f",
            b"\0asm\x0d\0\x01\0\0\xff",
            &component(&[("package-docs", b"")]),
            &component(&[("package-docs", b"\x09{}")]),
            &component(&[("package-docs", b"\x01{")]),
            &component(&[("package-docs", b"\x01[1]")]),
        ] {
            assert_eq!(Docs::of(bytes).get(&path("f")), None);
            assert_eq!(Docs::of(bytes).get(&path("i f")), None);
        }
    }
}
