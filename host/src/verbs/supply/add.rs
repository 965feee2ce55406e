//! `plugin add`: a component from anywhere, looked at, asked about, pinned.

use super::{HOUSE, LOCK, PLUGINS, current_directory, expected, locked, signer};
use crate::cli::PluginAdd;
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::supply::{Change, Key, Looked, Source, Staged, Wanted, fetch, key, look};
use crate::{open, print};
use definitions::{Locked, with_plugin};
use serde_json::{Value, json};
use std::path::Path;
use types::{PluginName, Sha256};

pub fn add(options: &PluginAdd) -> Result<u8, Failure> {
    let here = current_directory()?;
    let source = Source::parse(&options.source, &here)?;
    let source = match source {
        Source::Path(path) => Source::Path(path.canonicalize().unwrap_or(path)),
        Source::Shipped => return Err(Failure::new(
            USAGE,
            "name a file, an address or an OCI reference",
        )
        .help("`charthouse init` in the house writes the components that came with the program")),
        other => other,
    };
    let name = options.name.clone().unwrap_or_else(|| source.plugin_name());
    let name = PluginName::parse(&name).map_err(|error| {
        Failure::new(USAGE, error).help("say what to call the plugin with --name NAME")
    })?;
    let expected = expected(options.sha256.as_deref())?;
    let mut change = Change::begin(&options.house.house)?;
    if change.plugins.plugins.contains_key(&name) {
        return Err(Failure::new(USAGE, format!("the house has a plugin `{name}` already"))
            .help(format!("run `charthouse plugin update {name}` for its newest version, or give this one another name with --name")));
    }
    let root = change.root().to_owned();
    let signed_by = options.signed_by.as_deref();
    let author = signed_by
        .map(|named| key(named, &name, &root))
        .transpose()?;
    let wanted = Wanted {
        name: &name,
        source: &source,
        signature: options.signature.as_deref(),
        signed: author.is_some(),
        sha256: expected,
        directory: &here,
    };
    let mut fetched = open::block_on(fetch(&wanted, &root.join(PLUGINS)))??;
    let signer = author
        .as_ref()
        .map(|key| signer(key, fetched.signature.as_ref()));
    let shown = source.to_string();
    let looked = look(&root, &name, &fetched.staged, &shown, signer.as_ref())?;
    let component = destination(&root, &name, &source, &fetched.staged)?;
    if let Some(Key {
        file,
        text: Some(text),
        ..
    }) = &author
    {
        change.write(file, text)?;
    }
    if !component.in_place {
        change.place(&mut fetched.staged, &root.join(&component.path))?;
    }
    let mut lock = change.lock();
    let locked = locked(&fetched, source.recorded(&root));
    lock.plugins.insert(name.clone(), locked.clone());
    change.write(LOCK, &lock.text())?;
    let entry = entry(&component.path, options.trusted, author.as_ref());
    let house = with_plugin(&change.house_text()?, &name, &entry).map_err(|by_hand| {
        Failure::new(
            NOT_SO,
            "this house.yaml is written in a way that cannot be added to",
        )
        .help(format!(
            "{by_hand}, then run `charthouse plugin pin {name}`; nothing was changed"
        ))
    })?;
    change.write(HOUSE, &house)?;
    change.finish()?;
    tell_added(
        options.json,
        &name,
        &component.path,
        &locked,
        &looked,
        author.as_ref(),
    )?;
    Ok(0)
}

/// Where a component will lie in the house.
struct Destination {
    /// Relative to the house.
    path: String,
    /// Whether it lies there already.
    in_place: bool,
}

fn destination(
    root: &Path,
    name: &PluginName,
    source: &Source,
    staged: &Staged,
) -> Result<Destination, Failure> {
    let own = root.join(PLUGINS);
    if let Source::Path(path) = source
        && path.starts_with(&own)
        && let Some(path) = path.strip_prefix(root).ok().and_then(Path::to_str)
    {
        return Ok(Destination {
            path: path.to_owned(),
            in_place: true,
        });
    }
    let path = format!("{PLUGINS}/{name}.wasm");
    let there = root.join(&path);
    match std::fs::read(&there) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Destination {
            path,
            in_place: false,
        }),
        Ok(bytes) if Sha256::of(&bytes) == staged.sha256() => Ok(Destination {
            path,
            in_place: true,
        }),
        _ => Err(Failure::new(
            NOT_SO,
            format!("{path} exists, is another component, and is left as it is"),
        )
        .help("move it away, or give the new one another name with --name; nothing was changed")),
    }
}

/// What stands behind the plugin's name in `house.yaml`.
fn entry(component: &str, trusted: bool, author: Option<&Key>) -> String {
    // A JSON string is a YAML string, whatever it holds; most names need no quotes.
    let quoted = |text: &str| match text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
    {
        true => text.to_owned(),
        false => Value::from(text).to_string(),
    };
    if !trusted && author.is_none() {
        return quoted(component);
    }
    let mut entry = format!("{{ component: {}", quoted(component));
    if trusted {
        entry.push_str(", trusted: true");
    }
    if let Some(key) = author {
        entry.push_str(&format!(", signed_by: {}", quoted(&key.file)));
    }
    entry + " }"
}

fn tell_added(
    as_json: bool,
    name: &PluginName,
    component: &str,
    locked: &Locked,
    looked: &Looked,
    author: Option<&Key>,
) -> Result<(), Failure> {
    let info = &looked.info;
    let tools: Vec<&str> = info.tools.iter().map(|tool| tool.name.as_str()).collect();
    if as_json {
        return print::json(&json!({
            "added": name,
            "component": component,
            "source": locked.source,
            "sha256": locked.sha256,
            "size": locked.size,
            "manifest": locked.manifest,
            "signed_by": author.map(|key| &key.file),
            "kinds": info.kinds,
            "tools": tools,
            "imports": info.imports,
            "needs": looked.needs,
        }));
    }
    let mut text = format!(
        "added {name} from {}\n  component  {component} ({})\n  sha256     {}\n",
        print::plain(&locked.source),
        types::Bytes(locked.size),
        locked.sha256
    );
    let mut line = |what: &str, said: &str| {
        text.push_str(&format!("  {what:<9}  {}\n", print::plain(said)));
    };
    match author {
        Some(key) => line("signed by", &key.file),
        None => line(
            "signed by",
            "nobody (--signed-by KEYFILE demands a signature)",
        ),
    }
    if !tools.is_empty() {
        line("tools", &tools.join(", "));
    }
    line(
        "can use",
        &match looked.needs.is_empty() {
            true => "nothing but what it is told".to_owned(),
            false => format!(
                "{}, as far as a policy grants them",
                looked.needs.join(", ")
            ),
        },
    );
    line(
        "next",
        &format!(
            "name it in an agent: `plugins: [{name}]`, and allow its tools in the agent's policy"
        ),
    );
    print::out(&text)
}
