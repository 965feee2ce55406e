//! Markdown, TOML and YAML: headings, tables and the keys at the top.

use super::check;

#[test]
fn markdown() {
    check(
        "a.md",
        "---\ntitle: x\n# no: heading\n---\n# One #\ntext\n\nTwo\n---\n\n```sh\n# not a heading\n```\n<!--\n# hidden\n-->\n### Three\n- item\n---\n\n    # code\n#no\n# Four\n##### Five\n",
        "5 One\n  8 Two\n    17 Three\n23 Four\n",
    );
}

#[test]
fn toml() {
    check(
        "a.toml",
        "# [no]\nname = \"x [y]\"\nlist = [\n  \"a\",\n  [1],\n]\ntext = '''\n[not.a.table]\n'''\n[package]\nname = 1\n[[bin]] # one\n[ a.\"b.c\" ]\n",
        "2 name\n3 list\n7 text\n10 [package]\n12 [[bin]]\n13 [a.\"b.c\"]\n",
    );
}

#[test]
fn yaml() {
    check(
        "a.yaml",
        "---\n# no: key\nname: x\n\"on\":\n  push:\n    branches: [a]\nscript: |\n  not: key\n  more\nlist:\n- a: 1\nurl http://x\nkey with blanks: 1\n...\n{a: b}\n",
        "3 name\n4 \"on\"\n7 script\n10 list\n13 key with blanks\n",
    );
}
