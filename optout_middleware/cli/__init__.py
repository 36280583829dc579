"""The `optout` command.

Rule of this room: arguments in, text or JSON out; what is decided, gathered or recorded stands in the rooms below. A
user's mistake is one line on standard error and exit status 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn

from optout_middleware.cli import (
    check,
    estimate,
    explain,
    export,
    notice,
    pending,
    prove,
    recheck,
    redact,
    register,
    replay,
    report,
    signals,
    training_summary,
    verify,
)
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE_ERROR = 2


class _Parser(argparse.ArgumentParser):
    """A parser that tells a mistake in one line, as everything here does."""

    def error(self, message: str) -> NoReturn:
        """Tell a mistake and end."""
        self.exit(USAGE_ERROR, f"{self.prog}: {message}; `{self.prog} --help` tells more\n")


def parser() -> argparse.ArgumentParser:
    """Give the parser of the whole command."""
    top = _Parser(prog="optout", description="Find, honour and record opt-outs from AI training.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"%(prog)s {version('optout-middleware')}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check.add_to(commands)
    estimate.add_to(commands)
    signals.add_to(commands)
    register.add_to(commands)
    notice.add_to(commands)
    pending.add_to(commands)
    verify.add_to(commands)
    prove.add_to(commands)
    redact.add_to(commands)
    replay.add_to(commands)
    explain.add_to(commands)
    report.add_to(commands)
    training_summary.add_to(commands)
    export.add_to(commands)
    recheck.add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; give its exit status."""
    chosen = parser().parse_args(arguments)
    try:
        status = int(chosen.run(chosen))
        sys.stdout.flush()
    except OptOutError as error:
        print(f"optout: {error}", file=sys.stderr)
        return USAGE_ERROR
    except OSError as error:
        if error.filename is None:  # of standard output, which Python flushes once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whoever reads has had enough, as `head` has
            return 141  # 128 + SIGPIPE
        where = error.filename or ("standard output" if error.errno else type(error).__name__)
        print(f"optout: {where}: {error.strerror or error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells tell it
    return status
