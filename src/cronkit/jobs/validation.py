"""The checks that several options, policies and limits share."""

from cronkit.errors import ConfigurationError


def whole_number(name: str, value: object, *, low: int = 1, high: int | None = None, hint: str = "") -> int:
    """``value``, if it is a whole number from ``low`` to ``high``; a bool is none.

    Raises:
        ConfigurationError: it is not; the message names the parameter and its range.
    """
    if isinstance(value, int) and not isinstance(value, bool) and low <= value and (high is None or value <= high):
        return value
    span = f"{low} or more" if high is None else f"from {low} to {high:,}"
    raise ConfigurationError(f"{name}={value!r}: give a whole number, {span}{hint and '; '}{hint}")


def flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False: a text such as "no" would count as true.

    Raises:
        ConfigurationError: it is not; the message names the parameter.
    """
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}={value!r}: give True or False")


def page_number(cursor: str) -> int:
    """The number that the cursor of a page of runs is.

    Raises:
        ConfigurationError: it is none.
    """
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):  # what SQLite can hold
        raise ConfigurationError(f"cursor={cursor!r} is not that of a page: give page.cursor as it is")
    return int(cursor)


def storable_text(name: str, value: object) -> str:
    """``value``, if it is a text that every store can keep.

    Half a surrogate pair has no place in UTF-8; names of files may hold one, and so may JSON, as in ``"\\ud800"``. For
    much that databases are written in, a text ends at its first NUL.

    Raises:
        ConfigurationError: it is none; the message names the parameter and the remedy.
    """
    if not isinstance(value, str):
        raise ConfigurationError(f"{name}={value!r} is no text: give one")
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"{name}={value!r} has half a surrogate pair as its character {error.start + 1}, which no store can keep: "
            "take such text as it comes from a client through text.encode('utf-8', 'replace').decode()"
        ) from None
    if "\0" in value:
        raise ConfigurationError(
            f"{name}={value!r} has a NUL as its character {value.index(chr(0)) + 1}, which no store can keep: "
            "leave it out, as text.replace('\\0', '') does"
        )
    return value
