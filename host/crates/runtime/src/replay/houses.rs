//! The definitions and descriptions that a journal holds: houses as they were, loaded from what was recorded of them and from no file.

use super::report::ReplayReport;
use crate::RuntimeError;
use crate::materials::{RecordedFile, nothing, set_of};
use crate::record::Kind;
use definitions::{ChartBundle, House};
use journal::{Journal, Record, Which};
use sandbox::PluginInfo;
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{ContentHash, PluginName};

/// What a journal holds of definitions and components.
#[derive(Default)]
pub(super) struct Houses {
    texts: BTreeMap<ContentHash, String>,
    sets: BTreeMap<ContentHash, Vec<(Arc<str>, ContentHash)>>,
    infos: BTreeMap<(String, ContentHash), PluginInfo>,
    loaded: RefCell<Loaded>,
    /// Records of them that are not what their hashes say.
    pub(super) damaged: Vec<(u64, String)>,
    checked: u64,
}

/// Houses, or why they do not load, by set and by where each lay.
type Loaded = BTreeMap<(ContentHash, PathBuf), Result<Arc<House>, String>>;

#[derive(Deserialize)]
struct DefinitionsRecord {
    set: ContentHash,
    files: Vec<RecordedFile>,
    #[serde(default)]
    named: Vec<RecordedFile>,
}

#[derive(Deserialize)]
struct DescribedRecord {
    plugin: String,
    hash: ContentHash,
    info: PluginInfo,
}

impl Houses {
    /// Read what `journal` holds of them.
    ///
    /// # Errors
    /// When it cannot be read, or a record in it.
    pub(super) fn read(journal: &Journal) -> Result<Self, RuntimeError> {
        let mut houses = Houses::default();
        journal.each(Which::Kind(Kind::Definitions.name()), |record| {
            if record.is_compacted() {
                return Ok(());
            }
            let read = serde_json::from_str(&record.body);
            houses.take_set(&record, read.map_err(|why| damaged(&record, why))?);
            Ok::<_, RuntimeError>(())
        })?;
        journal.each(Which::Kind(Kind::PluginDescribed.name()), |record| {
            if record.is_compacted() {
                return Ok(());
            }
            let read = serde_json::from_str::<DescribedRecord>(&record.body);
            let read = read.map_err(|why| damaged(&record, why))?;
            houses.infos.insert((read.plugin, read.hash), read.info);
            Ok::<_, RuntimeError>(())
        })?;
        Ok(houses)
    }

    fn take_set(&mut self, record: &Record, read: DefinitionsRecord) {
        let files = read.files.iter().chain(&read.named);
        let files = files.map(|file| (&*file.file, file.hash));
        self.checked += 1;
        if set_of(files) != read.set {
            let what = format!("the set {} is not made of these files", read.set.short());
            self.damaged.push((record.seq.0, what));
        }
        for file in read.files.iter().chain(&read.named) {
            let Some(text) = &file.text else {
                continue;
            };
            self.checked += 1;
            if ContentHash::of(text.as_bytes()) == file.hash {
                self.texts.insert(file.hash, text.clone());
            } else {
                let what = format!("{} is not what its hash says", file.file);
                self.damaged.push((record.seq.0, what));
            }
        }
        let files = read.files.into_iter().chain(read.named);
        let files = files.map(|file| (file.file, file.hash));
        self.sets.insert(read.set, files.collect());
    }

    /// Put what was wrong with the records of definitions into `report`.
    pub(super) fn tell(&self, report: &mut ReplayReport) {
        report.compared.texts += self.checked;
        for (record, what) in &self.damaged {
            report.differs(super::Difference {
                record: *record,
                what: "definitions",
                chunk: None,
                expected: "what the hashes name".into(),
                came: what.clone(),
            });
        }
    }

    /// The house of the set `set`, as it was in the directory `root`; in words why it cannot be had.
    pub(super) fn house(&self, set: ContentHash, root: &Path) -> Result<Arc<House>, String> {
        let key = (set, root.to_owned());
        if let Some(known) = self.loaded.borrow().get(&key) {
            return known.clone();
        }
        let loaded = self.load(set, root).map(Arc::new);
        self.loaded.borrow_mut().insert(key, loaded.clone());
        loaded
    }

