//! What the tools see and what they leave out, in the sentences in which it is told.

/// The rules, one sentence each. `walk`, `measure` and `lines` keep them; `count` answers them, so that a report can print them.
pub const RULES: [&str; 8] = [
    "Hidden entries (the name starts with a dot) are neither entered nor counted, only tallied as hidden.",
    "Symbolic links are never followed, only tallied as symlinks.",
    "Directories with a valid CACHEDIR.TAG are not entered, only tallied as caches.",
    "FIFOs, sockets and devices are never opened, only tallied as special.",
    "Names that are not UTF-8, and files and directories that cannot be read, are tallied as unreadable.",
    "A file with a NUL byte anywhere is binary: it counts as a file and with its bytes, its lines do not count and it is not searched.",
    "A line ends with a newline character, as wc -l counts.",
    "No ignore files are read, and the path asked for is itself exempt from the rules on hidden names, links and caches.",
];

/// A tool's description with the rules behind it.
pub fn stated(description: &str) -> String {
    format!("{description} Rules: {}", RULES.join(" "))
}
