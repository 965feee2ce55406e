//! Which definitions matter most: those that many other files use, and most of all those that are used by files that are used themselves.
//!
//! The idea is that of repository maps in coding agents and, before them, of PageRank (Brin and Page, 1998): a file passes its weight on to the definitions it
//! names, a definition's weight is its file's. Names are compared as hashes within a family of languages; a name that many files define says nothing and one
//! that is telling says more. All sums run in the order of paths, so the same tree gives the same figures to the last bit.

use crate::lexer;
use crate::outline::{Kind, Outline, name_hash};
use crate::walk::Found;
use std::collections::HashMap;

/// How much of a file's weight goes on to what it uses; the rest stands for where a reader begins.
const DAMPING: f64 = 0.85;
/// After this many rounds the order hardly changes any more.
const ROUNDS: usize = 12;
/// A name defined in more places than this is everybody's word.
const DEFINERS_MAX: usize = 12;
/// By how telling a name is.
const TELLING: [f64; 4] = [0.02, 0.15, 1.0, 1.5];
/// What a definition has of its file's weight though nobody uses it.
const UNUSED: f64 = 0.2;

/// How much what matters.
#[derive(Debug)]
pub struct Ranks {
    /// Of each file.
    pub files: Vec<f64>,
    /// Of each definition of each file.
    pub definitions: Vec<Vec<f64>>,
}

/// Rank what is in `outlines`. Where `query` has words, what they name counts more.
pub fn rank(files: &[Found], outlines: &[Option<Outline>], query: Option<&str>) -> Ranks {
    let focus = query.map(Focus::new);
    let prior: Vec<f64> = files
        .iter()
        .map(|file| {
            prior(&file.path)
                * focus
                    .as_ref()
                    .map_or(1.0, |focus| focus.of_path(&file.path))
        })
        .collect();
    let graph = Graph::new(outlines);
    let weights = graph.spread(&prior);
    let mut definitions: Vec<Vec<f64>> = Vec::with_capacity(files.len());
    for (file, outline) in outlines.iter().enumerate() {
        let Some(outline) = outline else {
            definitions.push(Vec::new());
            continue;
        };
        let share = UNUSED * weights.files[file] / (outline.definitions.len().max(1) as f64).sqrt();
        let of = |(index, definition): (usize, &crate::outline::Definition)| {
            let used = weights.used[graph.first[file] + index];
            let base = (used + share * TELLING[usize::from(definition.weight.min(3))])
                * of_kind(definition.kind);
            let focused = focus.as_ref().map_or(1.0, |focus| {
                let family = files[file].language.map_or(0, |language| language.family);
                focus.of_definition(definition.name, family, outline.signature(index))
            });
            base * focused
        };
        definitions.push(outline.definitions.iter().enumerate().map(of).collect());
    }
    Ranks {
        files: weights.files,
        definitions,
    }
}

fn of_kind(kind: Kind) -> f64 {
    match kind {
        Kind::Type => 1.2,
        Kind::Function | Kind::Method => 1.0,
        Kind::Heading => 0.8,
        Kind::Macro => 0.6,
        Kind::Constant => 0.5,
        Kind::Key => 0.4,
        Kind::Field => 0.3,
        Kind::Module => 0.2,
        // Shown where something in it is.
        Kind::Group => 0.0,
    }
}

/// Where a reader who knows nothing of the tree would begin.
fn prior(path: &str) -> f64 {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let depth = path.matches('/').count();
    let mut weight = 1.0 / (1.0 + 0.15 * depth as f64);
    if matches!(
        stem.as_str(),
        "readme" | "architecture" | "contributing" | "overview"
    ) {
        weight *= if depth == 0 { 4.0 } else { 1.5 };
    }
    if matches!(
        name,
        "Cargo.toml"
            | "package.json"
            | "pyproject.toml"
            | "setup.py"
            | "go.mod"
            | "pom.xml"
            | "build.gradle"
            | "build.gradle.kts"
            | "CMakeLists.txt"
            | "Makefile"
            | "Gemfile"
            | "composer.json"
            | "Package.swift"
    ) {
        weight *= 2.0;
    }
    if matches!(
        stem.as_str(),
        "main"
            | "lib"
            | "mod"
            | "index"
            | "__init__"
            | "__main__"
            | "app"
            | "cli"
            | "server"
            | "program"
    ) {
        weight *= 1.5;
    }
    let aside = |part: &str| {
        matches!(
            part,
            "test"
                | "tests"
                | "spec"
                | "specs"
                | "testdata"
                | "fixtures"
                | "__tests__"
                | "examples"
                | "example"
                | "samples"
                | "benches"
                | "bench"
                | "benchmarks"
                | "migrations"
                | "locale"
                | "i18n"
        )
    };
    let is_test = name.contains("_test.")
        || name.contains(".test.")
        || name.contains(".spec.")
        || name.starts_with("test_");
    if is_test || path.split('/').any(aside) {
        weight *= 0.25;
    }
    weight
}

