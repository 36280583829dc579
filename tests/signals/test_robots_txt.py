"""robots.txt: the vectors, what no bytes may do, and the condensed form against the whole file."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from optout_middleware.signals import robots_kept
from optout_middleware.signals.paths import canonical, canonical_path
from optout_middleware.signals.robots_kept import keep, selection
from optout_middleware.signals.robots_txt import Line, agent_names, lines_of, parse, records

VECTORS = Path(__file__).parent / "vectors"
SHARED = [row for row in json.loads((VECTORS / "signal-vectors.json").read_text("utf-8")) if "machine" in row]
OWN = json.loads((VECTORS / "robots_txt.json").read_text("utf-8"))
TOKEN = "FooBot"


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in SHARED if row["machine"][0] == "robots"])
def test_shared_vector(row: dict[str, Any]) -> None:
    """The shared vectors R."""
    _, text, token, url, expected = row["machine"]
    assert parse(text.encode()).may_fetch(token, url) is expected


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in OWN])
def test_own_vector(row: dict[str, Any]) -> None:
    """Our vectors, each from a section of RFC 9309 or as its row says; the condensed form answers the same."""
    given_ = row["input"]
    body = given_["file"].encode()
    condensed = selection(keep(body, given_["token"])).fetch.may_fetch(canonical_path(given_["url"]))[0]
    assert parse(body).may_fetch(given_["token"], given_["url"]) is condensed is row["expected"]


# Names as the table of the parser has them, as it has not, and what is no name; each may stand before ":".
_NAMES = st.sampled_from([
    "Disallow", "disallow", "DISALLOW", "Dis allow", "Dissallow", "User-agent", "User-Agent", "USER-AGENT", "useragent",
    "User agent", "Allow", "Content-Usage", "content-usage", "Content-Useage", "Content-Signal", "License", "Sitemap",
    "SITEMAP", "Host", "Disallow #", "#Disallow", "\u017fitemap", "",
])  # fmt: skip
_SPACE = st.sampled_from(["", " ", "\t", "\u3000", "\x0c", "\x1f", "\x85"])
_COLONS = st.sampled_from([":", " ", "#", ""])
_VALUES = st.sampled_from(["", "/", "/a", "/a # b", "#", "*", "a:b", "/\udcff"])
RAW_LINES = st.tuples(_SPACE, _NAMES, _SPACE, _COLONS, _SPACE, _VALUES, _SPACE).map("".join)


def plain_record(number: int, raw: str) -> Line | None:
    """Give the record of a line by the words of its definition: name, colon, value, without comment and white space."""
    names = {
        **dict.fromkeys(("user-agent", "useragent", "user agent"), "user-agent"),
        **dict.fromkeys(("disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"), "disallow"),
        **{name: name for name in ("allow", "content-usage", "content-signal", "license", "disallowaitraining")},
        **dict.fromkeys(("content-useage", "content_usage", "contentusage"), "misspelt-usage"),
        **dict.fromkeys(
            ("content-signals", "content_signal", "contentsignal", "content_signals", "contentsignals"),
            "misspelt-signal",
        ),
    }
    said = raw.split("#", 1)[0]
    field = names.get(said.split(":", 1)[0].strip().lower())
    if field:
        return Line(number, field, said.split(":", 1)[1].strip(), raw.strip()) if ":" in said else None
    spaced = re.fullmatch(r"(user-agent|disallow|allow)[ \t]+(\S+)[ \t]*", said.strip(), re.IGNORECASE)
    return Line(number, spaced[1].lower(), spaced[2], raw.strip()) if spaced else None


@given(st.lists(RAW_LINES, max_size=4))
@example(["\u3000Disallow: /wide\u3000", "Disallow", "Disallow # : /x", "useragent FooBot#x"])
def test_records_by_their_definition(raws: list[str]) -> None:
    """However its name is written, a line is the record that its definition makes of it."""
    expected = [line for number, raw in enumerate(raws, 7) if (line := plain_record(number, raw))]
    assert records(raws, 7) == expected


@pytest.mark.parametrize("text", ["a\r\nb\rc\nd", "\r\r\n\n", "", "a\x0bb\x85c\u2028d\x1ce", "a\r"])
def test_lines_end_in_cr_lf_or_both(text: str) -> None:
    """RFC 9309 section 2.2: EOL = CR / LF / CRLF, and no other character ends a line."""
    assert lines_of(text) == re.split(r"\r\n|\r|\n", text)


# Lines that bring out grouping, selection and each kind of record; and what may stand between them.
LINES = [
    "User-agent: FooBot", "user-agent:foobot/2", "User-agent: *", "User-agent: GPTBot", "User-agent: Google-Extended",
    "useragent FooBot",
    "Disallow: /", "Disallow:", "Disallow: /a", "disallow /b", "Allow: /a/b", "Allow: /*b$", "Dissallow: /\u30c4",
    "Disallow: /a # x",
    "Content-Usage: train-ai=n", "Content-Usage: /a train-ai=y", "Content-Usage: /a/ \ttrain-ai=n", "content-usage :",
    "Content-Usage: /b",
    "Content-Signal: ai-train=no", "Content-signal: /a ai-train=yes", "Content-Signal:/a/b ai-train=no,search=yes",
    "License: http://h.test/l", "DisallowAITraining: /a", "Sitemap: /s", "Crawl-delay: 1", "# x", "", "   ",
    "nonsense", ":", "\udcff: \udcff",
    "User-agent: \udcff", "Disallow: /\udcff",
]  # fmt: skip
FILES = st.builds(
    lambda lines, ends: "".join(line + end for line, end in zip(lines, ends, strict=False)).encode(
        "utf-8", "surrogateescape"
    ),
    st.lists(st.sampled_from(LINES), max_size=14),
    st.lists(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]), min_size=14, max_size=14),
)
BODIES = FILES | st.binary(max_size=300) | st.builds(bytes.__add__, FILES, st.binary(max_size=40))
PATHS = st.sampled_from(
    ["/", "/a", "/a/b", "/a/bc", "/b", "/\u30c4", "/%E3%83%84x", "/%FF", "/c?a=/b", "/robots.txt", "/robots.txt?x", ""]
)
KINDS = {
    robots_kept.USAGE: "content-usage", robots_kept.USAGE_STRAY: "content-usage", robots_kept.SIGNAL: "content-signal",
    robots_kept.SIGNAL_STRAY: "content-signal", robots_kept.SIGNAL_STAR: "content-signal",
    robots_kept.SIGNAL_NAMED: "content-signal",
}  # fmt: skip


@given(BODIES, st.text(max_size=12), PATHS)
def test_no_bytes_raise(body: bytes, token: str, path: str) -> None:
    """Whatever a site serves as robots.txt is read, condensed and answered."""
    others = frozenset({"gptbot", "google-extended"})
    robots = parse(body)
    assert robots.may_fetch(token, path) in (True, False)
    selected = selection(keep(body, TOKEN, others))
    assert selected.fetch.may_fetch(canonical_path(path))[0] in (True, False)
    for kind in KINDS:
        assert isinstance(selected.most_specific(kind, canonical_path(path)), list)
    assert all(rules.may_fetch(canonical_path(path))[0] in (True, False) for _, rules in selected.others)


@given(BODIES, PATHS, st.sampled_from([TOKEN, "OTHER", "GPTBot"]))
def test_condensed_form_answers_like_the_file(body: bytes, path: str, token: str) -> None:
    """What is kept of a file forbids and allows what the whole file does."""
    condensed = selection(keep(body, token)).fetch.may_fetch(canonical_path(path))[0]
    assert condensed is parse(body).may_fetch(token, f"http://h.test{path}")


@given(FILES, PATHS)
def test_condensed_form_has_the_rules_of_others(body: bytes, path: str) -> None:
    """What is kept of groups that name others forbids what they forbid; they do not fall back to `*`."""
    robots = parse(body)
    kept = {
        name: rules for names, rules in selection(keep(body, TOKEN, frozenset({"gptbot"}))).others for name in names
    }
    named = any("gptbot" in group.agents for group in robots.groups)
    assert kept.keys() == ({"gptbot"} if named else set())
    if named:
        assert kept["gptbot"].may_fetch(canonical_path(path))[0] is robots.may_fetch("GPTBot", path)


def expected_lines(body: bytes, kind: str) -> list[Line]:
    """Give the lines of a kind from the whole file, by the words of its definition."""
    robots = parse(body)
    groups = robots.usage_groups if kind == robots_kept.USAGE else robots.groups
    names_us = any("foobot" in group.agents for group in groups)
    ours = [line for group in groups if ("foobot" if names_us else "*") in group.agents for line in group.lines]
    signalled = any(line.field == "content-signal" for line in ours)
    star = [line for group in groups if "*" in group.agents for line in group.lines]
    named = [line for group in groups if "*" not in group.agents for line in group.lines]
    chosen = {
        robots_kept.USAGE: ours, robots_kept.SIGNAL: ours,
        robots_kept.USAGE_STRAY: robots.preamble, robots_kept.SIGNAL_STRAY: robots.preamble,
        robots_kept.SIGNAL_STAR: star if names_us and not signalled else [],
        robots_kept.SIGNAL_NAMED: [] if signalled else named,
    }  # fmt: skip
    lines = [line for line in chosen[kind] if line.field == KINDS[kind]]
    return [line for line in lines if not (line.value.startswith("/") and len(line.value.split()) == 1)]  # no rule


def longest(lines: list[Line], path: str) -> list[tuple[int, str]]:
    """Give number and value of the lines whose path matches with the most octets, tried one by one."""
    found: list[tuple[int, int, str]] = []
    for line in lines:
        head, _, rest = (
            re.sub(r"[ \t]+", " ", line.value).partition(" ") if line.value.startswith("/") else ("", "", line.value)
        )
        if path.startswith(canonical(head)):
            found.append((len(canonical(head)), line.number, rest.strip()))
    most = max((octets for octets, _, _ in found), default=0)
    return [(number, value) for octets, number, value in found if octets == most]


@pytest.mark.parametrize("kind", KINDS)
@given(FILES, PATHS)
@example(
    b"User-agent: FooBot\nContent-Usage: train-ai=n\nUser-agent: *\nContent-Usage: train-ai=y\n"
    b"Content-Usage: /a train-ai=n\n",
    "/a",
)
@example(b"User-agent: *\nContent-Signal: ai-train=no\nDisallow:\nUser-agent: FooBot\nAllow: /\n", "/a")
@example(b"User-agent: GPTBot\nContent-Signal: ai-train=no\n", "/a")
@example(b"Content-Usage: /a train-ai=n\nContent-Signal: ai-train=no\nUser-agent: *\nAllow: /\n", "/a")
def test_condensed_form_has_usage_lines(kind: str, body: bytes, path: str) -> None:
    """Content-Usage and Content-Signal are answered from what is kept as from the whole file."""
    form = canonical_path(path)
    kept = selection(keep(body, TOKEN)).most_specific(kind, form)
    assert [(line.number, line.value) for line in kept] == longest(expected_lines(body, kind), form)


@given(FILES)
def test_kept_names_us_where_a_group_does(body: bytes) -> None:
    """Whether a group names our token is kept too, and lines keep number and text."""
    robots = parse(body)
    selected = selection(keep(body, TOKEN))
    assert selected.names_us is any("foobot" in group.agents for group in robots.groups)
    written = {line.number: line.text for group in robots.groups for line in group.lines}
    for rules in selected.rules.values():
        assert all(written.get(line.number, line.text) == line.text for line in rules.matching("/a"))


@given(FILES, st.sampled_from([TOKEN, "GPTBot"]))
def test_kept_has_the_rules_of_the_file(body: bytes, token: str) -> None:
    """Rules of our group and of groups of others are kept with number and text, in the order of the file."""
    robots = parse(body)
    selected = selection(keep(body, token, frozenset({"gptbot", "google-extended"})))
    everything = {line for group in robots.groups for line in group.lines}
    chosen = robots.fetch_rules(token)
    assert selected.fetch.matching("/a/b") == chosen.matching("/a/b")
    assert all(line in everything for _, rules in selected.others for line in rules.matching("/a/b"))


def test_lines_that_follow_one_another_have_one_number() -> None:
    """Kept is a number only where a line does not follow the one before, which reading counts on."""
    body = b"User-agent: *\nDisallow: /a\nDisallow: /b\n# x\nAllow: /a/b\nLicense: /l\n"
    kept = keep(body, TOKEN)
    assert kept == b"- r2 Disallow: /a\nDisallow: /b\n r5 Allow: /a/b\n l6 License: /l"
    numbers = {line.text: line.number for line in selection(kept).fetch.matching("/a/b")}
    assert numbers == {"Disallow: /a": 2, "Allow: /a/b": 5}
    assert [line.number for line in selection(kept).licences] == [6]


def test_kept_is_compact() -> None:
    """Of a file of many groups for others hardly anything is kept; of a silent one nothing."""
    others = b"".join(b"User-agent: Bot-%c\nDisallow: /%d\n\n" % (65 + n % 26, n) for n in range(2000))
    assert keep(others, TOKEN) == b""
    assert keep(b"", TOKEN) == b""
    assert len(keep(others + b"User-agent: *\n" + b"Disallow: /search\n" * 100, TOKEN)) < 512


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("FooBot", {"foobot"}),
        ("FooBot/2.1", {"foobot", "foobot/2.1"}),
        ("FooBot (+http://x)", {"foobot", "foobot (+http://x)"}),
        ("Kangaroo Bot", {"kangaroo bot", "kangaroo"}),
        ("Foo2Bot", {"foo2bot"}),
        ("*", {"*"}),
        ("* x", {"*"}),
        ("*Bot", {"*bot"}),
        ("", {""}),
    ],
)
def test_agent_names(value: str, names: set[str]) -> None:
    """The product token, cut at the first other character, and the raw text; `*` for all."""
    assert agent_names(value) == names


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_and_noted(encoding: str) -> None:
    """RFC 9309 section 2.3 asks for UTF-8; UTF-16 with its mark is read all the same, and said so."""
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    robots = parse(mark + "User-agent: *\nDisallow: /\u30c4\n".encode(encoding))
    assert not robots.may_fetch(TOKEN, "/%E3%83%84")
    assert "UTF-16" in robots.notes[0]


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-16-le", "utf-16-be"])
def test_other_encodings_are_read_too(encoding: str) -> None:
    """A refusal is read through a wrong encoding, as tdmrep.json's is; every second octet being zero tells it."""
    assert not parse("User-agent: *\nDisallow: /\n".encode(encoding)).may_fetch(TOKEN, "/a")


def test_limit_of_500_kibibytes() -> None:
    """RFC 9309 section 2.5: what stands within the limit counts, a line cut by it does not, and it is noted."""
    head = b"User-agent: *\nDisallow: /a\n"
    at_the_end = head + b"#" * (512_000 - len(head) - 1) + b"\n"
    assert parse(at_the_end).notes == ()
    over = parse(at_the_end + b"Disallow: /b\n")
    assert not over.may_fetch(TOKEN, "/a")
    assert over.may_fetch(TOKEN, "/b")
    assert "longer than 512000 octets" in over.notes[0]
    cut = head + b"#" * (512_000 - len(head) - 12) + b"\nDisallow: /private\n"
    assert parse(cut).may_fetch(TOKEN, "/other")


def test_html_is_noted() -> None:
    """A page in place of the file has no record that is known, and is noted."""
    robots = parse(b"\n<!doctype html><p>Disallow: /</p>")
    assert robots.may_fetch(TOKEN, "/")
    assert "not plain text" in robots.notes[0]
