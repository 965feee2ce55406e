//! `plugin add`, `update`, `restore`, `remove` and `pin`: which plugins a house has, and which bytes they are.

use crate::cli::{PluginAdd, PluginPin, PluginRemove, PluginRestore, PluginUpdate};
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::supply::{
    Change, Difference, Fetched, Key, Looked, Source, Staged, Wanted, before, fetch, key, look,
};
use crate::{open, print};
use definitions::{Locked, PluginDef, with_plugin, without_plugin};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use types::{PluginName, Sha256, Signature, Signer};

/// The folder of a house that holds components.
const PLUGINS: &str = "plugins";
const LOCK: &str = "house.lock";
const HOUSE: &str = "house.yaml";

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

pub fn update(options: &PluginUpdate) -> Result<u8, Failure> {
    let here = current_directory()?;
    let mut change = Change::begin(&options.house.house)?;
    let chosen = chosen(&change, options.name.as_deref(), options.from.is_some())?;
    let expected = expected(options.sha256.as_deref())?;
    let mut updated = Vec::new();
    for name in &chosen {
        let one = One {
            name,
            from: match &options.from {
                Some(from) => Some(Source::parse(from, &here)?),
                None => None,
            },
            signature: options.signature.as_deref(),
            sha256: expected,
            directory: &here,
        };
        // What cannot be fetched is told; what cannot be written undoes the whole.
        let became = match one.fresh(&change) {
            Err(failure) => Err(failure),
            Ok(Err(same)) => Ok(Updated::Same(same)),
            Ok(Ok(mut fresh)) => {
                if !options.dry_run {
                    fresh.publish(&mut change, name)?;
                }
                Ok(Updated::Other {
                    before: fresh.before,
                    after: fresh.locked.sha256,
                    difference: fresh.difference.take().map(Box::new),
                    done: !options.dry_run,
                })
            }
        };
        updated.push((name, became));
    }
    // Those that could be fetched are exchanged even where another could not.
    change.finish()?;
    tell_updated(options, updated)
}

/// The plugins that were named, or all that are pinned.
fn chosen(
    change: &Change,
    named: Option<&str>,
    source_given: bool,
) -> Result<Vec<PluginName>, Failure> {
    let lock = change.lock();
    let Some(named) = named else {
        return Ok(lock.plugins.into_keys().collect());
    };
    let name = plugin_of(change, named)?;
    if !lock.plugins.contains_key(&name) && !source_given {
        return Err(Failure::new(
            NOT_SO,
            format!("house.lock does not say where `{name}` came from"),
        )
        .help("give its source with --from, or pin the component that is there with `charthouse plugin pin`"));
    }
    Ok(vec![name])
}

/// The plugin of the house that is called `named`.
fn plugin_of(change: &Change, named: &str) -> Result<PluginName, Failure> {
    let known = &change.plugins.plugins;
    let name = PluginName::parse(named).map_err(|error| Failure::new(USAGE, error))?;
    if known.contains_key(&name) {
        return Ok(name);
    }
    let names: Vec<&str> = known.keys().map(PluginName::as_str).collect();
    Err(
        Failure::new(USAGE, format!("the house has no plugin `{name}`")).help(
            match names.is_empty() {
                true => "it has none; `charthouse plugin add SOURCE` adds one".to_owned(),
                false => format!("it has {}", names.join(", ")),
            },
        ),
    )
}

/// One plugin that is to be updated.
struct One<'a> {
    name: &'a PluginName,
    from: Option<Source>,
    signature: Option<&'a str>,
    sha256: Option<Sha256>,
    directory: &'a Path,
}

/// A component that was fetched and looked at, and where it goes.
struct Fresh {
    fetched: Fetched,
    locked: Locked,
    path: PathBuf,
    /// What lies there now.
    there: Option<Sha256>,
    before: Option<Sha256>,
    difference: Option<Difference>,
}

/// What became of it.
enum Updated {
    /// Its source has the pinned bytes still, and so has the house.
    Same(Sha256),
    /// It is, or would be, another.
    Other {
        before: Option<Sha256>,
        after: Sha256,
        /// `None` where what it was cannot be looked at.
        difference: Option<Box<Difference>>,
        done: bool,
    },
}

