//! What a payload needs from outside: files of the house, templates, memories, and fragments of context plugins, which run in the sandbox like any other
//! component.
//!
//! All of it is fetched at the same time under one deadline. What a plugin provides stays good for as long as its chunk says (`expires`); a plugin that is
//! late or fails is served as it was the last time, or left out, and the payload's report says so.

use crate::grants;
use crate::guards::{Guards, Inspected, labels_of};
use crate::payloads::Basis;
use crate::think::Whom;
use crate::{Binding, Services, memories};
use chart::StateId;
use context::{Gathered as Texts, GatheredText, Need, NeedKind};
use definitions::{AgentDef, ChartBundle, House};
use futures_util::future::join_all;
use policy::Grant;
use sandbox::{CallContext, ContextRequest, Plugin};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use types::{Bytes, ContentHash, Marked, Outcome, Place, Provenance, Timestamp};

/// What was gathered for the payload of an invocation.
pub(crate) struct Gathered {
    pub(crate) effect: u64,
    pub(crate) invocation: Arc<str>,
    pub(crate) whom: Whom,
    /// What the plan was made of.
    pub(crate) basis: Basis,
    pub(crate) plan: context::Plan,
    pub(crate) found: Found,
}

/// What errands came to.
pub(crate) struct Found {
    pub(crate) texts: Result<Texts, String>,
    /// What each context plugin that ran came to.
    pub(crate) provided: Vec<Provided>,
    /// What guards said of the chunks.
    pub(crate) guarded: Vec<(String, Inspected)>,
}

/// A context plugin that has run, or was stopped at the deadline.
pub(crate) struct Provided {
    pub(crate) chunk: String,
    pub(crate) plugin: Arc<str>,
    /// Its outcome; the fragments themselves go into the payload. `None` where it missed the deadline.
    pub(crate) run: Option<Outcome>,
    /// Under what the answer is kept, and the answer.
    keep: Option<(Key, Vec<GatheredText>)>,
}

/// What context plugins provided, by chunk.
#[derive(Default)]
pub(crate) struct Served(BTreeMap<String, Serving>);

struct Serving {
    key: Key,
    at: Timestamp,
    texts: Vec<GatheredText>,
}

/// What an answer depends on; another key is another question.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key(ContentHash);

impl Served {
    /// Keep what was provided.
    pub(crate) fn keep(&mut self, provided: &mut Provided, at: Timestamp) {
        if let Some((key, texts)) = provided.keep.take() {
            self.0
                .insert(provided.chunk.clone(), Serving { key, at, texts });
        }
    }
}

/// One thing to fetch, with all that fetching it takes.
pub(crate) struct Errand {
    need: Need,
    how: How,
}

enum How {
    Read(HouseFile),
    /// Here already.
    Have(Vec<GatheredText>),
    Fill {
        template: Template,
        values: Arc<serde_json::Value>,
    },
    Ask(Box<Question>),
}

enum Template {
    Inline(Marked<Arc<str>>),
    File(HouseFile),
}

/// A file of the house.
struct HouseFile {
    path: PathBuf,
    root: Arc<Path>,
    held: Held,
}

/// Whether it is read when it is sent.
enum Held {
    /// It is.
    No,
    /// It was read when the house was let in.
    Bytes(Arc<[u8]>),
    /// It was not there then.
    Missing,
}

impl HouseFile {
    fn of(house: &House, root: &Arc<Path>, name: &str) -> Self {
        HouseFile {
            path: root.join(name),
            root: root.clone(),
            held: match (house.holds(), house.held(name)) {
                (false, _) => Held::No,
                (true, Some(bytes)) => Held::Bytes(bytes.clone()),
                (true, None) => Held::Missing,
            },
        }
    }

    fn read(&self) -> Result<String, String> {
        let path = self.path.display();
        match &self.held {
            Held::No => read(&self.path, &self.root),
            Held::Bytes(bytes) => String::from_utf8(bytes.to_vec())
                .map_err(|_| format!("cannot read {path}: it is not text (UTF-8)")),
            Held::Missing => Err(format!(
                "cannot read {path}: it is not among what is released"
            )),
        }
    }
}

