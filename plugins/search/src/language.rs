//! Which language a file is in, by its name alone.

/// Languages by what follows the last dot of a name. Sorted, so that it can be searched by halving.
const EXTENSIONS: &[(&str, &str)] = &[
    ("C", "C++"),
    ("H", "C++"),
    ("R", "R"),
    ("S", "Assembly"),
    ("ada", "Ada"),
    ("adb", "Ada"),
    ("adoc", "AsciiDoc"),
    ("ads", "Ada"),
    ("asm", "Assembly"),
    ("astro", "Astro"),
    ("awk", "Awk"),
    ("bash", "Shell"),
    ("bat", "Batch"),
    ("bazel", "Starlark"),
    ("bzl", "Starlark"),
    ("c", "C"),
    ("cc", "C++"),
    ("cjs", "JavaScript"),
    ("cl", "Common Lisp"),
    ("clj", "Clojure"),
    ("cljc", "Clojure"),
    ("cljs", "Clojure"),
    ("cmake", "CMake"),
    ("cmd", "Batch"),
    ("cpp", "C++"),
    ("cr", "Crystal"),
    ("cs", "C#"),
    ("csh", "Shell"),
    ("css", "CSS"),
    ("csv", "CSV"),
    ("cts", "TypeScript"),
    ("cu", "CUDA"),
    ("cxx", "C++"),
    ("d", "D"),
    ("dart", "Dart"),
    ("diff", "Diff"),
    ("el", "Emacs Lisp"),
    ("elm", "Elm"),
    ("erl", "Erlang"),
    ("ex", "Elixir"),
    ("exs", "Elixir"),
    ("f", "Fortran"),
    ("f90", "Fortran"),
    ("f95", "Fortran"),
    ("fish", "Shell"),
    ("for", "Fortran"),
    ("fs", "F#"),
    ("fsx", "F#"),
    ("gd", "GDScript"),
    ("gleam", "Gleam"),
    ("glsl", "GLSL"),
    ("go", "Go"),
    ("gql", "GraphQL"),
    ("gradle", "Gradle"),
    ("graphql", "GraphQL"),
    ("groovy", "Groovy"),
    ("h", "C header"),
    ("hcl", "HCL"),
    ("hh", "C++"),
    ("hlsl", "HLSL"),
    ("hpp", "C++"),
    ("hrl", "Erlang"),
    ("hs", "Haskell"),
    ("htm", "HTML"),
    ("html", "HTML"),
    ("hxx", "C++"),
    ("ini", "INI"),
    ("ipynb", "Jupyter Notebook"),
    ("java", "Java"),
    ("jl", "Julia"),
    ("js", "JavaScript"),
    ("json", "JSON"),
    ("json5", "JSON"),
    ("jsonc", "JSON"),
    ("jsonl", "JSON"),
    ("jsx", "JavaScript"),
    ("kt", "Kotlin"),
    ("kts", "Kotlin"),
    ("less", "Less"),
    ("lisp", "Common Lisp"),
    ("lock", "Lock file"),
    ("lua", "Lua"),
    ("m", "Objective-C"),
    ("m4", "M4"),
    ("markdown", "Markdown"),
    ("md", "Markdown"),
    ("mdx", "Markdown"),
    ("mjs", "JavaScript"),
    ("mk", "Makefile"),
    ("ml", "OCaml"),
    ("mli", "OCaml"),
    ("mm", "Objective-C"),
    ("mts", "TypeScript"),
    ("nim", "Nim"),
    ("nix", "Nix"),
    ("pas", "Pascal"),
    ("patch", "Diff"),
    ("php", "PHP"),
    ("pl", "Perl"),
    ("pm", "Perl"),
    ("po", "Gettext"),
    ("proto", "Protocol Buffers"),
    ("ps1", "PowerShell"),
    ("psm1", "PowerShell"),
    ("purs", "PureScript"),
    ("py", "Python"),
    ("pyi", "Python"),
    ("pyx", "Cython"),
    ("r", "R"),
    ("rb", "Ruby"),
    ("rkt", "Racket"),
    ("rs", "Rust"),
    ("rst", "reStructuredText"),
    ("s", "Assembly"),
    ("sass", "Sass"),
    ("sc", "Scala"),
    ("scala", "Scala"),
    ("scm", "Scheme"),
    ("scss", "Sass"),
    ("sh", "Shell"),
    ("sol", "Solidity"),
    ("sql", "SQL"),
    ("ss", "Scheme"),
    ("sv", "SystemVerilog"),
    ("svelte", "Svelte"),
    ("svg", "SVG"),
    ("swift", "Swift"),
    ("tcl", "Tcl"),
    ("tex", "TeX"),
    ("tf", "HCL"),
    ("toml", "TOML"),
    ("ts", "TypeScript"),
    ("tsv", "CSV"),
    ("tsx", "TypeScript"),
    ("txt", "Text"),
    ("v", "Verilog"),
    ("vb", "Visual Basic"),
    ("vhd", "VHDL"),
    ("vhdl", "VHDL"),
    ("vim", "Vim script"),
    ("vue", "Vue"),
    ("wat", "WebAssembly text"),
    ("wgsl", "WGSL"),
    ("wit", "WIT"),
    ("xhtml", "HTML"),
    ("xml", "XML"),
    ("xsd", "XML"),
    ("xsl", "XML"),
    ("xslt", "XML"),
    ("yaml", "YAML"),
    ("yml", "YAML"),
    ("zig", "Zig"),
    ("zsh", "Shell"),
];

