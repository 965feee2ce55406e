"""What authors of charthouse plugins use in Python: tools from typed functions, answers, failures, a log and a store.

    from typing import Annotated
    from charthouse import Invalid, Tool, tool

    @tool(effect="none")
    def greet(name: Annotated[str, "The person's name."], times: Annotated[int, "How often."] = 1) -> str:
        "Greets a person by name."
        if times > 10:
            raise Invalid("`times` is at most 10")
        return "\\n".join([f"Hello, {name}!"] * times)

The docstring is what the model reads about the tool. Types and defaults give the JSON Schema; `Annotated[…, "text"]` describes an argument. Types are `str`,
`int`, `float`, `bool`, `list[…]`, `dict`, `Literal["a", "b"]`, `… | None` and dataclasses of these. A `str` that is returned is text, any other value JSON;
`Blob`, or a list of `Text`, `Json` and `Blob`, says it exactly. The module named to componentize-py must have `Tool` in it, as the import above gives it.
"""

import dataclasses
import inspect
import json
import types
import typing
from difflib import get_close_matches
from typing import Any

try:
    from componentize_py_types import Err
    from wit_world.exports.tool import Effect, Spec
    from wit_world.imports import log as _log
    from wit_world.imports import state as _state
    from wit_world.imports import types as _types

    IN_HOST = True
except ModuleNotFoundError:
    # Outside the host, in unit tests: the log goes to standard error and the state is a dictionary that starts empty.
    IN_HOST = False


class Failure(Exception):
    """Why a tool could not do what it was asked. The text is read by a model: say what was wrong and what to do instead."""

    kind = "failed"


class Failed(Failure):
    """It tried and did not succeed."""


class Invalid(Failure):
    """The arguments were wrong; the caller can mend them."""

    kind = "invalid"


class Denied(Failure):
    """It was not permitted something it needs."""

    kind = "denied"


class Unavailable(Failure):
    """Something it needs is not there now; trying again later may help."""

    kind = "unavailable"


@dataclasses.dataclass
class Text:
    """A part of plain text."""

    text: str


@dataclasses.dataclass
class Json:
    """A part of JSON."""

    value: Any


@dataclasses.dataclass
class Blob:
    """Bytes of a media type."""

    mime: str
    bytes: bytes


class log:
    """Lines for the operator; the model never sees them."""

    @staticmethod
    def _write(level: str, message: str) -> None:
        if IN_HOST:
            _log.write(_log.Level[level.upper()], message)
        else:
            import sys

            print(f"{level}: {message}", file=sys.stderr)

    @staticmethod
    def debug(message: str) -> None:
        log._write("debug", message)

    @staticmethod
    def info(message: str) -> None:
        log._write("info", message)

    @staticmethod
    def warn(message: str) -> None:
        log._write("warn", message)

    @staticmethod
    def error(message: str) -> None:
        log._write("error", message)


_native: dict[str, bytes] = {}


class state:
    """The plugin's own key-value store: the only thing that outlives a call."""

    @staticmethod
    def get(key: str) -> bytes | None:
        return _host(lambda: _state.get(key)) if IN_HOST else _native.get(key)

    @staticmethod
    def set(key: str, value: bytes) -> None:
        if IN_HOST:
            _host(lambda: _state.set(key, value))
        else:
            _native[key] = value

    @staticmethod
    def delete(key: str) -> None:
        if IN_HOST:
            _host(lambda: _state.delete(key))
        else:
            _native.pop(key, None)

    @staticmethod
    def keys(prefix: str = "") -> list[str]:
        if IN_HOST:
            return _host(lambda: _state.keys(prefix))
        return sorted(key for key in _native if key.startswith(prefix))

    @staticmethod
    def get_json(key: str, default: Any = None) -> Any:
        """The value under `key`, read as JSON; what cannot be read is a failure, not an absence."""
        found = state.get(key)
        if found is None:
            return default
        try:
            return json.loads(found)
        except ValueError as error:
            raise Failed(f"what the state holds under `{key}` cannot be read: {error}") from error

    @staticmethod
    def set_json(key: str, value: Any) -> None:
        state.set(key, _compact(value).encode())