impl One<'_> {
    /// Fetch it and look at it; the hash alone where nothing is new.
    fn fresh(&self, change: &Change) -> Result<Result<Fresh, Sha256>, Failure> {
        let (name, root) = (self.name, change.root());
        let definition = definition(change, name)?;
        let pinned = change.lock().plugins.remove(name);
        let source = match (&self.from, &pinned) {
            (Some(Source::Path(path)), _) => {
                Source::Path(path.canonicalize().unwrap_or_else(|_| path.clone()))
            }
            (Some(source), _) => source.clone(),
            (None, Some(locked)) => Source::parse(&locked.source, root)?,
            (None, None) => return Err(unknown_source(name)),
        };
        let path = definition.component.path;
        let signer = definition.component.signer.as_ref();
        let wanted = Wanted {
            name,
            source: &source,
            signature: self.signature,
            signed: signer.is_some(),
            sha256: self.sha256,
            directory: self.directory,
        };
        let fetched = open::block_on(fetch(&wanted, path.parent().unwrap_or(root)))??;
        let locked = locked(&fetched, source.recorded(root));
        let there = std::fs::read(&path).ok().map(|bytes| Sha256::of(&bytes));
        if there == Some(locked.sha256) && pinned.as_ref() == Some(&locked) {
            return Ok(Err(locked.sha256));
        }
        let signer = signer.map(|signer| Signer {
            signature: fetched.signature.clone(),
            ..signer.clone()
        });
        let shown = source.to_string();
        let looked = look(root, name, &fetched.staged, &shown, signer.as_ref())?;
        let old = before(root, name, &path);
        Ok(Ok(Fresh {
            difference: old.map(|old| Difference::between(&old, &looked)),
            before: pinned.map(|locked| locked.sha256).or(there),
            fetched,
            locked,
            path,
            there,
        }))
    }
}

impl Fresh {
    /// Put it in the place of what is there.
    fn publish(&mut self, change: &mut Change, name: &PluginName) -> Result<(), Failure> {
        if self.there != Some(self.locked.sha256) {
            change.place(&mut self.fetched.staged, &self.path)?;
        }
        let mut lock = change.lock();
        lock.plugins.insert(name.clone(), self.locked.clone());
        change.write(LOCK, &lock.text())?;
        change.plugins.lock = Some(lock);
        Ok(())
    }
}

fn tell_updated(
    options: &PluginUpdate,
    updated: Vec<(&PluginName, Result<Updated, Failure>)>,
) -> Result<u8, Failure> {
    let code = worst(&updated);
    if options.json {
        let plugins: Vec<Value> = updated
            .iter()
            .map(|(name, one)| as_json(name, one))
            .collect();
        print::json(&json!({ "plugins": plugins }))?;
        return Ok(code);
    }
    for (name, one) in &updated {
        match one {
            Err(failure) => {
                print::err(&format!("{name}:\n"));
                failure.print();
            }
            Ok(Updated::Same(sha256)) => {
                print::out(&format!("{name}: nothing new ({})\n", sha256.short()))?;
            }
            Ok(Updated::Other {
                before,
                after,
                difference,
                done,
            }) => {
                let verb = if *done { "updated" } else { "would be updated" };
                let mut text = format!(
                    "{name}: {verb}\n  from sha256 {}\n  to   sha256 {after}\n",
                    before.map_or("unknown".to_owned(), |before| before.to_string())
                );
                if *before == Some(*after) {
                    text =
                        format!("{name}: the same bytes; where they come from is recorded anew\n");
                }
                match difference {
                    None => text.push_str("  what it was before cannot be looked at\n"),
                    Some(difference) => {
                        let lines = difference.lines();
                        if lines.is_empty() {
                            text.push_str("  the same tools and the same imports\n");
                        }
                        for line in lines {
                            text.push_str(&format!("  {}\n", print::plain(&line)));
                        }
                    }
                }
                print::out(&text)?;
            }
        }
    }
    if updated.is_empty() {
        print::out("nothing is pinned in this house\n")?;
    }
    Ok(code)
}

fn as_json(name: &PluginName, one: &Result<Updated, Failure>) -> Value {
    match one {
        Err(failure) => json!({ "name": name, "status": "failed", "message": failure.message() }),
        Ok(Updated::Same(sha256)) => {
            json!({ "name": name, "status": "same", "before": sha256, "after": sha256 })
        }
        Ok(Updated::Other {
            before,
            after,
            difference,
            done,
        }) => json!({
            "name": name,
            "status": if *done { "updated" } else { "would be updated" },
            "before": before,
            "after": after,
            "difference": difference,
        }),
    }
}

