"""Names and errors as they are told to whoever reads a terminal, or the one line of --json."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click


def printable(text: str) -> str:
    """Spell out what a terminal would obey rather than show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quote(name: str | Path) -> str:
    return f"'{printable(str(name))}'"


def reason(error: Exception) -> str:
    return printable((getattr(error, "strerror", None) or str(error)).partition("\n")[0].rstrip(".!"))


def what_failed(error: OSError) -> str:
    return f"{quote(error.filename)}: {reason(error)}." if error.filename else f"{reason(error)}."


def run_command(command: click.Command) -> None:
    """Run a command; whatever goes wrong by somebody's doing is one sentence."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # an end without a traceback, like that of the other signals
    try:
        command.main(standalone_mode=False)
    except (click.ClickException, OSError) as error:
        failure = error if isinstance(error, click.ClickException) else click.UsageError(what_failed(error))
        tell_failure(failure.exit_code, printable(" ".join(map(str.strip, failure.format_message().split("\n")))))
        sys.exit(failure.exit_code)


def tell_failure(exit_code: int, message: str) -> None:
    with printing():
        click.echo(f"Error: {message}", err=True)
    with printing():
        if "--json" in sys.argv[1:]:  # also when the arguments themselves are what is wrong
            status = "locked" if exit_code == 3 else "failed"
            click.echo(json.dumps({"status": status, "exit_code": exit_code, "message": message}))


@contextmanager
def printing() -> Iterator[None]:
    """Go on where nobody can read it, as on a full disk: what a run has done is said by its exit code in any case."""
    with suppress(OSError):
        yield
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except (OSError, AttributeError):
            setattr(sys, name, None)  # what is held for it would fail once more, with an exit code of Python's own