def _host(call: typing.Callable[[], Any]) -> Any:
    try:
        return call()
    except Err as error:
        kind = type(error.value).__name__.removeprefix("Failure_").lower()
        raise {"invalid": Invalid, "denied": Denied, "unavailable": Unavailable}.get(kind, Failed)(error.value.value) from None


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_tools: dict[str, "_Declared"] = {}


def tool(function: Any = None, *, effect: str = "once", name: str | None = None) -> Any:
    """Make a tool of a function. `effect` says what repeating a call does: `none`, `idempotent` or `once`."""
    if effect not in ("none", "idempotent", "once"):
        raise ValueError("an effect is `none`, `idempotent` or `once`")

    def declare(function: Any) -> Any:
        declared = _Declared(function, effect, name or function.__name__)
        _tools[declared.name] = declared
        return function

    return declare if function is None else declare(function)


class _Declared:
    """A tool as it was declared."""

    def __init__(self, function: Any, effect: str, name: str) -> None:
        if not function.__doc__:
            raise ValueError(f"`{name}` needs a docstring: it is what the model reads")
        self.function, self.effect, self.name = function, effect, name
        self.description = inspect.cleandoc(function.__doc__)
        hints = typing.get_type_hints(function, include_extras=True)
        fields = []
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name not in hints:
                raise ValueError(f"`{name}`: the parameter `{parameter.name}` needs a type")
            missing = parameter.default is inspect.Parameter.empty
            fields.append((parameter.name, hints[parameter.name], dataclasses.MISSING if missing else parameter.default))
        self.fields = fields
        self.parameters = _object_schema(fields)

    def call(self, arguments: Any) -> list[Any]:
        """Read the arguments and run the function; its answer as parts."""
        complaints: list[str] = []
        read = _read_object(self.fields, arguments, "", complaints)
        if complaints:
            raise Invalid("; ".join(complaints))
        answer = self.function(**read)
        if isinstance(answer, list) and answer and all(isinstance(part, (Text, Json, Blob)) for part in answer):
            return answer
        if answer is None:
            return []
        if isinstance(answer, (Text, Json, Blob)):
            return [answer]
        return [Text(answer) if isinstance(answer, str) else Json(answer)]


def _plain(hint: Any) -> tuple[Any, str, bool]:
    """A type without what is said of it, what is said, and whether it may be absent."""
    said = ""
    if typing.get_origin(hint) is typing.Annotated:
        hint, *notes = typing.get_args(hint)
        said = " ".join(note for note in notes if isinstance(note, str))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        if len(kinds) != 1:
            raise ValueError(f"{hint} is no argument's type: only `… | None` is")
        inner, deeper, _ = _plain(kinds[0])
        return inner, said or deeper, True
    return hint, said, False


