"""A notebook that outlives calls: notes are kept in the plugin's own state, and read from files that policy mounts."""

from typing import Annotated

from charthouse import Failed, Invalid, Tool, log, state, tool

KEY = "notes"


def notes() -> list[dict]:
    found = state.get_json(KEY, [])
    if not isinstance(found, list):
        raise Failed("what the state holds is no notebook")
    return found


def keep(found: list[dict], text: str, tags: list[str]) -> int:
    id = found[-1]["id"] + 1 if found else 1
    found.append({"id": id, "text": text, "tags": tags})
    return id


@tool
def add(
    text: Annotated[str, "What to keep."],
    tags: Annotated[list[str] | None, "Words to find it by."] = None,
) -> dict:
    """Keeps a note for later. Answers its number and how many there are."""
    text = text.strip()
    if not text:
        raise Invalid("`text` is empty: say what is to be kept")
    found = notes()
    id = keep(found, text, tags or [])
    state.set_json(KEY, found)
    log.info(f"note {id}")
    return {"id": id, "notes": len(found)}


@tool(effect="none")
def find(
    word: Annotated[str | None, "Only notes in which this occurs, whatever its case."] = None,
    tag: Annotated[str | None, "Only notes with this tag."] = None,
    most: Annotated[int, "How many at most; `more` says how many were left out."] = 10,
) -> dict:
    """Finds notes, the oldest first. Without a word or a tag it lists all."""
    found = [
        note
        for note in notes()
        if (word or "").lower() in note["text"].lower() and (tag is None or tag in note["tags"])
    ]
    return {"notes": found[:most], "more": max(0, len(found) - most)}


@tool(name="import")
def import_lines(path: Annotated[str, "The file's absolute path."]) -> dict:
    """Makes a note of each line of a text file that is not empty. Answers how many notes there are."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except (OSError, ValueError) as error:
        raise Invalid(f"{path} cannot be read: {error}; name a text file in a mounted directory") from error
    found = notes()
    for line in filter(None, lines):
        keep(found, line, [])
    state.set_json(KEY, found)
    return {"notes": len(found)}
