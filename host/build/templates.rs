//! Puts what `charthouse new plugin` writes into the binary: for each language its files from `sdk/` and the WIT, by the path they get in the new plugin.
//!
//! A later folder replaces a file of an earlier one. `gitignore` becomes `.gitignore`, so that it says nothing in this repository.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Where files come from, and the folder of the new plugin they go to.
type Sources = &'static [(&'static str, &'static str)];

struct Language {
    name: &'static str,
    template: Sources,
    example: Sources,
}

const LANGUAGES: &[Language] = &[
    Language {
        name: "rust",
        template: &[
            ("sdk/common/template", ""),
            ("sdk/rust/template", ""),
            ("sdk/rust/Cargo.toml", "sdk/rust/Cargo.toml"),
            ("sdk/rust/src", "sdk/rust/src"),
            ("sdk/rust/macros", "sdk/rust/macros"),
            ("wit", "wit"),
        ],
        example: &[
            ("sdk/common/example", ""),
            ("sdk/common/files", ""),
            ("sdk/rust/example", ""),
        ],
    },
    Language {
        name: "python",
        template: &[
            ("sdk/common/template", ""),
            ("sdk/python/template", ""),
            ("sdk/python/charthouse.py", "charthouse.py"),
            ("wit", "wit"),
        ],
        example: &[
            ("sdk/common/example", ""),
            ("sdk/common/files", ""),
            ("sdk/python/example", ""),
        ],
    },
    Language {
        name: "js",
        template: &[
            ("sdk/common/template", ""),
            ("sdk/js/template", ""),
            ("sdk/js/charthouse.js", "src/charthouse.js"),
            ("sdk/js/files.js", "src/files.js"),
            ("sdk/js/wit", "wit"),
            ("wit", "wit/deps/charthouse"),
        ],
        example: &[
            ("sdk/common/example", ""),
            ("sdk/common/files", ""),
            ("sdk/js/example", ""),
        ],
    },
    Language {
        name: "ts",
        template: &[
            ("sdk/common/template", ""),
            ("sdk/ts/template", ""),
            ("sdk/js/charthouse.js", "src/charthouse.js"),
            ("sdk/ts/charthouse.d.ts", "src/charthouse.d.ts"),
            ("sdk/ts/files.d.ts", "src/files.d.ts"),
            ("sdk/js/files.js", "src/files.js"),
            ("sdk/js/wit", "wit"),
            ("wit", "wit/deps/charthouse"),
        ],
        example: &[
            ("sdk/common/example", ""),
            ("sdk/common/files", ""),
            ("sdk/ts/example", ""),
        ],
    },
    Language {
        name: "c",
        template: &[
            ("sdk/common/template", ""),
            ("sdk/c/template", ""),
            ("sdk/c/charthouse.h", "charthouse.h"),
            ("sdk/c/charthouse.c", "charthouse.c"),
            ("sdk/c/bindings", "bindings"),
            ("wit", "wit"),
        ],
        example: &[
            ("sdk/common/example", ""),
            ("sdk/common/files", ""),
            ("sdk/c/example", ""),
        ],
    },
    Language {
        name: "go",
        template: &[
            ("sdk/common/template/policy.yaml", "policy.yaml"),
            ("sdk/go/template", ""),
        ],
        example: &[("sdk/go/example", "")],
    },
];

/// Write `templates.rs` to `out`: a list of `(language, template, example)`, each of the two a list of `(path, content)`.
pub fn write(root: &Path, out: &Path) {
    let mut code = String::from("&[\n");
    for language in LANGUAGES {
        let _ = writeln!(
            code,
            "    Template {{ language: {:?}, template: {}, example: {} }},",
            language.name,
            listed(root, language.template),
            listed(root, language.example)
        );
    }
    code.push_str("]\n");
    std::fs::write(out.join("templates.rs"), code).expect("cannot write to OUT_DIR");
    for watched in ["sdk", "wit"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
}

fn listed(root: &Path, sources: Sources) -> String {
    let mut files = BTreeMap::new();
    for (from, to) in sources {
        gather(&root.join(from), to, &mut files);
    }
    let mut code = String::from("&[\n");
    for (path, file) in files {
        let file = file.display().to_string();
        let _ = writeln!(code, "        ({path:?}, include_bytes!({file:?})),");
    }
    code.push_str("    ]");
    code
}

fn gather(from: &Path, to: &str, files: &mut BTreeMap<String, PathBuf>) {
    if from.is_file() {
        files.insert(to.to_owned(), from.to_owned());
        return;
    }
    let entries = std::fs::read_dir(from)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", from.display()));
    for entry in entries {
        let path = entry.expect("a folder of the sdk can be listed").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // What building leaves behind, and frozen copies of the WIT.
        if ["target", "released", "__pycache__"].contains(&&*name) {
            continue;
        }
        let name = match &*name {
            "gitignore" => ".gitignore",
            name => name,
        };
        let to = match to {
            "" => name.to_owned(),
            to => format!("{to}/{name}"),
        };
        gather(&path, &to, files);
    }
}