def _fields_of(kind: Any) -> list[Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = []
    for field in dataclasses.fields(kind):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        fields.append((field.name, hints[field.name], default))
    return fields


_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _schema(hint: Any) -> dict[str, Any]:
    kind, said, _ = _plain(hint)
    if kind in _SCALARS:
        schema: dict[str, Any] = {"type": _SCALARS[kind]}
    elif typing.get_origin(kind) is typing.Literal:
        schema = {"type": "string", "enum": list(typing.get_args(kind))}
    elif typing.get_origin(kind) is list:
        schema = {"type": "array", "items": _schema(typing.get_args(kind)[0])}
    elif kind is list:
        schema = {"type": "array"}
    elif kind is dict or typing.get_origin(kind) is dict:
        schema = {"type": "object"}
    elif dataclasses.is_dataclass(kind):
        schema = _object_schema(_fields_of(kind))
    elif kind is Any:
        schema = {}
    else:
        raise ValueError(f"{kind} is no argument's type")
    if said:
        schema["description"] = said
    return schema


def _object_schema(fields: list[Any]) -> dict[str, Any]:
    properties, required = {}, []
    for name, hint, default in fields:
        schema = _schema(hint)
        if default is dataclasses.MISSING:
            if not _plain(hint)[2]:
                required.append(name)
        elif default is not None and not dataclasses.is_dataclass(default):
            schema["default"] = default
        properties[name] = schema
    schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    schema["additionalProperties"] = False
    return schema


def _read_object(fields: list[Any], value: Any, at: str, complaints: list[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        complaints.append(f"{f'`{at}`' if at else 'the arguments'} must be an object")
        return {}
    known = [name for name, _, _ in fields]
    prefix = f"{at}." if at else ""
    for name in value:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f": did you mean `{near[0]}`?" if near else f"; the arguments are: {', '.join(known) or 'none'}"
            complaints.append(f"there is no argument `{prefix}{name}`{hint}")
    read = {}
    for name, hint, default in fields:
        _, said, optional = _plain(hint)
        if value.get(name) is not None:
            read[name] = _read(hint, value[name], prefix + name, complaints)
        elif default is not dataclasses.MISSING:
            read[name] = default
        elif optional:
            read[name] = None
        else:
            complaints.append(f"`{prefix}{name}` is missing{': ' + said if said else ''}")
    return read


def _read(hint: Any, value: Any, at: str, complaints: list[str]) -> Any:
    kind, _, _ = _plain(hint)

    def wrong(expected: str) -> None:
        complaints.append(f"`{at}` must be {expected}, not {_compact(value)[:60]}")

    if kind is bool or kind is str:
        return value if type(value) is kind else wrong("true or false" if kind is bool else "a text")
    if kind is int:
        whole = type(value) is int or (type(value) is float and value.is_integer())
        return int(value) if whole else wrong("a whole number")
    if kind is float:
        return float(value) if type(value) in (int, float) else wrong("a number")
    if typing.get_origin(kind) is typing.Literal:
        choices = typing.get_args(kind)
        return value if value in choices else wrong(f"one of {', '.join(choices)}")
    if kind is list or typing.get_origin(kind) is list:
        if not isinstance(value, list):
            return wrong("a list")
        inner = (typing.get_args(kind) or (Any,))[0]
        return [_read(inner, item, f"{at}[{index}]", complaints) for index, item in enumerate(value)]
    if kind is dict or typing.get_origin(kind) is dict:
        return value if isinstance(value, dict) else wrong("an object")
    if dataclasses.is_dataclass(kind):
        before = len(complaints)
        members = _read_object(_fields_of(kind), value, at, complaints)
        return kind(**members) if len(complaints) == before else None
    return value


class Tool:
    """What the host calls."""

    def specs(self) -> list[Any]:
        return [
            Spec(tool.name, tool.description, _compact(tool.parameters), Effect[tool.effect.upper()])
            for tool in _tools.values()
        ]

    def invoke(self, call: Any) -> list[Any]:
        try:
            return [_part(part) for part in run(call.name, json.loads(call.arguments))]
        except Failure as failure:
            raise Err(getattr(_types, f"Failure_{failure.kind.capitalize()}")(str(failure))) from failure
        except Exception as error:
            log.error(f"{call.name}: {type(error).__name__}: {error}")
            raise Err(_types.Failure_Failed(f"{type(error).__name__}: {error}")) from error


def run(name: str, arguments: Any) -> list[Any]:
    """Call the tool `name` as the host would; for unit tests."""
    if name not in _tools:
        raise Invalid(f"there is no tool `{name}` here; the tools are: {', '.join(_tools)}")
    return _tools[name].call(arguments)


def _part(part: Any) -> Any:
    if isinstance(part, Text):
        return _types.Part_Text(part.text)
    if isinstance(part, Json):
        return _types.Part_Json(_compact(part.value))
    return _types.Part_Blob(_types.Blob(part.mime, part.bytes))
