//! What travels in the binary: the shipped definitions, each also a file under `charts/`, the first-party components, and the templates of new plugins.

/// A file of a new house: where it goes, and what it says.
pub struct Shipped {
    /// Path in the house.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($path:literal => $source:literal),* $(,)?) => {
        &[$(Shipped { path: $path, text: include_str!(concat!("../../charts/", $source)) }),*]
    };
}

/// Every file of a new house but its components.
pub const DEFINITIONS: &[Shipped] = shipped! {
    "house.yaml" => "house.yaml",
    "agents/assistant.yaml" => "agents/assistant.yaml",
    "agents/assistant.md" => "agents/assistant.md",
    "agents/coder.yaml" => "agents/coder.yaml",
    "agents/coder.md" => "agents/coder.md",
    "agents/editor.yaml" => "agents/editor.yaml",
    "agents/editor.md" => "agents/editor.md",
    "agents/inspector.yaml" => "agents/inspector.yaml",
    "agents/inspector.md" => "agents/inspector.md",
    "agents/planner.yaml" => "agents/planner.yaml",
    "agents/planner.md" => "agents/planner.md",
    "agents/reviewer.yaml" => "agents/reviewer.yaml",
    "agents/reviewer.md" => "agents/reviewer.md",
    "agents/surveyor.yaml" => "agents/surveyor.yaml",
    "agents/surveyor.md" => "agents/surveyor.md",
    "charts/cognition/deliberate.yaml" => "cognition/deliberate.yaml",
    "charts/cognition/orchestrate.yaml" => "cognition/orchestrate.yaml",
    "charts/cognition/react.yaml" => "cognition/react.yaml",
    "charts/cognition/reflect.yaml" => "cognition/reflect.yaml",
    "charts/workflows/change-control.yaml" => "workflows/change-control.yaml",
    "charts/workflows/corrective-action.yaml" => "workflows/corrective-action.yaml",
    "charts/workflows/implement-review.yaml" => "workflows/implement-review.yaml",
    "charts/workflows/nonconformance.yaml" => "workflows/nonconformance.yaml",
    "policies/default.yaml" => "policies/default.yaml",
    "scenarios/change-control.yaml" => "scenarios/change-control.yaml",
    "scenarios/corrective-action.yaml" => "scenarios/corrective-action.yaml",
    "scenarios/deliberate.yaml" => "scenarios/deliberate.yaml",
    "scenarios/implement-review.yaml" => "scenarios/implement-review.yaml",
    "scenarios/nonconformance.yaml" => "scenarios/nonconformance.yaml",
    "scenarios/orchestrate.yaml" => "scenarios/orchestrate.yaml",
    "scenarios/react.yaml" => "scenarios/react.yaml",
    "scenarios/reflect.yaml" => "scenarios/reflect.yaml",
    "scripts/inspection.yaml" => "scripts/inspection.yaml",
    "scripts/survey.yaml" => "scripts/survey.yaml",
};

/// First-party components by name. Empty in a binary that was built before them.
pub const COMPONENTS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/components.rs"));

/// The files of a new plugin in one language, by the path they get in it.
pub struct Template {
    /// The language, as the command line has it.
    pub language: &'static str,
    /// The least that builds.
    pub template: &'static [(&'static str, &'static [u8])],
    /// What a worked example has in the place of some of them, and beside them.
    pub example: &'static [(&'static str, &'static [u8])],
}

/// A template for each language.
pub const TEMPLATES: &[Template] = include!(concat!(env!("OUT_DIR"), "/templates.rs"));