struct Question {
    plugin: Arc<Plugin>,
    grant: Grant,
    request: ContextRequest,
    key: Key,
    /// What it provided the last time, and how long ago.
    before: Option<(Vec<GatheredText>, Duration)>,
}

/// For whom errands are run.
pub(crate) struct Asker<'a> {
    pub(crate) services: &'a Services,
    pub(crate) agent: &'a AgentDef,
    pub(crate) bundle: &'a ChartBundle,
    pub(crate) plugins: &'a [Arc<Plugin>],
    pub(crate) states: Vec<StateId>,
    /// The workflow that it is bound to.
    pub(crate) work: Option<&'a Binding>,
    pub(crate) query: &'a str,
    pub(crate) served: &'a Served,
    /// What templates see.
    pub(crate) values: Arc<serde_json::Value>,
    pub(crate) memories: &'a dyn memories::Recall,
}

impl Asker<'_> {
    /// The errands that `plan` makes necessary.
    pub(crate) fn errands(&self, plan: &context::Plan) -> Result<Vec<Errand>, String> {
        plan.needs()
            .iter()
            .map(|need| {
                Ok(Errand {
                    how: self.how(need)?,
                    need: need.clone(),
                })
            })
            .collect()
    }

    fn how(&self, need: &Need) -> Result<How, String> {
        let root: Arc<Path> = self.services.house.root.as_path().into();
        let file = |path: &str| HouseFile::of(&self.services.house, &root, path);
        Ok(match &need.kind {
            NeedKind::File(path) => How::Read(file(&path.value)),
            NeedKind::Template(context::Template::Inline(text)) => How::Fill {
                template: Template::Inline(text.clone()),
                values: self.values.clone(),
            },
            NeedKind::Template(context::Template::File(path)) => How::Fill {
                template: Template::File(file(&path.value)),
                values: self.values.clone(),
            },
            NeedKind::Memory { layer, .. } => How::Have(self.memories.recall(*layer, self.query)?),
            NeedKind::Plugin { .. } => return self.question(need),
        })
    }

    fn question(&self, need: &Need) -> Result<How, String> {
        let NeedKind::Plugin {
            name,
            params,
            budget,
            expires,
            depends,
        } = &need.kind
        else {
            return Err(format!("chunk `{}` asks no plugin", need.chunk));
        };
        let plugin = self
            .plugins
            .iter()
            .find(|plugin| plugin.name().as_str() == name.value)
            .ok_or_else(|| format!("the agent has no plugin `{name}`"))?;
        let cognition: Vec<String> = self
            .states
            .iter()
            .map(|state| self.bundle.chart.state(*state).id.to_string())
            .filter(|id| !id.is_empty())
            .collect();
        let grant = grants::for_component(
            &self.services.house,
            self.agent,
            self.bundle,
            self.states.iter().copied(),
            self.work,
            plugin,
            "provide",
        )?;
        // What it may look at decides what it sees, like its parameters.
        let asked = serde_json::json!({
            "grant": format!("{grant:?}"),
            "plugin": plugin.info().hash, "params": params, "budget": budget,
            "states": depends.states.then_some(&cognition),
            "query": depends.query.then_some(self.query),
        });
        let key = Key(ContentHash::of(asked.to_string().as_bytes()));
        let now = self.services.clock.now();
        let serving = self.served.0.get(&need.chunk);
        let before = serving
            .filter(|serving| serving.key == key)
            .map(|serving| (serving.texts.clone(), since(serving.at, now)));
        if let (Some(expires), Some((texts, age))) = (expires, &before)
            && age < expires
        {
            return Ok(How::Have(texts.clone()));
        }
        Ok(How::Ask(Box::new(Question {
            plugin: plugin.clone(),
            grant,
            request: ContextRequest {
                params: params.clone(),
                budget: u32::try_from(*budget).unwrap_or(u32::MAX),
                cognition,
                workflow: Vec::new(),
                query: self.query.to_owned(),
            },
            key,
            before,
        })))
    }
}

fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.0.saturating_sub(then.0)).unwrap_or(0))
}

/// Whether all `errands` are quick: nothing in the sandbox, so that nothing is waited for.
pub(crate) fn are_quick(errands: &[Errand], guards: &Guards) -> bool {
    let quick = |errand: &Errand| !matches!(errand.how, How::Ask(_));
    errands.iter().all(quick) && !guards.are_posted()
}

