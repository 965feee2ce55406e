//! `change diff`: two revisions of an item, or all that a change makes, side by side.
//!
//! What was released is read from the record, what is not released from the house as it lies there. Nothing is decided here.

use crate::cli::ChangeDiff;
use crate::exit::{DEFINITIONS, Failure, NOT_SO, USAGE};
use crate::{open, print};
use ::journal::{Journal, Which};
use change::{
    ChangeNumber, Comparison, HouseFiles, Implementation, ItemId, Items, PluginFacts, Register,
    Revision, Side, Tone, compare, items_of,
};
use definitions::{House, load_recorded};
use runtime::record::Kind;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use types::{ContentHash, PluginName};

/// Text for people fits this.
const WIDTH: usize = 100;

/// A house with the content of its components.
struct Version {
    house: House,
    plugins: BTreeMap<PluginName, ContentHash>,
}

impl Version {
    fn side<'a>(&'a self, facts: &'a BTreeMap<ContentHash, PluginFacts>) -> Side<'a> {
        Side {
            house: &self.house,
            plugins: &self.plugins,
            facts,
        }
    }
}

pub fn run(options: &ChangeDiff) -> Result<u8, Failure> {
    let root = options.house.house.canonicalize();
    let root = root.unwrap_or_else(|_| options.house.house.clone());
    let journal = open::journal_to_read(&root)?.ok_or_else(no_baseline)?;
    let register = runtime::control::register(&journal, &root)?;
    if register.baseline().is_none() {
        return Err(no_baseline());
    }
    let (before, after, items) = match ChangeNumber::parse(&options.what) {
        Some(number) => of_change(&register, &root, number, options)?,
        None => of_item(&register, &root, options)?,
    };
    let facts = described(&journal)?;
    let comparison = compare(&before.side(&facts), &after.side(&facts), Some(&items));
    if options.json {
        print::json(&comparison.to_json())?;
    } else {
        let paint = print::Paint::new(print::color_on_stdout());
        let styled = |tone: Tone, text: &str| match tone {
            Tone::Plain => text.to_owned(),
            Tone::Title => paint.with(print::BOLD, text),
            Tone::Added | Tone::Narrows => paint.with(print::GREEN, text),
            Tone::Removed => paint.with(print::YELLOW, text),
            Tone::Widens => paint.with(print::RED, text),
            Tone::Dim => paint.with(print::DIM, text),
        };
        print::out(&comparison.text(WIDTH, &styled))?;
    }
    Ok(0)
}

fn no_baseline() -> Failure {
    Failure::new(
        NOT_SO,
        "nothing is released in this house: it has no baseline",
    )
    .help("charthouse change baseline --as NAME")
}

/// What a change makes, beside what it was made from.
fn of_change(
    register: &Register,
    root: &Path,
    number: ChangeNumber,
    options: &ChangeDiff,
) -> Result<(Version, Version, BTreeSet<ItemId>), Failure> {
    let named = [&options.from, &options.to]
        .into_iter()
        .any(Option::is_some);
    if named || options.file.is_some() {
        return Err(Failure::new(USAGE, "a change is compared with what it was made from")
            .help("name an item to choose revisions: charthouse change diff policy:default --from CR-0001"));
    }
    let change = register
        .change(number)
        .ok_or_else(|| Failure::new(NOT_SO, format!("there is no change {number}")))?;
    let made = change.implementations.last().ok_or_else(|| {
        Failure::new(
            NOT_SO,
            format!(
                "{number} is {}: nothing is made yet",
                change.stage().as_str()
            ),
        )
        .help(format!("charthouse change show {number}"))
    })?;
    // What others have released since is no part of it.
    let then = change
        .release
        .as_ref()
        .map_or(made.deed.seq, |release| release.deed.seq);
    sides(register, root, made, then, &number.to_string())
}

/// What `made` makes, beside what it was made from, in the house as it was released before the record `then`.
fn sides(
    register: &Register,
    root: &Path,
    made: &Implementation,
    then: u64,
    number: &str,
) -> Result<(Version, Version, BTreeSet<ItemId>), Failure> {
    let version = |side: fn(&change::Step) -> Revision| {
        let with = made
            .steps
            .iter()
            .map(|step| (step.item.clone(), side(step)));
        let files = register.files_with(&with.collect(), Some(then));
        recorded(root, &files.ok_or_else(|| gone(number))?)
    };
    let items = made.steps.iter().map(|step| step.item.clone()).collect();
    Ok((version(|step| step.from)?, version(|step| step.to)?, items))
}

/// What each implementation of a change makes different, by its change and the number of its record, for whoever tells the whole story.
pub struct Made<'a> {
    root: &'a Path,
    register: Register,
    facts: BTreeMap<ContentHash, PluginFacts>,
}

