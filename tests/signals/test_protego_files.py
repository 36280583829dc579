"""Our reading of real robots.txt files against Protego's: every difference is undone by a named rule of RFC 9309.

The files are those that the sdist of Protego carries; the set-up fetches them. A rule explains a difference if Protego,
given the file as that rule reads it, answers as we did on the untouched file. Of each file a sample that is always the
same is asked: RULES of its rules, TOKENS of the product tokens it names.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote_from_bytes, unquote

import pytest
from protego import Protego

from optout_middleware.signals.paths import canonical_path
from optout_middleware.signals.robots_kept import keep, selection
from optout_middleware.signals.robots_txt import LIMIT, decoded, lines_of, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = Path(__file__).parents[2] / ".tools" / "protego" / f"protego-{version('protego')}" / "tests" / "test_data"
FILES = sorted(FOLDER.iterdir()) if FOLDER.is_dir() else []
RULES = 4
TOKENS = 3
OURS = "OwnInventedBot"
HOST = "https://h.test"
_VALUE = re.compile(
    rb"^[ \t]*(?:dis)?allow[ \t]*:[ \t]*([^\r\n#]*?)[ \t]*(?:#[^\r\n]*)?\r?$", re.IGNORECASE | re.MULTILINE
)
_AGENT = re.compile(rb"^[ \t]*user-agent[ \t]*:[ \t]*([A-Za-z_-]{2,})", re.IGNORECASE | re.MULTILINE)
_RECORD = re.compile(r"^([ \t]*([A-Za-z -]+?)[ \t]*:[ \t]*)([^\r\n#]*?)([ \t]*(?:#[^\r\n]*)?\r?)$", re.MULTILINE)
_FIELD = re.compile(
    r"[ \t]*(user[ -]?agent|(?:dis)?allow|dis+al+ow|diasllow|disallaw)[ \t]*[: \t]", re.IGNORECASE
).match


class Asked(NamedTuple):
    """One question: the file as octets and as the text that Protego is given, the product token, the URL."""

    body: bytes
    text: str
    token: str
    url: str


def _within_limit(asked: Asked) -> Asked:
    cut = asked.body[:LIMIT]
    return (
        asked._replace(text=_text(cut[: max(cut.rfind(b"\n"), cut.rfind(b"\r")) + 1]))
        if len(asked.body) > LIMIT
        else asked
    )


def _decoded(asked: Asked) -> Asked:
    return asked._replace(text=asked.body.decode("utf-16", "replace")) if asked.body[:2] == b"\xff\xfe" else asked


def _known_records(asked: Asked) -> Asked:
    return asked._replace(text="\n".join(line for line in re.split(r"\r\n|\r|\n", asked.text) if _FIELD(line)))


def _whole_token(asked: Asked) -> Asked:
    def name(record: re.Match[str]) -> str:
        start, field, value, end = record.groups()
        if field.lower() != "user-agent" or not value or re.match(r"\*(?!\S)", value):
            return record[0]
        found = re.match(r"[A-Za-z0-9_-]+", value)
        ours = value.lower() == asked.token.lower() or (found and found[0].lower() == asked.token.lower())
        return f"{start}{asked.token if ours else 'another-crawler'}{end}"

    return asked._replace(text=_RECORD.sub(name, asked.text))


def _index_page(asked: Asked) -> Asked:
    # As long, and open to the same page: only not spelled as Protego looks for it.
    return asked._replace(text=re.sub(r"/index\.html(?=[ \t\r]*$)", "/index*html", asked.text, flags=re.MULTILINE))


def _no_whole_urls(asked: Asked) -> Asked:
    return asked._replace(text=re.sub(r":[ \t]*https?://[^\r\n]*", ": /another-host", asked.text))


def _octets_counted(asked: Asked) -> Asked:
    # Reserved characters, in rules and URL, written as unreserved ones that neither has: Protego counts one for each.
    path = unquote(asked.url.removeprefix(HOST)) if "%25" not in asked.url else asked.url.removeprefix(HOST)
    reserved = sorted(set("?&:;@!'()+,[]") & set(asked.text + path))
    free = [char for char in string.ascii_letters + string.digits + "~" if char not in asked.text + path]
    if len(free) < len(reserved):
        return asked
    spelled = str.maketrans(dict(zip(reserved, free, strict=False)))
    text = _RECORD.sub(lambda rule: rule[1] + rule[3].translate(spelled) + rule[4], asked.text)
    return asked._replace(text=text, url=HOST + path.translate(spelled))


def _end_only(asked: Asked) -> Asked:
    # A "$" that is not the end of a rule, and one of the URL, is a character like others: written as another one.
    text = _RECORD.sub(lambda rule: rule[1] + re.sub(r"(\$|%24)(?!$)", "~dollar~", rule[3]) + rule[4], asked.text)
    return asked._replace(text=text, url=re.sub(r"\$|%24", "~dollar~", asked.url))


def _one_robots_file(asked: Asked) -> Asked:
    return asked._replace(
        url=asked.url.replace("/robots.txt?", "/robots%2Etxt?")
    )  # the same URL, not spelled as Protego looks


# Name and section of RFC 9309 -> the file, and where need be the question, as that rule reads it.
KINDS: dict[str, Callable[[Asked], Asked]] = {
    "the file is read to the parsing limit (section 2.5)": _within_limit,
    "an encoding that a byte order mark names is decoded (section 2.3 asks for UTF-8)": _decoded,
    "other records neither close a group nor split a run of user-agent lines (section 2.2.4)": _known_records,
    "a product token matches as a whole (section 2.2.1)": _whole_token,
    "Allow of /index.html opens that page only (section 2.2.2)": _index_page,
    "$ at the end of a rule is the end of the URL, never itself (section 2.2.3)": _end_only,
    "/robots.txt is allowed, with a query it is another URL (section 2.2.2)": _one_robots_file,
    "a whole URL is no pattern: a path starts with a slash (section 2.2: path-pattern)": _no_whole_urls,
    "the most specific match is found by octets, a reserved character being one (section 2.2.2)": _octets_counted,
}


def _text(body: bytes) -> str:
    """Decode as Scrapy does for Protego, but that octets which are no UTF-8 stay visible; line ends are made alike."""
    return re.sub(r"\r\n?", "\n", body.decode("utf-8-sig", "replace"))


def _octets(body: bytes) -> bytes:
    """Give the file in UTF-8 with line ends made alike, to find names and values in."""
    utf_8 = body.decode("utf-16", "replace").encode() if body.startswith(b"\xff\xfe") else body
    return utf_8.replace(b"\r", b"\n")


def _tokens(body: bytes) -> list[str]:
    """Give the tokens that are asked for: our own, three well-known ones, and some that the file names."""
    # Names of one letter are left out: Protego takes them to be no more specific than "*".
    named = sorted({name.decode() for name in _AGENT.findall(_octets(body))})
    return list(dict.fromkeys([OURS, "GPTBot", "CCBot", "Googlebot", *named[:: len(named) // TOKENS + 1]]))


def _urls(body: bytes) -> list[str]:
    """Give URLs near the file's rules: met, just met, just missed, with a query, with and without wildcards filled."""
    values = sorted(set(_VALUE.findall(_octets(body))))
    paths = ["/", "/?q=1", "/index.html", "/a$b", "/robots.txt", "/robots.txt?q"]
    for value in values[:: len(values) // RULES + 1]:
        written = quote_from_bytes(value, safe="/?:@!&'()+,;=[]%*$-._~")
        filled = written.removesuffix("$").replace("*", "x")
        paths += [filled, written.replace("*", ""), f"{filled}?q=1", f"{filled}y", f"{filled}/z", filled[:-1]]
        paths.append(filled.removesuffix("index.html"))
    return [HOST + (path if path.startswith("/") else f"/{path}") for path in dict.fromkeys(paths)]


def _differences(body: bytes) -> Iterator[tuple[Asked, bool]]:
    """Give the questions that we and Protego answer differently, with our answer."""
    text = _text(body)
    ours, theirs = parse(body), Protego.parse(text)
    urls = [(url, canonical_path(url)) for url in _urls(body)]
    for token in _tokens(body):
        rules = ours.fetch_rules(token)  # what `may_fetch` asks, compiled once
        for url, path in urls:
            answer = rules.may_fetch(path)[0]
            if answer is not theirs.can_fetch(url, token):
                assert ours.may_fetch(token, url) is answer
                yield Asked(body, text, token, url), answer


_protego = lru_cache(maxsize=64)(Protego.parse)  # the texts of one file come back for each URL


def _explained(asked: Asked, ours: bool) -> tuple[str, ...]:
    """Give the fewest rules, at most three, with which Protego answers as we do; none: an empty tuple."""
    at_work = [name for name, reads in KINDS.items() if reads(asked) != asked]
    for count in (1, 2, 3):
        for names in combinations(at_work, count):
            read = asked
            for name in names:
                read = KINDS[name](read)
            if _protego(read.text).can_fetch(read.url, read.token) is ours:
                return names
    return ()


def _smallest(asked: Asked) -> str:
    """Give the lines without which the difference would go, for a report."""
    lines = asked.body.splitlines(keepends=True)[:2000]
    for line in list(lines):
        fewer = b"".join(other for other in lines if other is not line)
        if parse(fewer).may_fetch(asked.token, asked.url) is not Protego.parse(_text(fewer)).can_fetch(
            asked.url, asked.token
        ):
            lines = [other for other in lines if other is not line]
    return repr(b"".join(lines))


@pytest.mark.skipif(not FILES, reason="the set-up could not fetch the sdist of Protego, which carries the files")
def test_every_difference_on_real_files_is_undone_by_a_rule() -> None:
    """No difference is left without a rule, and no rule stands in the list without explaining one."""
    used: set[str] = set()
    unexplained: list[str] = []
    for file in FILES:
        for asked, ours in _differences(file.read_bytes()):
            names = _explained(asked, ours)
            used.update(names)
            if not names and len(unexplained) < 5:
                unexplained.append(f"{file.name}: {asked.token} {asked.url}: ours {ours}: {_smallest(asked)}")
    assert not unexplained, "\n".join(unexplained)
    assert used == KINDS.keys()


@pytest.mark.skipif(not FILES, reason="the set-up could not fetch the sdist of Protego, which carries the files")
def test_what_is_kept_of_real_files_answers_like_the_file() -> None:
    """The condensed form gives the answer of the whole file, by the same line, for our token and for others."""
    for file in FILES:
        body = file.read_bytes()
        text = decoded(body)[0]
        assert lines_of(text) == re.split(r"\r\n|\r|\n", text), file.name
        whole, paths = parse(body), [canonical_path(url) for url in _urls(body)]
        named = {name for group in whole.groups for name in group.agents} & {"gptbot", "ccbot", "googlebot"}
        kept = selection(keep(body, OURS, frozenset(named)))
        others = {name: rules for names, rules in kept.others for name in names}
        assert others.keys() == named, file.name
        for token, rules in ((OURS, kept.fetch), *others.items()):
            expected = whole.fetch_rules(token)
            assert [rules.may_fetch(path) for path in paths] == [expected.may_fetch(path) for path in paths], file.name