/// What was asked, as words.
struct Focus {
    words: Vec<(u32, String)>,
}

impl Focus {
    fn new(query: &str) -> Self {
        let mut words: Vec<(u32, String)> = query
            .split(|character: char| !(character.is_alphanumeric() || character == '_'))
            .filter(|word| word.len() > 2)
            .take(200)
            .map(|word| (lexer::hash(word), word.to_lowercase()))
            .collect();
        words.sort_unstable();
        words.dedup();
        Focus { words }
    }

    fn of_path(&self, path: &str) -> f64 {
        let path = path.to_lowercase();
        let named = self
            .words
            .iter()
            .any(|(_, word)| path.contains(word.as_str()));
        if named { 10.0 } else { 1.0 }
    }

    fn of_definition(&self, name: u32, family: u8, signature: &str) -> f64 {
        if self
            .words
            .iter()
            .any(|(hash, _)| name_hash(*hash, family) == name)
        {
            return 50.0;
        }
        let signature = signature.to_lowercase();
        let named = self
            .words
            .iter()
            .any(|(_, word)| word.len() > 3 && signature.contains(word.as_str()));
        if named { 5.0 } else { 1.0 }
    }
}

/// Who uses what.
struct Graph {
    /// The number of each file's first definition; one more at the end.
    first: Vec<usize>,
    /// The file of each definition.
    file_of: Vec<u32>,
    /// Of each file, the definitions it uses elsewhere, with shares that sum up to 1.
    uses: Vec<Vec<(u32, f32)>>,
}

struct Weights {
    files: Vec<f64>,
    used: Vec<f64>,
}

impl Graph {
    fn new(outlines: &[Option<Outline>]) -> Self {
        let mut first = Vec::with_capacity(outlines.len() + 1);
        let mut file_of = Vec::new();
        let mut named: Vec<(u32, u32)> = Vec::new();
        let mut telling: Vec<u8> = Vec::new();
        for (file, outline) in outlines.iter().enumerate() {
            first.push(file_of.len());
            for definition in outline.iter().flat_map(|outline| &outline.definitions) {
                if definition.name != 0 {
                    named.push((definition.name, file_of.len() as u32));
                }
                file_of.push(file as u32);
                telling.push(definition.weight.min(3));
            }
        }
        first.push(file_of.len());
        named.sort_unstable();
        let mut definers: HashMap<u32, &[(u32, u32)]> = HashMap::with_capacity(named.len());
        for group in named.chunk_by(|a, b| a.0 == b.0) {
            if group.len() <= DEFINERS_MAX {
                definers.insert(group[0].0, group);
            }
        }
        let mut graph = Graph {
            first,
            file_of,
            uses: Vec::with_capacity(outlines.len()),
        };
        for (file, outline) in outlines.iter().enumerate() {
            let mut uses: Vec<(u32, f32)> = Vec::new();
            for name in outline.iter().flat_map(|outline| &outline.uses) {
                let Some(group) = definers.get(name) else {
                    continue;
                };
                // What a file defines itself it means itself.
                if group
                    .iter()
                    .any(|(_, definition)| graph.file_of[*definition as usize] == file as u32)
                {
                    continue;
                }
                for (_, definition) in *group {
                    let weight =
                        TELLING[usize::from(telling[*definition as usize])] / group.len() as f64;
                    uses.push((*definition, weight as f32));
                }
            }
            let total: f32 = uses.iter().map(|(_, weight)| weight).sum();
            for (_, weight) in &mut uses {
                *weight /= total;
            }
            graph.uses.push(uses);
        }
        graph
    }

    /// Let weight flow from the files that use to the definitions used, and to their files.
    fn spread(&self, prior: &[f64]) -> Weights {
        let total: f64 = prior.iter().sum();
        let prior: Vec<f64> = prior.iter().map(|weight| weight / total).collect();
        let mut files = prior.clone();
        let mut used = vec![0.0; self.file_of.len()];
        for _ in 0..ROUNDS {
            used.fill(0.0);
            // What uses nothing gives its weight back to where readers begin.
            let mut idle = 0.0;
            for (weight, uses) in files.iter().zip(&self.uses) {
                if uses.is_empty() {
                    idle += weight;
                }
                for (definition, share) in uses {
                    used[*definition as usize] += DAMPING * weight * f64::from(*share);
                }
            }
            for (next, prior) in files.iter_mut().zip(&prior) {
                *next = (1.0 - DAMPING + DAMPING * idle) * prior;
            }
            for (definition, weight) in used.iter().enumerate() {
                files[self.file_of[definition] as usize] += weight;
            }
        }
        Weights { files, used }
    }
}
