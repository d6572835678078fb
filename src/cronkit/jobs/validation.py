"""The check that several policies, limits and sizes share."""

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
