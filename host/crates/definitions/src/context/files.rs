//! The files that chunks name, and what is written in templates: judged once the house's directory is known.

use crate::paths::Paths;
use crate::source;
use crate::walk::Walk;
use context::{ChunkDef, Source, TEMPLATE_NAMES, Template, check_template_of};
use std::sync::Arc;
use types::{Marked, Place};

/// Check the files that `chunks` name, write them relative to the house, and check their templates.
pub(crate) fn resolve_files(walk: &mut Walk, chunks: &mut [ChunkDef], paths: &Paths) {
    for chunk in chunks {
        match &mut chunk.source {
            Source::File(file) => text_file(walk, file, paths),
            Source::Template(Template::File(file)) => template_file(walk, file, paths),
            Source::Template(Template::Inline(text)) => {
                check_text(walk, text, &chunk.id, &text.place, None);
            }
            _ => {}
        }
    }
}

/// The file that a chunk's text or template is in.
pub(crate) fn file_of(chunk: &ChunkDef) -> Option<&String> {
    match &chunk.source {
        Source::File(file) | Source::Template(Template::File(file)) => Some(&file.value),
        _ => None,
    }
}

/// Make `file` relative to the house; whether it is there.
fn find(walk: &mut Walk, file: &mut Marked<String>, paths: &Paths) -> bool {
    let found = paths.chunk_file(walk, file);
    let is_there = found.is_some();
    file.value = found.unwrap_or_else(|| std::mem::take(&mut file.value));
    is_there
}

/// A file that is sent as it is: what cannot be read now could not be when it is sent.
fn text_file(walk: &mut Walk, file: &mut Marked<String>, paths: &Paths) {
    if !find(walk, file, paths) {
        return;
    }
    let shown: Arc<str> = file.as_str().into();
    if !walk.texts.insert(shown.clone()) {
        return;
    }
    let path = paths.root().join(file.as_str());
    match walk.read_named(&path, &shown, source::read_chunk) {
        Err(finding) => walk.push(finding),
        Ok(text) => {
            if let Some(broken) = text.broken {
                walk.sources.add(shown, text.text);
                walk.push(broken);
            }
        }
    }
}

fn template_file(walk: &mut Walk, file: &mut Marked<String>, paths: &Paths) {
    if !find(walk, file, paths) {
        return;
    }
    let shown: Arc<str> = file.as_str().into();
    if !walk.templates.insert(shown.clone()) {
        return;
    }
    let path = paths.root().join(file.as_str());
    let text = match walk.read_named(&path, &shown, source::read) {
        Ok(text) => text,
        Err(finding) => {
            walk.push(finding);
            return;
        }
    };
    walk.sources.add(shown.clone(), text.text.clone());
    match text.broken {
        Some(broken) => walk.push(broken),
        None => check_text(
            walk,
            &text.text,
            &shown,
            &Place::new(shown.clone(), 1, 1),
            None,
        ),
    }
}

/// Names that a template knows, each with its parts.
type Names<'a> = &'a [(&'a str, &'a [&'a str])];

/// Complain of what is wrong with the template `text`, which is called `name` and begins at `place`. It knows `names`; `None` is what chunks know.
pub(crate) fn check_text(
    walk: &mut Walk,
    text: &str,
    name: &str,
    place: &Place,
    names: Option<Names<'_>>,
) {
    let findings = check_template_of(text, name, place, names.unwrap_or(&TEMPLATE_NAMES));
    let as_written = findings.is_empty() || stands_at(walk, text, place);
    for mut finding in findings {
        if !as_written {
            finding.place = place.clone();
        }
        if finding.help.is_empty() {
            finding.help = match names {
                None => {
                    "a template is Jinja: `{{ agent.name }}`, `{% if 'act' in states %}…{% endif %}`"
                }
                Some(_) => "a template is Jinja: `{{ trigger.name }}`",
            }
            .into();
        }
        walk.push(finding);
    }
}

/// Whether each line of `text` stands at `place` as it is. YAML folds lines and replaces escapes, and then a line and a column of the text are none of the file.
fn stands_at(walk: &Walk, text: &str, place: &Place) -> bool {
    let column = place.column.saturating_sub(1) as usize;
    let mut written = walk.sources.lines_from(place);
    text.lines().all(|line| {
        let at = written.next().unwrap_or_default();
        let skipped = at.char_indices().nth(column).map_or(at.len(), |(n, _)| n);
        at[skipped..].starts_with(line)
    })
}
