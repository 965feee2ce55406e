//! First-party plugin `repo-map`: a ranked outline of a source tree that fits its token budget.
//!
//! A model that sees which definitions a tree has, and where, asks for the right file at once. The outline holds what the rest of the tree uses most; it changes
//! when the tree changes and, unless `focus` is set, with nothing else, so that what a provider has cached of the prompt stays good.
//!
//! Read in this order: `walk` (which files there are; `rules` and `globs` say which count), `index` (what each defines; `cache` keeps it), `scan` with `lexer` and
//! `languages` (from text to definitions, as data for each language), `rank` (what matters), `select`, `overview` and `render` (what fits). Only `walk`, `index`
//! and `cache` know of files and state; all else is pure.

mod cache;
mod globs;
mod index;
mod languages;
mod lexer;
mod outline;
mod overview;
mod rank;
mod render;
mod rules;
mod scan;
mod select;
mod tokens;
mod walk;

use charthouse_sdk::files::{Kind, Links, Mounts, Place};
use charthouse_sdk::{ContextPlugin, Failure, Fragment, Request, arguments, export_context, log};
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};
use xxhash_rust::xxh3::Xxh3Default;

arguments! {
    /// What to outline.
    pub struct Params {
        /// The directory to outline.
        path: String = "/workspace".to_owned(),
        /// How many levels of directories the overview lists; as many as fit when absent. Outlines of files do not depend on it.
        depth: Option<u64>,
        /// Globs of the files to outline, relative to `path`: all when absent. One without `/` is about names at whatever depth.
        include: Vec<String> = Vec::<String>::new(),
        /// Globs of the files and directories to leave out, as if they were not there.
        exclude: Vec<String> = Vec::<String>::new(),
        /// Languages to outline, for instance `rust`: all when absent.
        languages: Vec<String> = Vec::<String>::new(),
        /// Whether what was last said decides what is shown. It then changes with every turn, and no provider can cache what follows.
        focus: bool = false,
    }
}

struct RepoMap;

impl ContextPlugin for RepoMap {
    type Params = Params;

    fn provide(request: Request<Params>) -> Result<Vec<Fragment>, Failure> {
        provide(&Mounts::granted(), &request, now()).map(|(fragments, _)| fragments)
    }
}

/// What a call took, for tests and the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Work {
    /// Files whose content was read.
    read: u64,
    /// Whether the whole answer came out of the cache.
    remembered: bool,
}

/// Nanoseconds since the Unix epoch, by the call's clock.
fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn provide(
    mounts: &Mounts,
    request: &Request<Params>,
    now: u64,
) -> Result<(Vec<Fragment>, Work), Failure> {
    let params = &request.params;
    let wanted = wanted(params)?;
    let place = directory(mounts, &params.path)?;
    let tree = walk::walk(&place, &wanted)?;
    let cache = cache::Cache::open(place.mount.directory.identity().unwrap_or_default());
    let query = params.focus.then_some(request.query.as_str());
    let name = hash(&[&format!("{}\0{params:?}", place.path)]);
    let fingerprint = fingerprint(&tree, request.budget, query);
    if let Some(fragments) = cache.answer(name, fingerprint) {
        return Ok((
            fragments,
            Work {
                read: 0,
                remembered: true,
            },
        ));
    }
    let index = index::index(&place, &tree, wanted.is_partial(), &cache, now);
    let ranks = rank::rank(&tree.files, &index.outlines, query);
    let frame = render::Frame {
        title: &place.path,
        budget: request.budget,
        depth: params.depth,
    };
    let fragments = render::render(frame, &tree, &index, &ranks);
    if index.settled {
        cache.keep_answer(name, fingerprint, &fragments);
    }
    if index.waiting > 0 {
        log::info(format!(
            "{} files of `{}` were not read yet: one call scans at most {} MiB, and the next goes on from there",
            index.waiting,
            place.path,
            index::SCAN_MAX >> 20
        ));
    }
    Ok((
        fragments,
        Work {
            read: index.read,
            remembered: false,
        },
    ))
}

fn wanted(params: &Params) -> Result<walk::Wanted, Failure> {
    let mut languages = Vec::new();
    for name in &params.languages {
        let found = languages::all().find(|language| language.name.eq_ignore_ascii_case(name));
        let known: Vec<&str> = languages::all().map(|language| language.name).collect();
        languages.push(found.ok_or_else(|| {
            let near = known
                .iter()
                .map(|known| (strsim::jaro_winkler(name, known), known));
            let near = near
                .filter(|(likeness, _)| *likeness > 0.75)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = near.map_or(String::new(), |(_, near)| {
                format!("did you mean `{near}`? ")
            });
            Failure::invalid(format!(
                "`languages` names `{name}`, which is not outlined: {hint}there are {}",
                known.join(", ")
            ))
        })?);
    }
    Ok(walk::Wanted {
        include: globs::Globs::new("include", &params.include)?,
        exclude: globs::Globs::new("exclude", &params.exclude)?,
        languages,
    })
}

/// The place that `path` means, which must be a directory.
fn directory<'m>(mounts: &'m Mounts, path: &str) -> Result<Place<'m>, Failure> {
    let place = mounts.place(path)?;
    let what = format!("map `{}`", place.path);
    let found = place
        .mount
        .directory
        .metadata(&place.relative, Links::Follow);
    match found.map_err(|error| error.failure(&what))?.kind {
        Kind::Directory => Ok(place),
        _ => Err(Failure::invalid(format!(
            "cannot {what}: it is not a directory; `path` names the directory to outline"
        ))),
    }
}

/// A hash of all that an answer depends on beside its parameters.
fn fingerprint(tree: &walk::Tree, budget: u32, query: Option<&str>) -> u64 {
    let mut text = format!("{budget}\0{query:?}\0{:?}\0", tree.left_out);
    for file in &tree.files {
        let language = file.language.map_or("", |language| language.name);
        let _ = write!(
            text,
            "{}\0{}\0{:?}\0{language}\0",
            file.path, file.bytes, file.modified
        );
    }
    hash(&[&text])
}

fn hash(texts: &[&str]) -> u64 {
    let mut hasher = Xxh3Default::new();
    for text in texts {
        hasher.update(text.as_bytes());
    }
    hasher.digest()
}

export_context!(RepoMap);

#[cfg(test)]
mod tests;
