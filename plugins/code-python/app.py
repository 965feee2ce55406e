"""`code-python.run`: a snippet of Python in CPython, under the grant of the call that brought it.

The snippet runs in this very instance, which is made for the call and gone after it: there is nothing here to protect from it. What it may touch is decided by
the sandbox around the whole component; files are opened with `open`, as everywhere in Python. It must not know charthouse.
"""

import ast
import contextlib
import io
import json
import os
import random
import sys
import traceback

# What snippets mostly want: what is imported while the component is built is there at once in every call.
import collections  # noqa: F401
import csv  # noqa: F401
import datetime  # noqa: F401
import decimal  # noqa: F401
import fractions  # noqa: F401
import functools  # noqa: F401
import hashlib  # noqa: F401
import itertools  # noqa: F401
import math  # noqa: F401
import re  # noqa: F401
import statistics  # noqa: F401
import string  # noqa: F401
import textwrap  # noqa: F401

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.tool import Call, Effect, Spec
from wit_world.imports.types import Failure_Failed, Failure_Invalid, Part_Json

SNIPPET = "snippet.py"

PARAMETERS = json.dumps(
    {
        "type": "object",
        "required": ["code"],
        "additionalProperties": False,
        "properties": {
            "code": {
                "type": "string",
                "description": "Python 3. The value of its last expression is the result; `print` writes to stdout; `input_` is the call's input. "
                "`open` reaches mounts such as /workspace. The standard library is there but for threads, processes and sockets.",
            },
            "input": {"description": "Any JSON value; the snippet sees it as `input_`."},
        },
    }
)


class Tool(exports.Tool):
    def specs(self) -> list[Spec]:
        description = (
            "Run a snippet of Python and answer its result and what it printed. Good for computing, reshaping data and going through files."
        )
        return [Spec("run", description, PARAMETERS, Effect.ONCE)]

    def invoke(self, call: Call) -> list[Part_Json]:
        if call.name != "run":
            raise Err(Failure_Invalid(f"there is no tool `{call.name}`; there is `run`"))
        arguments = json.loads(call.arguments)
        # The generator's state is from when this component was built.
        random.seed(os.urandom(16))
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                result = run(arguments["code"], arguments.get("input"))
        except BaseException as error:  # a snippet may raise anything, SystemExit too
            said = out.getvalue().rstrip()
            said = f"\nit wrote before:\n{said}" if said else ""
            raise Err(Failure_Failed(described(error) + said))
        try:
            answer = json.dumps({"result": result, "stdout": out.getvalue()}, allow_nan=False)
        except (TypeError, ValueError):
            answer = json.dumps({"result": repr(result), "stdout": out.getvalue()})
        return [Part_Json(answer)]


def run(code: str, given):
    """Run `code`; its last expression's value, if it ends with one."""
    tree = ast.parse(code, SNIPPET)
    names = {"__name__": "__main__", "input_": given}
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, SNIPPET, "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), SNIPPET, "eval"), names)


def described(error: BaseException) -> str:
    """The error with the number of the snippet's own line that it comes from."""
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    else:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == SNIPPET]
    at = f" (line {lines[-1]})" if lines and lines[-1] else ""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}{at}"


sys.setrecursionlimit(500)