fn worst<T>(all: &[(&PluginName, Result<T, Failure>)]) -> u8 {
    let codes = all.iter().filter_map(|(_, one)| one.as_ref().err());
    codes.map(|failure| failure.code).max().unwrap_or(0)
}

pub fn restore(options: &PluginRestore) -> Result<u8, Failure> {
    let mut change = Change::begin(&options.house.house)?;
    let root = change.root().to_owned();
    let mut restored = Vec::new();
    let chosen = chosen(&change, options.name.as_deref(), false)?;
    for name in &chosen {
        restored.push((name, restore_one(&mut change, &root, name)));
    }
    change.finish()?;
    let code = worst(&restored);
    let mut all = Vec::new();
    for (name, one) in &restored {
        let status = match one {
            Ok(true) => "restored",
            Ok(false) => "there",
            Err(_) => "failed",
        };
        all.push(json!({ "name": name, "status": status }));
        if options.json {
            continue;
        }
        match one {
            Ok(_) => print::out(&format!("{name}: {status}\n"))?,
            Err(failure) => {
                print::err(&format!("{name}:\n"));
                failure.print();
            }
        }
    }
    if options.json {
        print::json(&json!({ "plugins": all }))?;
    }
    Ok(code)
}

/// Fetch the pinned bytes of one plugin again, unless they are there. Whether they were fetched.
fn restore_one(change: &mut Change, root: &Path, name: &PluginName) -> Result<bool, Failure> {
    let definition = definition(change, name)?;
    let path = definition.component.path;
    let Some(locked) = change.lock().plugins.remove(name) else {
        return Err(unknown_source(name));
    };
    match std::fs::read(&path) {
        Ok(bytes) if Sha256::of(&bytes) == locked.sha256 => return Ok(false),
        _ => {}
    }
    let source = match (Source::parse(&locked.source, root)?, locked.manifest) {
        // The tag may lead elsewhere by now.
        (Source::Oci(reference), Some(manifest)) => Source::Oci(reference.at(manifest)),
        (source, _) => source,
    };
    let wanted = Wanted {
        name,
        source: &source,
        signature: None,
        signed: false,
        sha256: Some(locked.sha256),
        directory: root,
    };
    let folder = path.parent().unwrap_or(root).to_owned();
    let mut fetched = open::block_on(fetch(&wanted, &folder))??;
    let signer = definition.component.signer.as_ref();
    look(root, name, &fetched.staged, &source.to_string(), signer)?;
    change.place(&mut fetched.staged, &path)?;
    Ok(true)
}

pub fn remove(options: &PluginRemove) -> Result<u8, Failure> {
    let mut change = Change::begin(&options.house.house)?;
    if let Some(name) = pinned_only(&change, &options.name) {
        let mut lock = change.lock();
        lock.plugins.remove(&name);
        change.write(LOCK, &lock.text())?;
        change.finish()?;
        print::out(&format!("removed {name} from house.lock\n"))?;
        return Ok(0);
    }
    let name = plugin_of(&change, &options.name)?;
    let root = change.root().to_owned();
    let text = without_plugin(&change.house_text()?, &name).map_err(|by_hand| {
        Failure::new(
            NOT_SO,
            "this house.yaml is written in a way that nothing can be taken out of",
        )
        .help(format!("{by_hand}; nothing was changed"))
    })?;
    let component = definition(&change, &name)?.component.path;
    let shared = change
        .plugins
        .plugins
        .iter()
        .any(|(other, plugin)| *other != name && plugin.component.path == component);
    let goes = !options.keep_file && !shared && component.starts_with(root.join(PLUGINS));
    change.write(HOUSE, &text)?;
    let mut lock = change.lock();
    if lock.plugins.remove(&name).is_some() {
        change.write(LOCK, &lock.text())?;
    }
    if goes {
        change.remove(&component)?;
    }
    change.finish()?;
    let shown = component
        .strip_prefix(&root)
        .unwrap_or(&component)
        .display();
    print::out(&match goes {
        true => format!("removed {name} and {shown}\n"),
        false => format!("removed {name}; {shown} stays where it is\n"),
    })?;
    Ok(0)
}

/// The plugin `named`, where `house.lock` has it and `house.yaml` no longer.
fn pinned_only(change: &Change, named: &str) -> Option<PluginName> {
    let name = PluginName::parse(named).ok()?;
    let known = change.plugins.plugins.contains_key(&name);
    (!known && change.lock().plugins.contains_key(&name)).then_some(name)
}