/// Languages by whole name, which counts more than an extension. Sorted.
const NAMES: &[(&str, &str)] = &[
    ("BUILD", "Starlark"),
    ("BUILD.bazel", "Starlark"),
    ("CMakeLists.txt", "CMake"),
    ("COPYING", "Text"),
    ("Containerfile", "Dockerfile"),
    ("Dockerfile", "Dockerfile"),
    ("GNUmakefile", "Makefile"),
    ("Gemfile", "Ruby"),
    ("Jenkinsfile", "Groovy"),
    ("Justfile", "Just"),
    ("Kconfig", "Kconfig"),
    ("LICENSE", "Text"),
    ("LICENSE-APACHE", "Text"),
    ("LICENSE-MIT", "Text"),
    ("Makefile", "Makefile"),
    ("README", "Text"),
    ("Rakefile", "Ruby"),
    ("SConstruct", "Python"),
    ("Vagrantfile", "Ruby"),
    ("WORKSPACE", "Starlark"),
    ("go.mod", "Go module"),
    ("go.sum", "Lock file"),
    ("justfile", "Just"),
    ("makefile", "Makefile"),
    ("meson.build", "Meson"),
    ("package-lock.json", "Lock file"),
    ("pnpm-lock.yaml", "Lock file"),
];

/// The language of a file of this name; of an unknown one, its extension.
pub fn language(name: &str) -> String {
    let extension = extension(name);
    let known = look_up(NAMES, name).or_else(|| {
        let extension = extension?;
        look_up(EXTENSIONS, extension)
            .or_else(|| look_up(EXTENSIONS, &extension.to_ascii_lowercase()))
    });
    match (known, extension) {
        (Some(language), _) => language.to_owned(),
        (None, Some(extension)) => format!("other (.{extension})"),
        (None, None) => "other (no extension)".to_owned(),
    }
}

/// What follows the last dot of a name; nothing where the dot is the first or the last character.
pub fn extension(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then_some(extension)
}

fn look_up(table: &'static [(&'static str, &'static str)], key: &str) -> Option<&'static str> {
    table
        .binary_search_by_key(&key, |(key, _)| key)
        .ok()
        .map(|index| table[index].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_hold_nothing_twice() {
        assert!(EXTENSIONS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn names_have_languages() {
        for (name, expected) in [
            ("main.rs", "Rust"),
            ("a.b.py", "Python"),
            ("README.MD", "Markdown"),
            ("x.C", "C++"),
            ("x.c", "C"),
            ("CMakeLists.txt", "CMake"),
            ("Makefile", "Makefile"),
            ("Cargo.lock", "Lock file"),
            ("photo.JPG", "other (.JPG)"),
            ("odd.", "other (no extension)"),
            ("AUTHORS", "other (no extension)"),
            ("with space.ts", "TypeScript"),
        ] {
            assert_eq!(language(name), expected, "{name}");
        }
        assert_eq!(extension(".bashrc"), None);
    }
}
