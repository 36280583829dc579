"""Reading and asking a robots.txt against Protego, and looking through the head of a page.

Rule of this file: both sides take turns over the same files and URLs. What is compared is what a crawl would do: bytes
in, ready to answer for a product token; then one URL after another.
"""

from __future__ import annotations

import itertools
import random
import re
import statistics
from typing import TYPE_CHECKING, NamedTuple

from protego import Protego

from benchmarks.report import Row, Table, at_most
from benchmarks.robots_corpus import KINDS, corpus, site
from benchmarks.samples import AT, page
from benchmarks.timing import interleaved, ratios, shown_ratio
from optout_middleware import Evidence, Policy, Site
from optout_middleware.signals import Asked, product_tokens, robots_kept
from optout_middleware.signals.html_head import declarations
from optout_middleware.signals.paths import canonical_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.report import Options
    from optout_middleware.signals.robots_kept import Selection

_POLICY = Policy("ExampleAICrawler")
_ORIGIN = "https://www.news.example"
_FILES = 1_000  # sites of the corpus
_OF_A_KIND = 25
_URLS = 4  # asked of each file in one turn
_READ = 0.5  # of what Protego.parse costs
_ASK = 1.5  # times one Protego.can_fetch
_SCAN = 40.0  # microseconds
_SCANS = 200
_HTML = [("Content-Type", "text/html; charset=utf-8")]
_RULE = re.compile(rb"(?im)^[ \t]*(?:dis)?allow[ \t]*:[ \t]*(/[^\s#]+)")


def run(options: Options) -> list[Table]:
    """Measure reading, asking and head scan."""
    mix = [file.body for file in corpus(_FILES, options.seed, options.real) if file.body]
    samples = {"the mix" if options.real is None else "real files": mix}
    if options.real is None:
        for kind in KINDS:
            samples[kind] = [site(number, options.seed, kind).body or b"" for number in range(_OF_A_KIND)]
    reading = [_read_row(name, bodies, options, first=bodies is mix) for name, bodies in samples.items()]
    asking = [_ask_row(name, bodies, options, first=bodies is mix) for name, bodies in samples.items()]
    per = "Ratio of CPU time to Protego's: median over rounds (minimum to maximum)."
    return [
        Table("Reading robots.txt (`robots_kept.keep` over `Protego.parse`)", _READING, reading, per),
        Table(
            "Asking about a URL (our token and all training tokens over one `Protego.can_fetch`)", _ASKING, asking, per
        ),
        _scan(options),
    ]


_READING = ("files", "number", "mean octets", "Protego.parse, microseconds a file", "ratio")
_ASKING = ("files", "number", "can_fetch, microseconds a URL", "ratio", "ratio of the whole Site.decide")


def _read_row(name: str, bodies: Sequence[bytes], options: Options, *, first: bool) -> Row:
    interest = product_tokens.interest(_POLICY)

    def ours() -> None:
        for body in bodies:
            robots_kept.keep(body, _POLICY.product_token, interest)

    def theirs() -> None:
        for body in bodies:
            Protego.parse(body.decode("utf-8", "replace"))

    measured = interleaved({"ours": ours, "theirs": theirs}, options.rounds)
    ratio = ratios(measured["ours"], measured["theirs"])
    octets = sum(map(len, bodies)) / len(bodies)
    each = 1e6 * statistics.median(measured["theirs"]) / len(bodies)
    cells = (name, str(len(bodies)), f"{octets:,.0f}", f"{each:,.0f}", shown_ratio(ratio))
    return Row(cells, at_most(statistics.median(ratio), _READ) if first else None)


class _Ready(NamedTuple):
    """One file, read by both sides, with the site it makes and an endless row of URLs to ask about."""

    parsed: Protego
    selection: Selection
    site: Site
    urls: Iterator[str]


