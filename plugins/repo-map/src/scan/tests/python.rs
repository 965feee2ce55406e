//! Python: blocks by indentation, decorators, strings over several lines.

use super::check;

#[test]
fn python() {
    check(
        "a.py",
        r#"#!/usr/bin/env python3
"""Doc:
def not_this():
"""
import os
MOST = 10
TABLE: dict[str, int] = {
    "a": 1,
}
lower = 1
# def nor_this(): pass
@decorated(
    with_argument=True,
)
def first(a, b=")", *, c: int = 1) -> str:
    def inner():
        pass
    text = '''
def in_text():
'''
    return f"{a}" + r"\"

async def second(
    a,
    b,  # comment
):
    pass

class Thing(Base, metaclass=Meta):
    LIMIT = 3
    x = 1

    @property
    def value(self):
        class Local: pass
        return 1

    class Inner:
        def deep(self): return 2

if True:
    def conditional(): ...
"#,
        "\
6 MOST = 10
7 TABLE: dict[str, int] = {\"a\": 1}
15 def first(a, b=\")\", *, c: int = 1) -> str
23 async def second(a, b)
29 class Thing(Base, metaclass=Meta)
  30 LIMIT = 3
  34 def value(self)
  38 class Inner
    39 def deep(self): return 2
42 def conditional(): ...
",
    );
}