impl<'a> Made<'a> {
    /// All that `journal`, of the house in the directory `root`, has.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(journal: &Journal, root: &'a Path) -> Result<Self, Failure> {
        Ok(Made {
            root,
            register: runtime::control::register(journal, root)?,
            facts: described(journal)?,
        })
    }

    /// What the record `seq` of the change `number` makes different; nothing where it makes nothing, or what it was made from can be read no more.
    pub fn differs(&self, number: &str, seq: u64) -> Option<Comparison> {
        let change = self.register.change(ChangeNumber::parse(number)?)?;
        let mut made = change.implementations.iter();
        let made = made.find(|made| made.deed.seq == seq)?;
        let (before, after, items) = sides(&self.register, self.root, made, seq, number).ok()?;
        let (before, after) = (before.side(&self.facts), after.side(&self.facts));
        Some(compare(&before, &after, Some(&items)))
    }
}

/// Two revisions of one item; without `--to` the second is what lies in the house.
fn of_item(
    register: &Register,
    root: &Path,
    options: &ChangeDiff,
) -> Result<(Version, Version, BTreeSet<ItemId>), Failure> {
    let item = ItemId::parse(&options.what)
        .map_err(|error| Failure::new(USAGE, error).help("or name a change, such as CR-0001"))?;
    let find = |text: &str| revision(register, &item, text);
    let from = match &options.from {
        Some(text) => find(text)?,
        None => register
            .head(&item)
            .map_or(Revision::Absent, |standing| standing.to),
    };
    let with = |revision| [(item.clone(), revision)].into();
    let base = register
        .files_with(&with(from), None)
        .ok_or_else(|| gone(&from.short()))?;
    let before = recorded(root, &base)?;
    let after = match (&options.to, &options.file) {
        (Some(text), _) => {
            let to = find(text)?;
            let files = register.files_with(&with(to), None);
            recorded(root, &files.ok_or_else(|| gone(&to.short()))?)?
        }
        (None, Some(file)) => with_file(root, &base, &before, &item, file)?,
        (None, None) => as_it_lies(root, &base, &before, &item)?,
    };
    Ok((before, after, [item].into()))
}

fn gone(what: &str) -> Failure {
    Failure::new(NOT_SO, format!("the texts of {what} are not on record"))
        .help("charthouse journal verify")
}

/// A revision by the beginning of its hash, or by the change that made it.
fn revision(register: &Register, item: &ItemId, text: &str) -> Result<Revision, Failure> {
    let known = register.history(item);
    if let Some(number) = ChangeNumber::parse(text) {
        let released = known
            .iter()
            .rev()
            .find(|standing| standing.change == number);
        let made = || {
            let steps = &register.change(number)?.implementations.last()?.steps;
            steps
                .iter()
                .find(|step| step.item == *item)
                .map(|step| step.to)
        };
        return released
            .map(|standing| standing.to)
            .or_else(made)
            .ok_or_else(|| Failure::new(NOT_SO, format!("{number} made no revision of {item}")));
    }
    let made = register
        .changes()
        .flat_map(|change| &change.implementations);
    let made = made
        .flat_map(|made| &made.steps)
        .filter(|step| step.item == *item)
        .map(|step| step.to);
    let all: BTreeSet<Revision> = known
        .iter()
        .map(|standing| standing.to)
        .chain(made)
        .collect();
    let alike: Vec<Revision> = all
        .iter()
        .copied()
        .filter(|revision| {
            revision.to_string().starts_with(text) && (text.len() >= 6 || text == "absent")
        })
        .collect();
    match alike.as_slice() {
        [one] => Ok(*one),
        _ => Err(
            Failure::new(NOT_SO, format!("`{text}` names no revision of {item}")).help(format!(
                "name it by the first digits of its hash or by its change; there are {}",
                all.iter()
                    .map(|one| one.short())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        ),
    }
}

fn recorded(root: &Path, files: &HouseFiles) -> Result<Version, Failure> {
    Ok(Version {
        house: loaded(root, &files.files)?,
        plugins: files.plugins.clone(),
    })
}

fn loaded(root: &Path, files: &change::Files) -> Result<House, Failure> {
    load_recorded(root, files)
        .map_err(|report| Failure::report(DEFINITIONS, report.render(print::color_on_stderr())))
}

/// The contents of a house's components as they lie there.
fn contents(house: &House) -> BTreeMap<PluginName, ContentHash> {
    let plugins = house.plugins.iter().filter_map(|(name, plugin)| {
        let bytes = std::fs::read(&plugin.component.path).ok()?;
        Some((name.clone(), ContentHash::of(&bytes)))
    });
    plugins.collect()
}

/// The released house with this one item as it lies in the house: other drafts are none of its business.
fn as_it_lies(
    root: &Path,
    base: &HouseFiles,
    before: &Version,
    item: &ItemId,
) -> Result<Version, Failure> {
    let disk = open::house(root)?;
    let found = contents(&disk);
    let is = items_of(&disk, &found);
    let was = items_of(&before.house, &before.plugins);
    let mut plugins = base.plugins.clone();
    if let ItemId::Plugin(name) = item
        && let Ok(name) = PluginName::parse(name)
    {
        match found.get(&name) {
            Some(hash) => plugins.insert(name, *hash),
            None => plugins.remove(&name),
        };
        return Ok(Version {
            house: loaded(root, &base.files)?,
            plugins,
        });
    }
    let mut files = without(base, &was, item);
    let texts = disk.controlled_files();
    for (name, _) in is
        .items
        .get(item)
        .map(|parts| parts.files.as_slice())
        .unwrap_or_default()
    {
        let text = texts.iter().find(|file| file.name == *name);
        files.extend(text.map(|file| (name.to_string(), file.bytes.to_vec())));
    }
    match load_recorded(root, &files) {
        Ok(house) => Ok(Version { house, plugins }),
        // What it names may be a draft as well.
        Err(_) => Ok(Version {
            house: disk,
            plugins: found,
        }),
    }
}

/// The released house with `file` in the place of the item's own.
fn with_file(
    root: &Path,
    base: &HouseFiles,
    before: &Version,
    item: &ItemId,
    file: &Path,
) -> Result<Version, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        Failure::new(USAGE, format!("{} cannot be read: {error}", file.display()))
    })?;
    let mut plugins = base.plugins.clone();
    let mut files = base.files.clone();
    match item {
        ItemId::Plugin(name) => {
            if let Ok(name) = PluginName::parse(name) {
                plugins.insert(name, ContentHash::of(&bytes));
            }
        }
        item => {
            let was = items_of(&before.house, &before.plugins);
            let parts = was.items.get(item);
            let own = parts.and_then(|parts| {
                parts
                    .files
                    .iter()
                    .map(|(name, _)| name)
                    .find(|name| defines(&base.files, name, item))
            });
            let name = own.map_or_else(|| usual(item), ToString::to_string);
            files.insert(name, bytes);
        }
    }
    Ok(Version {
        house: loaded(root, &files)?,
        plugins,
    })
}

