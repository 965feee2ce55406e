"""{{name}}: tools for charthouse. What docstrings and `Annotated` say here is what the model reads."""

from typing import Annotated

from charthouse import Invalid, Tool, log, tool


@tool(effect="none")
def greet(
    name: Annotated[str, "The person's name."],
    times: Annotated[int, "How often, at most 10."] = 1,
) -> str:
    """Greets a person by name, once or several times."""
    if times > 10:
        raise Invalid("`times` is at most 10: nobody listens for longer")
    log.info(f"greeted {name}")
    return "\n".join([f"Hello, {name}!"] * times)