    /// The chart `name` with the hash `hash`, as it stood in the file with the hash `file` where that is recorded: two files may do the same and move otherwise.
    pub(super) fn chart_with(
        &self,
        root: &Path,
        name: &str,
        hash: ContentHash,
        file: Option<ContentHash>,
    ) -> Option<Arc<ChartBundle>> {
        let has_it = |set: &&ContentHash| {
            let mut files = self.sets[*set].iter();
            files.any(|(_, of)| Some(*of) == file)
        };
        let (with, without): (Vec<&ContentHash>, Vec<&ContentHash>) =
            self.sets.keys().partition(has_it);
        with.into_iter().chain(without).find_map(|set| {
            let house = self.house(*set, root).ok()?;
            let bundle = house.charts.get(name)?;
            (bundle.chart.hash() == hash).then(|| bundle.clone())
        })
    }

    fn load(&self, set: ContentHash, root: &Path) -> Result<House, String> {
        let files = self
            .sets
            .get(&set)
            .ok_or("its definitions are not recorded")?;
        let mut texts = BTreeMap::new();
        for (file, hash) in files {
            let text = self.texts.get(hash).map(String::as_str);
            let text = text.or((*hash == nothing()).then_some(""));
            let text = text.ok_or_else(|| format!("{file} is not recorded as it was"))?;
            texts.insert(file.to_string(), text.as_bytes().to_vec());
        }
        definitions::load_recorded(root, &texts).map_err(|report| {
            format!(
                "its definitions do not load any more: {}",
                report.render(false)
            )
        })
    }

    /// What the component with the content `hash` said of itself as the plugin `name`.
    pub(super) fn info(&self, name: &PluginName, hash: ContentHash) -> Option<&PluginInfo> {
        self.infos.get(&(name.as_str().to_owned(), hash))
    }
}

/// A record that cannot be read.
pub(super) fn damaged(record: &Record, why: serde_json::Error) -> RuntimeError {
    RuntimeError::Damaged {
        run: record.run.clone(),
        record: record.seq.0,
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two files of a workflow that differ in what they say of moving, and in nothing that it does.
    #[test]
    fn a_version_is_found_by_its_file_where_others_do_the_same() {
        let house = "house: h\nstore: sqlite:journal.db\nproviders: { p: { kind: scripted, file: s.yaml } }\n";
        let chart = |policy: &str| {
            format!(
                "chart: w\nversion: 1.0.0\nkind: workflow\nroles: {{ maker: {{}} }}\nmigrate: {policy}\ninitial: making\nstates:\n  making: {{ role: maker, on: {{ role.done: over }} }}\n  over: {{ type: final }}\n"
            )
        };
        let mut houses = Houses::default();
        let charts = [chart("migrate"), chart("pin"), chart("refuse")];
        for text in &charts {
            let files = [("house.yaml", house), ("charts/w.yaml", text)];
            let files = files.map(|(file, text)| {
                let hash = ContentHash::of(text.as_bytes());
                houses.texts.insert(hash, text.to_owned());
                (Arc::<str>::from(file), hash)
            });
            let set = set_of(files.iter().map(|(file, hash)| (&**file, *hash)));
            houses.sets.insert(set, files.to_vec());
        }
        let root = Path::new("/house");
        let mut does = None;
        for text in &charts {
            let file = ContentHash::of(text.as_bytes());
            let set = houses.sets.iter().find(|(_, files)| files[1].1 == file);
            let house = houses.house(*set.unwrap().0, root).unwrap();
            let hash = house.charts["w"].chart.hash();
            assert_eq!(*does.get_or_insert(hash), hash);
            let found = houses.chart_with(root, "w", hash, Some(file)).unwrap();
            assert_eq!(found.hash, file);
        }
        let any = houses.chart_with(root, "w", does.unwrap(), None);
        assert!(any.is_some());
    }
}