def _ready(body: bytes, rng: random.Random) -> _Ready:
    robots = Evidence(f"{_ORIGIN}/robots.txt", 200, (), body, AT)
    tdmrep = Evidence(f"{_ORIGIN}/.well-known/tdmrep.json", 404, (), b"", AT)
    kept = robots_kept.keep(body, _POLICY.product_token, product_tokens.interest(_POLICY))
    return _Ready(
        Protego.parse(body.decode("utf-8", "replace")),
        robots_kept.selection(kept),
        Site.read((robots, tdmrep), _POLICY),
        _urls(body, rng),
    )


def _urls(body: bytes, rng: random.Random) -> Iterator[str]:
    """Give URLs of the site: three of four of articles and the like, the fourth under a path of one of its rules."""
    paths = [path.decode("latin-1").replace("*", "x").rstrip("$") for path in _RULE.findall(body)[:100]] or ["/"]
    made = []
    for number in range(25):
        made.append(f"{_ORIGIN}/articles/2026/11/the-bridge-that-nobody-ordered-{number}")
        made.append(f"{_ORIGIN}/products/{number}?colour=blue&size={number % 5}")
        made.append(f"{_ORIGIN}/{number}/")
        made.append(f"{_ORIGIN}{rng.choice(paths)}{number}")
    return itertools.cycle(made)


def _ask_row(name: str, bodies: Sequence[bytes], options: Options, *, first: bool) -> Row:
    rng = random.Random(options.seed)
    # As many as stay compiled in a crawl: the caches of `decide` are not what is measured here.
    ready = [_ready(body, rng) for body in bodies[:500]]

    def asking(one: Callable[[_Ready, str], object]) -> Callable[[], object]:
        def ask() -> None:
            for file in ready:
                for url in itertools.islice(file.urls, _URLS):
                    one(file, url)

        return ask

    calls = {"ours": asking(_tokens), "theirs": asking(_can_fetch), "decide": asking(_decide)}
    measured = interleaved(calls, options.rounds)
    ratio = ratios(measured["ours"], measured["theirs"])
    whole = ratios(measured["decide"], measured["theirs"])
    each = 1e6 * statistics.median(measured["theirs"]) / len(ready) / _URLS
    cells = (name, str(len(ready)), f"{each:.1f}", shown_ratio(ratio), shown_ratio(whole))
    return Row(cells, at_most(statistics.median(ratio), _ASK) if first else None)


def _can_fetch(file: _Ready, url: str) -> object:
    return file.parsed.can_fetch(url, _POLICY.product_token)


def _tokens(file: _Ready, url: str) -> object:
    """Ask for our token, then for all tokens that show training consensus."""
    path = canonical_path(url)
    may_fetch, _ = file.selection.fetch.may_fetch(path)
    asked = Asked(url, path, _POLICY, file.selection, may_fetch, {}, None)
    return may_fetch, list(product_tokens.SIGNAL.state(asked))


def _decide(file: _Ready, url: str) -> object:
    return file.site.decide(url, at=AT)


def _scan(options: Options) -> Table:
    """Look for declarations in pages; each scan has evidence of its own, since its answer is kept there."""
    plain = page(1)
    pages = {
        "head that declares nothing": plain,
        "head with a robots meta that says noai": plain.replace(b"index, follow,", b"noai, noimageai,"),
        "head with tdm-reservation": plain.replace(
            b'"theme-color" content="#203040"', b'"tdm-reservation" content="1"'
        ),
    }

    def scanning(body: bytes) -> Callable[[], object]:
        def scan() -> None:
            for _ in range(_SCANS):
                declarations(Evidence(f"{_ORIGIN}/articles/1.html", 200, _HTML, body, AT))

        return scan

    measured = interleaved({name: scanning(body) for name, body in pages.items()}, options.rounds)
    rows = []
    for name, seconds in measured.items():
        each = 1e6 * statistics.median(seconds) / _SCANS
        bound = at_most(each, _SCAN, " us") if pages[name] is plain else None
        rows.append(Row((name, f"{len(pages[name]):,}", f"{each:.1f}"), bound))
    columns = ("page", "octets", "microseconds")
    return Table("Looking for declarations in a page (`html_head.declarations`)", columns, rows, "CPU time, median.")
