//! Languages in which a line, not a brace, makes a definition.

use super::*;

const PYTHON: Language = Language {
    name: "python",
    family: 9,
    extensions: &["py", "pyi", "pyx"],
    names: &["SConstruct", "SConscript"],
    shape: Shape::Indented,
    line_comments: HASH,
    quotes: &[TRIPLE, quote("'''", true, true), DOUBLE, SINGLE],
    raw: Raw::Prefix,
    modifiers: &["async", "cpdef", "cdef"],
    keywords: &[function("def"), class("class")],
    capitals: true,
    ..NONE
};

const RUBY: Language = Language {
    name: "ruby",
    family: 10,
    extensions: &["rb", "rake", "gemspec"],
    names: &["Rakefile", "Gemfile", "Vagrantfile"],
    shape: Shape::Indented,
    line_comments: HASH,
    comments_after_blanks: true,
    block_comments: &[("=begin", "\n=end")],
    quotes: &[interpolated(DOUBLE, "#{"), SINGLE, quote("`", true, false)],
    regex: true,
    heredocs: Some("<<"),
    word_bytes: "@$",
    modifiers: &["private", "protected", "public", "private_class_method"],
    keywords: &[
        keyword("def", Kind::Function, Opens::Body, Name::Path),
        keyword("class", Kind::Type, Opens::Members, Name::Path),
        keyword("module", Kind::Module, Opens::Members, Name::Path),
    ],
    capitals: true,
    ..NONE
};

const SHELL: Language = Language {
    name: "shell",
    family: 11,
    extensions: &["sh", "bash", "zsh", "ksh"],
    shape: Shape::Flat,
    line_comments: HASH,
    comments_after_blanks: true,
    quotes: &[quote("\"", true, true), quote("'", false, true)],
    heredocs: Some("<<"),
    heredoc_blanks: true,
    word_bytes: "-:.",
    keywords: &[function("function")],
    ..NONE
};

const MARKDOWN: Language = Language {
    name: "markdown",
    family: 12,
    extensions: &["md", "markdown", "mdx"],
    shape: Shape::Markdown,
    ..NONE
};

const TOML: Language = Language {
    name: "toml",
    family: 13,
    extensions: &["toml"],
    shape: Shape::Toml,
    line_comments: HASH,
    quotes: &[
        TRIPLE,
        quote("'''", false, true),
        DOUBLE,
        quote("'", false, false),
    ],
    word_bytes: "-",
    ..NONE
};

const YAML: Language = Language {
    name: "yaml",
    family: 14,
    extensions: &["yaml", "yml"],
    shape: Shape::Yaml,
    ..NONE
};

pub const LANGUAGES: &[Language] = &[PYTHON, RUBY, SHELL, MARKDOWN, TOML, YAML];
