"""Inputs made to be slow: cost grows with the length of the input, not with its square.

Rule of this file: each row is one format and one attack, at 50 KiB and at 500 KiB, from evidence to decision. Every
call gets a text that was never seen before, so that no cache answers.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.report import Row, Table, at_most
from benchmarks.samples import AT
from benchmarks.timing import interleaved
from optout_middleware import Evidence, Policy, decide
from optout_middleware.policy import ALL_LOCATIONS, LOCATIONS, RSL
from optout_middleware.signals.product_tokens import PRODUCT_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.report import Options

_SMALL, _LARGE = 50 * 1024, 500 * 1024
_RATIO = 12.0
_POLICY = Policy("ExampleAICrawler", locations=ALL_LOCATIONS)
_READING = replace(_POLICY, natural_language=("robots.txt", "page"))
_ORIGIN = "https://www.news.example"
_PATH = "/" + "a" * 1000 + "/" + "ab" * 400
_SALT = "0SALT0"  # stands for a text that is new in each call
_TOKENS = tuple(token.name for token in PRODUCT_TOKENS.values() if token.core_training or token.control)
_GROUP = f"User-agent: *\nDisallow: /{_SALT}\n"
_DECLARED = f'<head><meta name="robots" content="noai, {_SALT}">'  # so that the page is parsed in full


class _Attack(NamedTuple):
    """One adversarial input.

    Fields:
        format: where it stands: a name of `LOCATIONS`, RSL, "header", "HTML", "page text", "PDF" or "URL".
        what: the attack, in words.
        start, unit, end: the text is `start`, as many copies of `unit` as fit, `end`; "{n}" is the number of the copy.
        header: the name of the field, where it is a header; with `unit` as the whole value of each of many fields if
            `start` is empty.
    """

    format: str
    what: str
    start: str
    unit: str
    end: str = ""
    header: str = ""


def _robots() -> Iterator[_Attack]:
    def attack(what: str, start: str, unit: str, end: str = "") -> _Attack:
        return _Attack("robots.txt", what, start, unit, end)

    groups = "".join(f"User-agent: {token}\nDisallow: /{token}{{n}}\n" for token in _TOKENS)
    yield attack("one rule of wildcards", f"{_GROUP}Disallow: /", "*a", "*c$")
    yield attack("many rules with wildcards", _GROUP, "Disallow: /*a*ab*b{n}$\n")
    yield attack("many plain rules", _GROUP, "Disallow: /a{n}\n")
    yield attack("many equal rules", _GROUP, "Disallow: /a\nAllow: /a\n")
    yield attack("many groups", _GROUP, "User-agent: bot{n}\nDisallow: /\n")
    yield attack("many groups of everybody", _GROUP, "User-agent: *\nDisallow: /b{n}\n")
    yield attack("many names in one group", _GROUP, "User-agent: bot{n}\n", "Disallow: /\n")
    yield attack("many groups of training tokens", _GROUP, groups)
    yield attack(
        "all training tokens, many rules", "".join(f"User-agent: {t}\n" for t in _TOKENS) + _GROUP, "Allow: /b{n}*\n"
    )
    yield attack("Content-Usage, many paths", _GROUP, "Content-Usage: /a{n} train-ai=n\n")
    yield attack("Content-Usage, equal paths that say nothing", _GROUP, f"Content-Usage: /a x{{n}}{_SALT}=y\n")
    yield attack(
        "Content-Usage, equal paths, malformed refusals", _GROUP, f"Content-Usage: /a Train-AI=n{{n}}{_SALT}\n"
    )
    yield attack("Content-Usage outside any group", "", "Content-Usage: /a train-ai=n\n", _GROUP)
    yield attack("Content-Usage, one long value", f"{_GROUP}Content-Usage: k{_SALT}=n,", "k{n}=n,", "train-ai=n")
    yield attack("Content-Usage, a run of spaces", f"{_GROUP}Content-Usage: /a", " ", "train-ai=n")
    yield attack(
        "Content-Usage in groups between others", _GROUP, "User-agent: b{n}\nContent-Usage: a=n\nUser-agent: *\n"
    )
    yield attack("Content-Signal, many", _GROUP, f"Content-Signal: ai-train=yes, x{{n}}{_SALT}=no\n")
    yield attack(
        "Content-Signal in groups of others", _GROUP, "User-agent: b{n}\nContent-Signal: ai-train=no\nAllow: /\n"
    )
    yield attack("Content-Signal, a label and spaces", f"{_GROUP}Content-Signal: ai-train", " ", "no")
    yield attack("one line without an end", f"{_GROUP}Disallow: /", "a")
    yield attack("lines of spaces", _GROUP, "Disallow   {n}   x y\n")
    yield attack("carriage returns", _GROUP, "\r")
    yield attack("percent signs", f"{_GROUP}Disallow: /", "%2")
    yield attack("characters beyond ASCII", f"{_GROUP}Disallow: /", "\u30c4")
    yield attack("comments", _GROUP, "#{n}\n")
    yield attack("comments that reserve", _GROUP, "# {n}: text and data mining of this content is reserved.\n")
    yield attack("one comment that nearly reserves", f"{_GROUP}#", " text and data mining of {n} and")


def _tdmrep() -> Iterator[_Attack]:
    def attack(what: str, start: str, unit: str, end: str = "") -> _Attack:
        return _Attack("tdmrep.json", what, start, unit, end)

    first = f'[{{"location": "/{_SALT}", "tdm-reservation": 1}}'
    yield attack("many rules", first, ', {{"location": "/b{n}", "tdm-reservation": 1}}', "]")
    yield attack("many rules with wildcards", first, ', {{"location": "/*a*ab*b{n}$", "tdm-reservation": 1}}', "]")
    yield attack("one location of wildcards", f'{first}, {{"tdm-reservation": 1, "location": "/', "*a", '*c$"}]')
    yield attack("many members in one rule", f'{first}, {{"tdm-reservation": 1', ', "m{n}": 0', "}]")
    yield attack("one member many times", f'{first}, {{"tdm-reservation": 1', ', "tdm-reservation": 0', "}]")
    yield attack("arrays in arrays", f"{first}, ", "[")
    yield attack("objects in objects", f"{first}, ", '{{"a":')
    yield attack("quotation marks", f"{first}, ", '"')
    yield attack("escapes", f'{first}, "', "\\u0041", '"]')
    yield attack("digits", f'{first}, {{"location": "/", "tdm-reservation": ', "1", "}]")
    yield attack("not JSON, many near reservations", f"/{_SALT}", " tdm-reservation")
    yield attack("not JSON, a reservation and spaces", f"/{_SALT} tdm-reservation", " ", ": 0")
    yield attack("commas", first, ",", "]")


def _text_files() -> Iterator[_Attack]:
    for what, start, unit in (
        ("many rules", _GROUP, "Disallow: /a{n}\n"),
        ("many rules with wildcards", _GROUP, "Disallow: /*a*ab*b{n}$\n"),
        ("many groups", _GROUP, "User-agent: bot{n}\nDisallow: /\n"),
        ("one long line", f"{_GROUP}Disallow: /", "a"),
    ):
        yield _Attack("ai.txt", what, start, unit)
    for what, start, unit in (
        ("many lines", f"#{_SALT}\n", "datatrainingallowed=no{n}\n"),
        ("one long value", f"#{_SALT}\ndatatrainingallowed=", "no "),
        ("spaces", f"#{_SALT}\ndatatrainingallowed", " "),
        ("lines of others", f"#{_SALT}\n", "member=http://{n}.example/\n"),
    ):
        yield _Attack("trust.txt", what, start, unit)


def _rsl() -> Iterator[_Attack]:
    def attack(what: str, start: str, unit: str, end: str = "") -> _Attack:
        return _Attack(RSL, what, start, unit, end)

    head = f'<rsl xmlns="https://rslstandard.org/rsl"><!--{_SALT}-->'
    whole = f'{head}<content url="/">'
    licence = '<license><permits type="usage">search</permits></license>'
    yield attack("many contents", head, f'<content url="/a{{n}}">{licence}</content>', "</rsl>")
    yield attack("many contents with wildcards", head, f'<content url="/*a*ab*b{{n}}$">{licence}</content>', "</rsl>")
    yield attack("one content of wildcards", f'{head}<content url="/', "*a", f'">{licence}</content></rsl>')
    yield attack("many licences", whole, licence, "</content></rsl>")
    many = '<permits type="user">commercial</permits><prohibits type="geo">FR</prohibits>'
    yield attack("many permits", f"{whole}<license>", many, "</license></content></rsl>")
    yield attack(
        "one long list", f'{whole}<license><permits type="usage">', " ai-{n}", "</permits></license></content></rsl>"
    )
    yield attack("elements in elements", whole, "<license>")
    yield attack("elements of others in elements", whole, '<a xmlns="u:{n}">')
    yield attack("attributes", f"{head}<content", ' a{n}="b"', f' url="/">{licence}</content></rsl>')
    yield attack(
        "entities", f'<!DOCTYPE rsl [<!ENTITY a "{_SALT}">', '<!ENTITY b{n} "&a;&a;">', f"]>{whole}&b9;</content></rsl>"
    )
    yield attack(
        "character references",
        f'{whole}<license><permits type="usage">',
        "&#97;",
        "</permits></license></content></rsl>",
    )
    yield attack("comments", whole, "<!-- -->", "</content></rsl>")


def _prose() -> Iterator[_Attack]:
    start = f"<p>{_SALT} "
    for what, unit in (
        ("sentences that reserve", "Text and data mining of this content is reserved. "),
        ("sentences that nearly reserve", "Is text and data mining of part {n} allowed? "),
        ("one sentence without an end", "text and data mining is reserved and "),
        ("phrases without words between", "text and data mining "),
        ("full stops", ". "),
        ("elements in elements", "<div>mining "),
        ("hidden elements", "<template>mining </template>"),
    ):
        yield _Attack("page text", what, start, unit)


def _pdf() -> Iterator[_Attack]:
    packet = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    named = '<rdf:Description xmlns:tdm="http://www.w3.org/ns/tdmrep/" tdm:reservation="1"/>'
    start = f"%PDF-1.7\n%{_SALT}\n"
    for what, begin, unit in (
        ("many packets", "", f"{packet}{named}</rdf:RDF></x:xmpmeta>"),
        ("many unclosed packets", "", packet),
        ("many unclosed wrappers", named, "<x:xmpmeta>"),
        ("elements in elements", f"{packet}{named}", "<rdf:li>"),
        ("the namespace, repeated", packet, "http://www.w3.org/ns/tdmrep/ "),
        ("many streams", "", "<</Type/Metadata>>stream\nx\nendstream\n"),
        ("unclosed streams", "", "<</Type/Metadata/Filter/FlateDecode>>stream\nx"),
    ):
        yield _Attack("PDF", what, f"{start}{begin}", unit)


def _headers() -> Iterator[_Attack]:
    for name in (
        "x-robots-tag",
        "robots-tag",
        "content-usage",
        "content-signal",
        "tdm-reservation",
        "tdm-policy",
        "link",
    ):
        yield _Attack("header", f"{name}, repeated", "", f"{_SALT}-{{n}}", header=name)
    for name, start, unit in (
        ("x-robots-tag", _SALT, ", noai"),
        ("x-robots-tag", _SALT, ", bot{n}: noai"),
        ("x-robots-tag", _SALT, ", unavailable_after: Mon"),
        ("x-robots-tag", _SALT, " noai:"),
        ("x-robots-tag", f"*;k{_SALT}", ";noai"),
        ("robots-tag", f"k{_SALT}", ", b{n};noai"),
        ("robots-tag", f'"{_SALT}', "\\"),
        ("content-usage", f"k{_SALT}=n", ", k{n}=n"),
        ("content-usage", f"k{_SALT}=n", ";p{n}=1"),
        ("content-usage", f"k{_SALT}=", "("),
        ("content-usage", f"{_SALT} train-ai", " "),
        ("content-signal", f"{_SALT}=no", ", ai-train=yes"),
        ("tdm-reservation", _SALT, ", 1"),
        ("link", f"<{_SALT}>", ';rel="license";type="application/rsl+xml", </{n}>'),
        ("link", f"<{_SALT}>", ';a="'),
        ("link", f"<{_SALT}>", " "),
        ("link", _SALT, "<"),
    ):
        yield _Attack("header", f"{name}, one long value of {unit!r}", start, unit, header=name)


def _html() -> Iterator[_Attack]:
    def attack(what: str, start: str, unit: str, end: str = "") -> _Attack:
        return _Attack("HTML", what, start, unit, end)

    yield attack("many `<meta`", f"<head>{_SALT}", "<meta ")
    yield attack("many `<meta`, parsed", _DECLARED, "<meta ")
    yield attack("many metas without a meaning", f"<head>{_SALT}", '<meta name="a{n}" content="b">')
    yield attack("many metas that declare", _DECLARED, '<meta name="robots" content="noai, a{n}">')
    yield attack("many equal metas that declare", _DECLARED, '<meta name="robots" content="noai">')
    yield attack(
        "many metas outside the head", f"{_DECLARED}</head><body>", '<meta name="tdm-reservation" content="1">'
    )
    yield attack("attributes", f"{_DECLARED}<meta", " a{n}=b", ">")
    yield attack("one attribute many times", f"{_DECLARED}<meta", " name=tdm", ">")
    yield attack("spaces in a tag", f"{_DECLARED}<meta", " ")
    yield attack("an open quotation", f"{_DECLARED}<meta name='", "<meta name='")
    yield attack("quotation marks without a value", f"{_DECLARED}<meta", '="')
    yield attack("an unclosed tag", f"{_DECLARED}<meta", " a")
    yield attack("comments", _DECLARED, "<!--")
    yield attack("scripts", _DECLARED, "<script>")
    yield attack("character references", f"<head>{_SALT}", '<meta name="&#110;&#0">')
    yield attack("a long content", f'<head><meta name="robots" content="noai, {_SALT}', ", noai a{n}", '">')
    yield attack("elements in elements", _DECLARED, "<div>")
    yield attack("formatting elements in elements", _DECLARED, "<b><p>")
    yield attack("links in links", _DECLARED, "<a><div>")
    yield attack("tables in tables", _DECLARED, "<table><tr><td>")
    yield attack("templates", _DECLARED, "<template>")
    yield attack("end tags", _DECLARED, "</p>")
    yield attack("self-closed titles", _DECLARED, "<title/>")


def _attacks() -> Iterator[_Attack]:
    yield from _robots()
    yield from _tdmrep()
    yield from _text_files()
    yield from _rsl()
    yield from _headers()
    yield from _html()
    yield from _prose()
    yield from _pdf()
    yield _Attack("URL", "a long path against wildcards", "/", "ab{n}")


def run(options: Options) -> Iterator[Table]:
    """Measure every attack at both sizes, format by format; the best of the rounds counts, since noise only adds."""
    columns = ("attack", "50 KiB, ms", "500 KiB, ms", "ratio")
    note = "From evidence to decision (`decide`), CPU time, the best of the rounds."
    for kind, attacks in itertools.groupby(_attacks(), lambda attack: attack.format):
        yield Table(f"Cost of adversarial inputs: {kind}", columns, [_row(attack, options) for attack in attacks], note)


def _row(attack: _Attack, options: Options) -> Row:
    calls = {"small": _deciding(attack, _SMALL), "large": _deciding(attack, _LARGE)}
    measured = interleaved(calls, options.rounds)
    small, large = min(measured["small"]), min(measured["large"])
    if large > _RATIO * small:  # a busy machine, or a true miss: once more will tell
        measured = interleaved(calls, options.rounds)
        small, large = min(small, *measured["small"]), min(large, *measured["large"])
    cells = (attack.what, f"{1e3 * small:.2f}", f"{1e3 * large:.2f}", f"{large / small:.1f}")
    return Row(cells, at_most(large / small, _RATIO))


def _deciding(attack: _Attack, size: int) -> Callable[[], object]:
    """Make a call that reads the input, its salt new each time, and decides."""
    values = _values(attack, size)
    salts = itertools.count()
    policy = _READING if attack.format == "page text" else _POLICY

    def deciding() -> object:
        salt = f"{next(salts):x}s{len(values)}"
        return decide(*_asked(attack, [value.replace(_SALT, salt) for value in values]), policy)

    return deciding


def _values(attack: _Attack, size: int) -> list[str]:
    """Make the input: one text, or the values of many header fields."""
    octets = size - len(attack.start) - len(attack.end)
    units: list[str] = []
    while octets > 0:
        units.append(attack.unit.format(n=len(units)))
        octets -= len(units[-1].encode())
    if attack.header and not attack.start:
        return units
    return [f"{attack.start}{''.join(units)}{attack.end}"]


def _asked(attack: _Attack, values: list[str]) -> tuple[str, Iterable[Evidence]]:
    """Give the URL to decide about and the evidence, with the input in its place."""
    url = _ORIGIN + (values[0] if attack.format == "URL" else _PATH)
    body = values[0].encode()
    files = {_ORIGIN + path: b"" for path in LOCATIONS.values()}
    files[f"{_ORIGIN}/robots.txt"] = b"User-agent: *\nDisallow: /*a*b*c*d$\nDisallow: /*ab*bb\nLicense: /rsl.xml\n"
    if attack.format in ALL_LOCATIONS:
        files[_ORIGIN + LOCATIONS.get(attack.format, "/rsl.xml")] = body
    asset = body if attack.format in ("HTML", "page text", "PDF") else b"<p>text</p>"
    media_type = "application/pdf" if attack.format == "PDF" else "text/html"
    headers = [("content-type", media_type), *((attack.header, value) for value in values if attack.header)]
    seen = [Evidence(file, 200 if said else 404, (), said, AT) for file, said in files.items()]
    return url, (*seen, Evidence(url, 200, headers, asset, AT))
