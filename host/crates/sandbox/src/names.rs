//! What exported functions are called as tools: names that every provider accepts, no two the same, as short as they can be.

use crate::plugin::PluginInfo;
use std::collections::{BTreeMap, BTreeSet};
use types::{ContentHash, PluginName, ToolName, ToolNameError};

/// Longest name a reflected tool gets, before its plugin's name is known.
const LONGEST: usize = 56;
/// A name that has to be cut keeps at least this much, and its hash.
const SHORTEST: usize = 16;

/// Cut the names that the host gave so that each is within what providers accept with `plugin` before it; names that the component gave itself are as they are.
pub(crate) fn fit(plugin: &PluginName, info: &mut PluginInfo) -> Result<(), String> {
    for tool in &mut info.tools {
        let error = match ToolName::new(plugin, &tool.name) {
            Ok(_) => continue,
            Err(error) => error,
        };
        let cut = (SHORTEST..tool.name.len())
            .rev()
            .map(|length| within(&tool.name, length));
        let fits = cut
            .filter(|_| info.exports.contains_key(&tool.name))
            .find(|cut| ToolName::new(plugin, cut).is_ok());
        let Some(fits) = fits else {
            return Err(match error {
                ToolNameError::Length(_) => format!("{error}; give the plugin a shorter name"),
                _ => error.to_string(),
            });
        };
        let path = info.exports.remove(&tool.name).unwrap_or_default();
        info.exports.insert(fits.clone(), path);
        tool.name = fits;
    }
    Ok(())
}

/// Names for the functions at these paths (the names of instances, then the function's own), in their order. None of them is in `taken`.
///
/// A function keeps its own name where no other has it. Where one does, a function at the root keeps it, and one in an interface becomes
/// `interface-function`, with package and version before that if this is not enough.
pub(crate) fn for_paths(paths: &[&[String]], taken: &BTreeSet<String>) -> Vec<String> {
    let spellings: Vec<Vec<String>> = paths.iter().map(|path| spellings(path)).collect();
    let mut names: Vec<Option<String>> = vec![None; paths.len()];
    let mut taken = taken.clone();
    for round in 0..spellings.iter().map(Vec::len).max().unwrap_or(0) {
        let open = |names: &[Option<String>]| -> Vec<usize> {
            (0..names.len())
                .filter(|&index| names[index].is_none())
                .collect()
        };
        let mut wanted: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for index in open(&names) {
            if let Some(spelling) = spellings[index].get(round) {
                wanted.entry(spelling).or_default().push(index);
            }
        }
        for (spelling, who) in wanted {
            let root = who.iter().find(|&&index| paths[index].len() == 1);
            let winner = match (who.as_slice(), root) {
                ([only], _) => Some(*only),
                (_, Some(root)) => Some(*root),
                _ => None,
            };
            if let Some(winner) = winner
                && taken.insert(spelling.to_owned())
            {
                names[winner] = Some(spelling.to_owned());
            }
        }
    }
    let numbered = |index: usize, taken: &mut BTreeSet<String>| {
        let longest = spellings[index].last().cloned().unwrap_or_default();
        let mut number = 2_u32;
        loop {
            let name = within(&format!("{longest}-{number}"), LONGEST);
            if taken.insert(name.clone()) {
                return name;
            }
            number += 1;
        }
    };
    names
        .into_iter()
        .enumerate()
        .map(|(index, name)| name.unwrap_or_else(|| numbered(index, &mut taken)))
        .collect()
}

/// How the function at `path` can be called, shortest first.
fn spellings(path: &[String]) -> Vec<String> {
    let Some((function, instances)) = path.split_last() else {
        return Vec::new();
    };
    let mut parts: Vec<Vec<String>> = vec![vec![own(function)]];
    if let Some(interface) = instances.last() {
        let (unversioned, version) = interface.split_once('@').unwrap_or((interface, ""));
        let (package, short) = unversioned.rsplit_once('/').unwrap_or(("", unversioned));
        let outer = &instances[..instances.len() - 1];
        let function = own(function);
        parts.push(vec![short.into(), function.clone()]);
        let whole = [outer, &[package.into(), short.into()]].concat();
        parts.push([whole.clone(), vec![function.clone()]].concat());
        parts.push([whole, vec![version.into(), function]].concat());
    }
    let mut spellings: Vec<String> = parts
        .into_iter()
        .map(|parts| {
            let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            within(&parts.join("-"), LONGEST)
        })
        .collect();
    spellings.dedup();
    spellings
}

/// A function's own name: of a static function of a resource, `counter-make` for `[static]counter.make`.
fn own(function: &str) -> String {
    match function
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((_, name)) => name.to_owned(),
        None => function.to_owned(),
    }
}