pub fn pin(options: &PluginPin) -> Result<u8, Failure> {
    let mut change = Change::begin(&options.house.house)?;
    let root = change.root().to_owned();
    let names = match &options.name {
        Some(name) => vec![plugin_of(&change, name)?],
        None => change.plugins.plugins.keys().cloned().collect(),
    };
    let mut lock = change.lock();
    let mut said = String::new();
    for name in names {
        let path = definition(&change, &name)?.component.path;
        let before = lock.plugins.get(&name).cloned();
        let new = pinned(
            &change,
            &root,
            &name,
            before.as_ref(),
            options.signature.as_deref(),
        )?;
        said.push_str(&match before {
            Some(before) if before == new => format!("{name}: pinned as it was\n"),
            Some(before) if before.sha256 != new.sha256 => {
                format!(
                    "{name}: pinned {} instead of {}\n",
                    new.sha256, before.sha256
                )
            }
            _ => format!(
                "{name}: pinned {} ({})\n",
                new.sha256,
                path.strip_prefix(&root).unwrap_or(&path).display()
            ),
        });
        lock.plugins.insert(name, new);
    }
    change.write(LOCK, &lock.text())?;
    change.finish()?;
    print::out(&said)?;
    Ok(0)
}

/// The component that is there, as it is to be pinned.
fn pinned(
    change: &Change,
    root: &Path,
    name: &PluginName,
    before: Option<&Locked>,
    signature: Option<&Path>,
) -> Result<Locked, Failure> {
    let definition = definition(change, name)?;
    let path = &definition.component.path;
    let source = Source::Path(path.clone());
    let file = signature.map(|file| file.to_string_lossy());
    let signer = definition.component.signer.as_ref();
    let wanted = Wanted {
        name,
        source: &source,
        signature: file.as_deref(),
        signed: signer.is_some(),
        sha256: None,
        directory: &current_directory()?,
    };
    // A copy, so that what is looked at is what is hashed.
    let folder = path.parent().unwrap_or(root).to_owned();
    let mut fetched = open::block_on(fetch(&wanted, &folder))??;
    let recorded = before.filter(|before| before.sha256 == fetched.staged.sha256());
    if fetched.signature.is_none() {
        fetched.signature = recorded.and_then(|before| before.signature.clone());
    }
    let signer = signer.map(|signer| Signer {
        signature: fetched.signature.clone(),
        ..signer.clone()
    });
    let shown = path.display().to_string();
    look(root, name, &fetched.staged, &shown, signer.as_ref())?;
    let new = locked(&fetched, source.recorded(root));
    Ok(match recorded {
        // The same bytes came from where they came from, then.
        Some(before) => Locked {
            signature: new.signature,
            ..before.clone()
        },
        None => new,
    })
}

fn definition(change: &Change, name: &PluginName) -> Result<PluginDef, Failure> {
    let found = change.plugins.plugins.get(name).cloned();
    found.ok_or_else(|| {
        Failure::new(
            NOT_SO,
            format!("`{name}` is pinned, and house.yaml has no such plugin"),
        )
        .help("add it to house.yaml again, or take it out of house.lock")
    })
}

fn unknown_source(name: &PluginName) -> Failure {
    Failure::new(
        NOT_SO,
        format!("house.lock does not say where `{name}` came from"),
    )
    .help("give its source with `charthouse plugin update NAME --from SOURCE`")
}

fn signer(key: &Key, signature: Option<&Signature>) -> Signer {
    Signer {
        file: key.file.as_str().into(),
        key: key.key.clone(),
        signature: signature.cloned(),
    }
}

fn locked(fetched: &Fetched, source: String) -> Locked {
    Locked {
        sha256: fetched.staged.sha256(),
        size: fetched.staged.size(),
        source,
        manifest: fetched.manifest,
        signature: fetched.signature.clone(),
    }
}

fn expected(sha256: Option<&str>) -> Result<Option<Sha256>, Failure> {
    sha256
        .map(|text| {
            Sha256::parse(text).ok_or_else(|| {
                Failure::new(USAGE, format!("`{text}` is no sha256"))
                    .help("it has 64 hexadecimal digits, as `sha256sum FILE` prints them")
            })
        })
        .transpose()
}

fn current_directory() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| {
        Failure::new(
            NOT_SO,
            format!("the current directory cannot be used: {error}"),
        )
    })
}
