//! What a replay needs beside what happened: the definitions that were in force, what components said of themselves, the texts that were gathered.
//!
//! All of it goes into the journal when it is first used, by its hash, and never again: definitions and descriptions once for each house, texts once for
//! each run. A start in a house whose definitions are on record costs one look into the store, a payload costs a hash of what was gathered for it and of what
//! is new in the conversation. Nothing here decides anything: a run that could not record these would go on as well.

use crate::offers::Described;
use crate::payload_hash::PayloadHash;
use crate::payloads::Basis;
use crate::record::{Kind, Pending};
use crate::run::Run;
use context::{Gathered, GatheredText, Plan};
use definitions::House;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::{ContentHash, Label, PluginName, Provenance};

/// Under which name it is kept that a set of definitions, a file or a description is on record.
const KEPT: &str = "recorded/";

/// Texts of a run that are known to be on record; when there are more, the oldest are recorded again if they come again.
const MOST_TEXTS: usize = 4_096;

/// Texts of one answer that a record of an inference names one by one; where there are more, it names the list of them.
const MOST_NAMED: usize = 4;

/// What a run has put on record so far.
#[derive(Default)]
pub(crate) struct Materials {
    /// The definitions in force.
    house: Option<(Arc<House>, ContentHash)>,
    /// The definitions that the chart in force is of.
    pub(crate) chart: Option<ContentHash>,
    /// The components that its records name last.
    told: Vec<(PluginName, ContentHash)>,
    texts: BTreeSet<String>,
    pub(crate) payloads: PayloadHash,
    /// The inference that the last payload was made for.
    pub(crate) sent: Option<u64>,
}

/// A file of the house, as it is recorded. What was recorded before is named without its text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RecordedFile {
    pub(crate) file: Arc<str>,
    pub(crate) hash: ContentHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

/// A text that was gathered, as it is recorded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RecordedText {
    pub(crate) text: Arc<str>,
    pub(crate) provenance: Provenance,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<Label>,
}

/// What answered one need of a plan, as a record of an inference names it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RecordedNeed {
    /// The texts, by their hashes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) texts: Vec<String>,
    /// The same where they are many: the hash of their list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) list: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) missing: Option<String>,
}

/// Texts and lists of them, as they are recorded together.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct RecordedTexts {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) texts: BTreeMap<String, RecordedText>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) lists: BTreeMap<String, Vec<String>>,
}

impl RecordedTexts {
    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.lists.is_empty()
    }
}

impl RecordedText {
    /// The hash that names it.
    pub(crate) fn hash(&self) -> String {
        hash_of(&self.text, &self.provenance, &self.labels)
    }
}

impl From<RecordedText> for GatheredText {
    fn from(text: RecordedText) -> Self {
        GatheredText {
            text: text.text,
            provenance: text.provenance,
            labels: text.labels,
        }
    }
}

fn hash_of(text: &str, provenance: &Provenance, labels: &[Label]) -> String {
    let whence = json!([provenance, labels]).to_string();
    short(&[whence.as_bytes(), text.as_bytes()])
}

/// The hash that names a list of texts.
pub(crate) fn hash_of_list(texts: &[String]) -> String {
    let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    short(&texts)
}

/// 128 bits, enough to name a text in a run.
fn short(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// The hash that names a set of definitions: their files with what they hold.
pub(crate) fn set_of<'f>(files: impl IntoIterator<Item = (&'f str, ContentHash)>) -> ContentHash {
    let mut all = String::new();
    for (file, hash) in files {
        all.push_str(file);
        all.push('\n');
        all.push_str(&hash.to_string());
        all.push('\n');
    }
    ContentHash::of(all.as_bytes())
}

/// The files that a house was loaded from, as they are recorded.
struct Files {
    /// Its definitions, in the order in which they were read.
    definitions: Vec<RecordedFile>,
    /// What they name and what bears on them: keys with their text, and texts of chunks by their names alone, because those are recorded as they are sent.
    named: Vec<RecordedFile>,
}