/// `name` with the characters and the length that a tool's name may have. What had to be cut ends in a few digits of its hash.
fn within(name: &str, longest: usize) -> String {
    let mut fit: String = name
        .chars()
        .map(|c| match c.is_ascii_alphanumeric() || c == '_' {
            true => c,
            false => '-',
        })
        .collect();
    if !fit.starts_with(|c: char| c.is_ascii_alphabetic()) {
        fit.insert_str(0, "f-");
    }
    if fit.len() > longest {
        let hash = ContentHash::of(name.as_bytes()).to_string();
        fit.truncate(longest - 9);
        fit = format!("{}-{}", fit.trim_end_matches('-'), &hash[..8]);
    }
    fit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str], taken: &[&str]) -> Vec<String> {
        let paths: Vec<Vec<String>> = paths
            .iter()
            .map(|path| path.split(' ').map(str::to_owned).collect())
            .collect();
        let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
        for_paths(&paths, &taken.iter().map(|name| name.to_string()).collect())
    }

    #[test]
    fn a_name_that_nobody_else_has_is_kept() {
        assert_eq!(
            names(
                &["add", "acme:math/ops@1.0.0 sub", "[static]counter.make"],
                &[]
            ),
            ["add", "sub", "counter-make"]
        );
    }

    #[test]
    fn the_same_name_twice_is_told_apart() {
        assert_eq!(
            names(&["acme:math/ops add", "acme:math/vectors add"], &[]),
            ["ops-add", "vectors-add"]
        );
        assert_eq!(
            names(&["add", "acme:math/ops add"], &[]),
            ["add", "ops-add"]
        );
        assert_eq!(
            names(&["a:x/ops add", "b:x/ops add", "c:x/more add"], &[]),
            ["a-x-ops-add", "b-x-ops-add", "more-add"]
        );
        assert_eq!(
            names(&["a:x/ops@1.0.0 add", "a:x/ops@2.0.0 add"], &[]),
            ["a-x-ops-1-0-0-add", "a-x-ops-2-0-0-add"]
        );
        assert_eq!(
            names(&["a:x/ops run", "a:x/ops ops-run"], &["run"]),
            ["a-x-ops-run", "ops-run"]
        );
        assert_eq!(names(&["run"], &["run"]), ["run-2"]);
    }

    #[test]
    fn every_name_is_one_that_providers_accept() {
        let long = "x".repeat(100);
        let other = format!("{long}y");
        let odd = [
            "é",
            "9lives",
            "a.b",
            "[method]thing.go",
            &long,
            &other,
            "",
            "-",
        ];
        let found = names(&odd, &[]);
        let plugin = PluginName::parse("plugin").unwrap();
        for name in &found {
            assert!(ToolName::new(&plugin, name).is_ok(), "{name}");
        }
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), odd.len());
    }

    fn info(tools: &[&str], exported: bool) -> PluginInfo {
        let spec = |name: &&str| types::ToolSpec {
            name: name.to_string(),
            description: String::new(),
            parameters: serde_json::json!({}),
            effect: types::Effect::Once,
        };
        let path = |name: &&str| (name.to_string(), vec![name.to_string()]);
        PluginInfo {
            hash: ContentHash::of(b""),
            sha256: types::Sha256::of(b""),
            size: 0,
            kinds: Vec::new(),
            tools: tools.iter().map(spec).collect(),
            imports: Vec::new(),
            exports: tools.iter().filter(|_| exported).map(path).collect(),
            left_out: Vec::new(),
        }
    }

    #[test]
    fn a_long_plugin_name_costs_only_names_that_are_too_long_with_it() {
        let plugin = PluginName::parse("a-rather-long-name-of-a-plugin").unwrap();
        let long = [
            "compute-everything-about-the-first-table",
            "compute-everything-about-the-second-table",
            "add",
        ];
        let mut host_named = info(&long, true);
        fit(&plugin, &mut host_named).unwrap();
        let names: Vec<&str> = host_named.tools.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names[2], "add");
        assert!(names[0].starts_with("compute-everything-abou"), "{names:?}");
        assert_ne!(names[0], names[1]);
        for (name, own) in names.iter().zip(long) {
            assert_eq!(ToolName::new(&plugin, name).unwrap().tool(), *name);
            assert_eq!(host_named.exports[*name], [own]);
        }
        let error = fit(&plugin, &mut info(&long, false)).unwrap_err();
        assert!(error.contains("give the plugin a shorter name"), "{error}");
        let endless = PluginName::parse(&"x".repeat(60)).unwrap();
        assert!(fit(&endless, &mut info(&long, true)).is_err());
    }
}