/// The plugins that `errands` ask, each with its chunk.
pub(crate) fn asked(errands: &[Errand]) -> impl Iterator<Item = (&str, &str)> {
    errands.iter().filter_map(|errand| match &errand.how {
        How::Ask(question) => Some((errand.need.chunk.as_str(), question.plugin.name().as_str())),
        _ => None,
    })
}

/// Run all errands at the same time. Those in the sandbox have until `deadline`, all of them together.
pub(crate) async fn run(
    services: &Services,
    errands: Vec<Errand>,
    guards: &Guards,
    deadline: Duration,
    context: &CallContext,
) -> Found {
    let fetched = join_all(
        errands
            .iter()
            .map(|errand| fetch(services, errand, guards, deadline, context)),
    )
    .await;
    let mut found = Found {
        texts: Ok(Texts::new()),
        provided: Vec::new(),
        guarded: Vec::new(),
    };
    for (errand, fetched) in errands.iter().zip(fetched) {
        found.provided.extend(fetched.provided);
        let chunk = &errand.need.chunk;
        let guarded = fetched.guarded.into_iter();
        found
            .guarded
            .extend(guarded.map(|inspected| (chunk.clone(), inspected)));
        put(&mut found.texts, errand, fetched.got);
    }
    found
}

/// Run `errands`, which [`are_quick`].
pub(crate) fn run_quick(errands: &[Errand]) -> Result<Texts, String> {
    let mut texts = Ok(Texts::new());
    for errand in errands {
        put(&mut texts, errand, at_once(&errand.how));
    }
    texts
}

fn put(texts: &mut Result<Texts, String>, errand: &Errand, got: Result<Got, String>) {
    let Ok(all) = texts else {
        return;
    };
    match got {
        Ok(Got::Texts(fetched)) => all.put(errand.need.id, fetched),
        Ok(Got::Stale(fetched, note)) => {
            all.put(errand.need.id, fetched);
            all.note(errand.need.id, note);
        }
        Ok(Got::Nothing(why)) => all.missing(errand.need.id, why),
        Err(why) => *texts = Err(format!("chunk `{}`: {why}", errand.need.chunk)),
    }
}

/// What an errand brought.
enum Got {
    Texts(Vec<GatheredText>),
    /// What there was the last time, and why not what there is now.
    Stale(Vec<GatheredText>, String),
    /// Nothing, and why.
    Nothing(String),
}

struct Fetched {
    got: Result<Got, String>,
    provided: Option<Provided>,
    guarded: Vec<Inspected>,
}

async fn fetch(
    services: &Services,
    errand: &Errand,
    guards: &Guards,
    deadline: Duration,
    context: &CallContext,
) -> Fetched {
    let mut fetched = match &errand.how {
        How::Ask(question) => ask(services, errand, question, guards, deadline, context).await,
        how => Fetched {
            got: at_once(how),
            provided: None,
            guarded: Vec::new(),
        },
    };
    if let Ok(Got::Texts(texts) | Got::Stale(texts, _)) = &mut fetched.got {
        fetched
            .guarded
            .extend(inspect(texts, guards, context).await);
    }
    fetched
}

/// Show the guards what did not come from the house itself.
async fn inspect(
    texts: &mut [GatheredText],
    guards: &Guards,
    context: &CallContext,
) -> Vec<Inspected> {
    let mut all = Vec::new();
    for text in texts {
        if matches!(text.provenance, Provenance::House | Provenance::File(_)) {
            continue;
        }
        let inspected = guards
            .on_a_chunk(&text.text, &text.provenance, &text.labels, context)
            .await;
        if inspected.blocked.is_some() || inspected.redacted.is_some() {
            text.text = inspected.apply(text.text.to_string()).into();
        }
        all.push(inspected);
    }
    all
}