impl Files {
    fn of(house: &House) -> Self {
        let mut recordable = house.recordable();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let signers = house.plugins.values();
        let signers = signers.filter_map(|plugin| plugin.component.signer.as_ref());
        let keys: BTreeSet<&str> = signers.map(|signer| &*signer.file).collect();
        let definitions = house.files.iter().map(|(name, hash)| {
            let at = recordable.iter().position(|file| file.name == *name);
            let file = at.map(|at| recordable.swap_remove(at));
            RecordedFile {
                file: name.clone(),
                hash: *hash,
                text: file.and_then(|file| text(&file.bytes)),
            }
        });
        let definitions = definitions.collect();
        recordable.sort_by(|one, other| one.name.cmp(&other.name));
        let named = recordable.into_iter().map(|file| {
            let is_key = keys.contains(&*file.name);
            RecordedFile {
                hash: if is_key { file.hash } else { nothing() },
                text: is_key.then(|| text(&file.bytes)).flatten(),
                file: file.name,
            }
        });
        Files {
            definitions,
            named: named.collect(),
        }
    }

    /// The hash that names the set.
    fn set(&self) -> ContentHash {
        let all = self.definitions.iter().chain(&self.named);
        set_of(all.map(|file| (&*file.file, file.hash)))
    }
}

/// The hash of a file of which nothing but its name matters.
pub(crate) fn nothing() -> ContentHash {
    ContentHash::of(b"")
}

/// What is to be recorded, and what is to be kept with it.
#[derive(Default)]
struct News {
    records: Vec<(Kind, Json)>,
    keep: Vec<(String, Vec<u8>)>,
}

impl News {
    fn keep(&mut self, what: String) {
        // What is kept with nothing in it is not kept.
        self.keep.push((what, vec![1]));
    }
}

/// Whether `what` is on record. Where the store cannot say so it is recorded again, which does no harm.
fn is_recorded(journal: &journal::Journal, what: &str) -> bool {
    matches!(journal.kept(what), Ok(Some(_)))
}

/// What of `house` is not on record: the records to write, and what to keep with them.
#[allow(
    clippy::type_complexity,
    reason = "a commit's two halves, taken apart at once"
)]
pub(crate) fn news_of(
    journal: &journal::Journal,
    house: &House,
) -> (Vec<(Kind, Json)>, Vec<(String, Vec<u8>)>) {
    let news = news(journal, house, Files::of(house).set(), &[]);
    (news.records, news.keep)
}