/// Whether the file `name` is the definition of `item`, and not a text that it names.
fn defines(files: &change::Files, name: &str, item: &ItemId) -> bool {
    let text = files
        .get(name)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    let tree = text.and_then(definitions::outline);
    tree.is_some_and(|tree| match item {
        ItemId::House => name == "house.yaml",
        item => tree.get(item.kind()).and_then(definitions::Outline::text) == Some(item.name()),
    })
}

fn usual(item: &ItemId) -> String {
    match item {
        ItemId::House | ItemId::Plugin(_) => "house.yaml".into(),
        ItemId::Agent(name) => format!("agents/{name}.yaml"),
        ItemId::Chart(name) => format!("charts/{name}.yaml"),
        ItemId::Policy(name) => format!("policies/{name}.yaml"),
    }
}

/// The released texts without those of `item` that are nobody else's.
fn without(base: &HouseFiles, was: &Items, item: &ItemId) -> change::Files {
    let mut files = base.files.clone();
    for (name, _) in was
        .items
        .get(item)
        .map(|parts| parts.files.as_slice())
        .unwrap_or_default()
    {
        if was.owners(name).all(|owner| owner == item) {
            files.remove(&**name);
        }
    }
    files
}

/// What components said of themselves when they were first used, by their content.
fn described(journal: &Journal) -> Result<BTreeMap<ContentHash, PluginFacts>, Failure> {
    let mut facts = BTreeMap::new();
    journal.each::<::journal::JournalError>(
        Which::Kind(Kind::PluginDescribed.name()),
        |record| {
            let body: Json = serde_json::from_str(&record.body).unwrap_or_default();
            if let Some(hash) = body["hash"].as_str().and_then(ContentHash::parse) {
                facts.insert(hash, of_plugin(&body));
            }
            Ok(())
        },
    )?;
    Ok(facts)
}

fn of_plugin(body: &Json) -> PluginFacts {
    let (plugin, info) = (body["plugin"].as_str().unwrap_or_default(), &body["info"]);
    let list = |key: &str| info[key].as_array().cloned().unwrap_or_default();
    let tools = list("tools").into_iter().filter_map(|tool| {
        let name = tool["name"].as_str()?;
        let full = match name.contains('.') {
            true => name.to_owned(),
            false => format!("{plugin}.{name}"),
        };
        Some((full, tool.to_string()))
    });
    let imports = list("imports").into_iter();
    PluginFacts {
        size: info["size"].as_u64(),
        tools: tools.collect(),
        imports: imports
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect(),
    }
}