async fn ask(
    services: &Services,
    errand: &Errand,
    question: &Question,
    guards: &Guards,
    deadline: Duration,
    context: &CallContext,
) -> Fetched {
    let asked = services.sandbox.provide(
        &question.plugin,
        &question.request,
        &question.grant,
        context,
    );
    let plugin = question.plugin.shared_name().clone();
    let mut provided = Provided {
        chunk: errand.need.chunk.clone(),
        plugin: plugin.clone(),
        run: None,
        keep: None,
    };
    let mut looked_at = Vec::new();
    let failed = match tokio::time::timeout(deadline, asked).await {
        Ok((Ok(fragments), mut outcome)) => {
            let looked_at = guards
                .on_an_outcome(&question.plugin, &mut outcome, context)
                .await;
            let texts: Vec<GatheredText> = fragments
                .into_iter()
                .map(|fragment| GatheredText {
                    text: fragment.text.into(),
                    provenance: Provenance::Plugin {
                        name: plugin.clone(),
                        generation: question.plugin.info().hash.short().into(),
                    },
                    labels: labels_of(&question.plugin),
                })
                .collect();
            provided.run = Some(outcome);
            provided.keep = Some((question.key, texts.clone()));
            return Fetched {
                got: Ok(Got::Texts(texts)),
                provided: Some(provided),
                guarded: looked_at,
            };
        }
        Ok((Err(_), mut outcome)) => {
            looked_at = guards
                .on_an_outcome(&question.plugin, &mut outcome, context)
                .await;
            let said = outcome.result.as_ref().err().map(ToString::to_string);
            provided.run = Some(outcome);
            format!("{plugin} failed: {}", said.unwrap_or_default())
        }
        Err(_) => format!("{plugin} missed the payload's deadline of {deadline:?}"),
    };
    let got = match &question.before {
        Some((texts, age)) => Got::Stale(
            texts.clone(),
            format!("stale, {} s old: {failed}", age.as_secs()),
        ),
        None => Got::Nothing(failed),
    };
    Fetched {
        got: Ok(got),
        provided: Some(provided),
        guarded: looked_at,
    }
}

/// What can be had without waiting.
fn at_once(how: &How) -> Result<Got, String> {
    match how {
        How::Read(file) => Ok(Got::Texts(vec![GatheredText {
            text: file.read()?.into(),
            provenance: Provenance::File(file.path.to_string_lossy().into()),
            labels: Vec::new(),
        }])),
        How::Have(texts) => Ok(Got::Texts(texts.clone())),
        How::Fill { template, values } => Ok(Got::Texts(vec![fill(template, values)?])),
        How::Ask(_) => Err("a plugin cannot be asked at once".into()),
    }
}

fn fill(template: &Template, values: &serde_json::Value) -> Result<GatheredText, String> {
    let (text, place, provenance) = match template {
        Template::Inline(text) => (
            text.value.to_string(),
            text.place.clone(),
            Provenance::House,
        ),
        Template::File(file) => {
            let shown: Arc<str> = file.path.to_string_lossy().into();
            let place = Place::new(shown.clone(), 1, 1);
            (file.read()?, place, Provenance::File(shown))
        }
    };
    let text = context::render_template(&text, &place.file, &place, values)
        .map_err(|error| error.to_string())?;
    Ok(GatheredText {
        text: text.into(),
        provenance,
        labels: Vec::new(),
    })
}

/// Longest file of the house that a chunk may be, in bytes: more than any window holds.
const LONGEST_FILE: u64 = 16 << 20;

/// Read a file of the house as it is now: a regular one, inside the house, and text. `check` has looked at it; it may be another by now.
fn read(path: &Path, root: &Path) -> Result<String, String> {
    let failed = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", path.display());
    let real = path.canonicalize().map_err(|error| failed(&error))?;
    let house = root.canonicalize().map_err(|error| failed(&error))?;
    if !real.starts_with(&house) {
        return Err(failed(&"it leads out of the house"));
    }
    // Asked before it is opened: opening a pipe would wait for ever.
    let kind = std::fs::metadata(&real).map_err(|error| failed(&error))?;
    if !kind.is_file() {
        return Err(failed(&"it is not a regular file"));
    }
    let file = std::fs::File::open(&real).map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error))?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(failed(&format!(
            "it is longer than {}",
            Bytes(LONGEST_FILE)
        )));
    }
    String::from_utf8(bytes).map_err(|_| failed(&"it is not text (UTF-8)"))
}
