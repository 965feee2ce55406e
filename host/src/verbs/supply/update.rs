//! `plugin update`: what the sources have now, and what is different about it.

use super::{LOCK, chosen, current_directory, definition, expected, locked, unknown_source, worst};
use crate::cli::PluginUpdate;
use crate::exit::Failure;
use crate::supply::{Change, Difference, Fetched, Source, Wanted, before, fetch, look};
use crate::{open, print};
use definitions::Locked;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use types::{PluginName, Sha256, Signer};

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
