"""Names and errors as they are told to whoever reads a terminal."""

from pathlib import Path


def printable(text: str) -> str:
    """Spell out what a terminal would obey rather than show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quote(name: str | Path) -> str:
    return f"'{printable(str(name))}'"


def reason(error: Exception) -> str:
    return printable((getattr(error, "strerror", None) or str(error)).partition("\n")[0].rstrip(".!"))
