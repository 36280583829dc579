"""Lists of sites that are never to be crawled, each with its source and date.

Rule of this file: a list that cannot be read, or that has a line which is no domain, is a mistake of the operator, told
before the crawl starts; a list that reads as empty would open what it was made to close.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optout_middleware.terms import OptOutError
from optout_middleware.urls import domains_of, host_of, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEADER = re.compile(r"#\s*(source|date)\s*:\s*(\S.*)", re.IGNORECASE)


@dataclass(frozen=True)
class ExcludedSites:
    """The sites of all lists: domain -> which list says so."""

    domains: Mapping[str, str]

    @classmethod
    def read(cls, paths: Iterable[str]) -> ExcludedSites:
        """Read lists: UTF-8 text, one domain (or URL) a line, `#` starts a comment.

        Comments `# source: NAME` and `# date: DAY` at the top say whose list it is and as of when; both must be there.

        Args:
            paths: of the lists.

        Raises:
            OptOutError: a list cannot be read, lacks source or date, has no domain, or a line that is none.
        """
        domains: dict[str, str] = {}
        for path in paths:
            domains |= dict.fromkeys(*_read(path))
        return cls(domains)

    def listed(self, url: str) -> str:
        """Give which list says that the site of a URL, or a domain above it, is excluded; empty = none does."""
        if not self.domains:
            return ""
        listed = (self.domains.get(domain, "") for domain in domains_of(host_of(origin_of(url) or "")))
        return next(filter(None, listed), "")


def _read(path: str) -> tuple[list[str], str]:
    """Give the domains of one list, and the words by which records name it."""
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise OptOutError(f"list of excluded sites {path} cannot be read: {why}") from None
    about: dict[str, str] = {}
    domains = []
    for number, line in enumerate(lines, 1):
        if (header := _HEADER.match(line.strip())) is not None:
            about.setdefault(header[1].lower(), header[2].strip())
        elif text := line.partition("#")[0].strip():
            domain = _domain(text)
            if domain is None:
                raise OptOutError(f"list of excluded sites {path}, line {number}: {text[:60]!r} is no domain")
            domains.append(domain)
    if missing := {"source", "date"} - about.keys():
        name = min(missing)
        raise OptOutError(f"list of excluded sites {path} has no {name}: write a line '# {name}: ...' at its top")
    if not domains:
        raise OptOutError(f"list of excluded sites {path} names no site: leave it out of the setting, or fill it")
    return domains, f"{about['source']}, {about['date']}"


def _domain(text: str) -> str | None:
    """Give the host that a line names, as domain or URL; None where it names none."""
    origin = origin_of(text if "://" in text else f"http://{text.removeprefix('*.').rstrip('.')}/")
    host = host_of(origin) if origin else None
    return host if host and "." in host and not re.search(r"[\s/]", host) else None
