"""`optout training-summary [DIR...] [--corpus FILE...]`: what the public summary of training content asks for.

Rule of this file: it shows what `optout_middleware.audit.training_summary` gives. Exit status: 0 done, 1 something of
the logs could not be read, 2 usage error.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from optout_middleware.audit import training_text
from optout_middleware.audit.training_summary import training_summary
from optout_middleware.cli.output import write

if TYPE_CHECKING:
    import argparse


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "training-summary",
        help="what the public summary of training content (AI Act) asks of scraped data",
        description="Give what the template under Article 53(1)(d) of the AI Act asks of scraped data: from crawl logs "
        "what was collected, with --corpus what is in the training set. It says which fields need a person. Exit "
        "status: 0 done, 1 something of the logs could not be read, 2 usage error.",
        allow_abbrev=False,
    )
    parser.add_argument("directories", nargs="*", metavar="DIR", help="audit directories: paths, or URLs")
    parser.add_argument(
        "--corpus", action="append", default=[], metavar="FILE",
        help="a training set: JSON Lines (.gz too) or Parquet with a column url; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--model", default="", metavar="NAME", help="the model (default: what the crawls' settings name)"
    )
    parser.add_argument("--sme", action="store_true", help="name the top 5 %% of domains or 1,000, whichever is fewer")
    parser.add_argument("--format", choices=["md", "html", "json"], default="md", help="default: %(default)s")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file instead of standard output")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Make the summary, and write or print it."""
    today = datetime.now(timezone.utc).date()
    summary = training_summary(chosen.directories, chosen.corpus, made=today, model=chosen.model, sme=chosen.sme)
    if chosen.format == "json":
        text = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
    else:
        text = training_text.html(summary) if chosen.format == "html" else training_text.markdown(summary)
    if not chosen.output:
        print(text, end="")
    else:
        write(chosen.output, text)
        print(f"{chosen.output}: {len(summary['needs_person']):,} fields need a person")
    if summary["damaged"]:
        text = f"{summary['damaged']:,} lines or files of the logs could not be read, and are not counted"
        print(f"optout: {text}: run `optout verify`", file=sys.stderr)
        return 1
    return 0