/// What of `house` and of `plugins` is not on record.
fn news(
    journal: &journal::Journal,
    house: &House,
    set: ContentHash,
    plugins: &[Described<'_>],
) -> News {
    let mut news = News::default();
    let mut all = set_of(
        plugins
            .iter()
            .map(|plugin| (plugin.name.as_str(), plugin.info.hash)),
    )
    .to_string();
    all.insert_str(0, &format!("{KEPT}{set}/"));
    // One look, as long as nothing is new.
    if is_recorded(journal, &all) {
        return news;
    }
    news.keep(all);
    let name = format!("{KEPT}definitions/{set}");
    if !is_recorded(journal, &name) {
        let Files {
            mut definitions,
            mut named,
        } = Files::of(house);
        for file in definitions.iter_mut().chain(&mut named) {
            let name = format!("{KEPT}file/{}", file.hash);
            match is_recorded(journal, &name) {
                true => file.text = None,
                false if file.text.is_some() => news.keep(name),
                false => {}
            }
        }
        news.keep(name);
        let mut body = json!({ "set": set, "files": definitions });
        if !named.is_empty() {
            body["named"] = json!(named);
        }
        news.records.push((Kind::Definitions, body));
    }
    for plugin in plugins {
        // Names of its tools may be cut to fit behind its own, so one component may say other things under another name.
        let (hash, own) = (plugin.info.hash, plugin.name);
        let name = format!("{KEPT}plugin/{own}/{hash}");
        if !is_recorded(journal, &name) {
            news.keep(name);
            let body = json!({ "plugin": own, "hash": hash, "info": plugin.info });
            news.records.push((Kind::PluginDescribed, body));
        }
    }
    news
}

impl Materials {
    /// What answered the needs of `plan`, as a record of the inference names it, and the texts that are not on record.
    pub(crate) fn needs(
        &mut self,
        plan: &Plan,
        gathered: &Gathered,
    ) -> (Vec<RecordedNeed>, RecordedTexts) {
        let mut new = RecordedTexts::default();
        let needs = plan.needs().iter().map(|need| {
            let missing = gathered.why_missing(need.id).map(str::to_owned);
            let notes = match missing {
                // The report says so by itself.
                Some(_) => Vec::new(),
                None => gathered.notes(need.id).to_vec(),
            };
            let texts = gathered.get(need.id).unwrap_or_default().iter();
            let texts: Vec<String> = texts.map(|text| self.text(text, &mut new)).collect();
            let list = (texts.len() > MOST_NAMED).then(|| hash_of_list(&texts));
            let texts = match &list {
                Some(list) => {
                    if self.is_new(list) {
                        new.lists.insert(list.clone(), texts);
                    }
                    Vec::new()
                }
                None => texts,
            };
            RecordedNeed {
                texts,
                list,
                notes,
                missing,
            }
        });
        (needs.collect(), new)
    }

    fn text(&mut self, text: &GatheredText, new: &mut RecordedTexts) -> String {
        let hash = hash_of(&text.text, &text.provenance, &text.labels);
        if self.is_new(&hash) {
            let text = RecordedText {
                text: text.text.clone(),
                provenance: text.provenance.clone(),
                labels: text.labels.clone(),
            };
            new.texts.insert(hash.clone(), text);
        }
        hash
    }

    fn is_new(&mut self, hash: &str) -> bool {
        if self.texts.contains(hash) {
            return false;
        }
        if self.texts.len() >= MOST_TEXTS {
            self.texts.clear();
        }
        self.texts.insert(hash.to_owned())
    }
}

impl Run {
    /// Have the definitions of `house` and what the components in use say of themselves on record; gives the set's hash.
    pub(crate) fn record_definitions(&mut self, house: &Arc<House>) -> ContentHash {
        let set = match &self.materials.house {
            Some((known, set)) if Arc::ptr_eq(known, house) => *set,
            _ => Files::of(house).set(),
        };
        self.materials.house = Some((house.clone(), set));
        let plugins = crate::offers::described(&self.plugins);
        let news = news(&self.journal.borrow(), house, set, &plugins);
        let time = self.services.clock.now();
        for (kind, body) in &news.records {
            let pending = Pending::new(time, *kind, body);
            self.pending.push(Pending {
                of_house: true,
                ..pending
            });
        }
        self.keeping.extend(news.keep);
        set
    }

    /// By what definitions and in which states a plan was made that is assembled after they have changed.
    pub(crate) fn planned(&self, basis: &Basis) -> Json {
        let chart = &basis.bundle.chart;
        let states = basis.states.iter().map(|state| &chart.state(*state).id);
        let states: Vec<_> = states.collect();
        json!({
            "agent": basis.agent.hash, "chart": basis.bundle.hash, "states": states,
            "bound": basis.bound,
        })
    }

    /// The components in use, by name, as the record that is being made names them.
    pub(crate) fn told_components(&mut self) -> Json {
        let plugins = self.plugins.iter();
        let now: Vec<_> = plugins
            .map(|plugin| (plugin.name().clone(), plugin.info().hash))
            .collect();
        let told = now
            .iter()
            .map(|(name, hash)| json!({ "name": name, "hash": hash }));
        let told = told.collect();
        self.materials.told = now;
        told
    }

    /// Put the components in use into `body`, where they are others than the records before it name.
    pub(crate) fn tell_components(&mut self, body: &mut Json) {
        let plugins = self.plugins.iter();
        let now = plugins.map(|plugin| (plugin.name(), plugin.info().hash));
        let told = self.materials.told.iter();
        if now.eq(told.map(|(name, hash)| (name, *hash))) {
            return;
        }
        let house = self.services.house.clone();
        self.record_definitions(&house);
        body["plugins"] = self.told_components();
    }
}
