"""Files and pages that several benchmarks use.

Rule of this file: the same call gives the same octets; addresses under `.example` and on loopback only. It imports
nothing of the package, since a crawl without it reads this file too.
"""

from __future__ import annotations

from datetime import datetime, timezone

HOSTS = 200  # of the small web, with so many pages each
PAGES = 15
OCTETS = 20_000  # of a page
AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)

_META = """<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="What the village council said on the new bridge, and what it left open.">
<meta name="author" content="Editorial staff">
<meta name="generator" content="Example CMS 6.4">
<meta name="theme-color" content="#203040">
<meta property="og:type" content="article">
<meta property="og:title" content="The bridge that nobody ordered">
<meta property="og:image" content="/media/bridge.jpg">
<meta name="robots" content="index, follow, max-image-preview:large">
<link rel="canonical" href="/2026/11/{number}.html">
<link rel="icon" href="/favicon.ico">
<link rel="stylesheet" href="/assets/site.css?v=12">
<link rel="alternate" type="application/atom+xml" href="/feed.xml">
<script>window.settings = {{"lang": "en", "ads": false, "a<b": 1 < 2}};</script>
<style>body {{ margin: 0; font: 16px/1.5 serif }} main > p {{ max-width: 40em }}</style>"""
_SENTENCES = (
    "The council met on a wet evening and talked for three hours about a bridge.",
    "Nobody in the room could say who had ordered it, or when it would be paid for.",
    "A farmer from the east bank asked whether his cattle would be allowed to cross.",
    "The engineer drew two lines on the board and said that one of them was the river.",
    "In the end the vote was put off until the water had gone down.",
    "Older people remember the ferry, which took a quarter of an hour and cost a penny.",
    "There is a photograph of it in the school, next to the map of the old railway.",
)


def page(number: int, links: int = 6, of: int = PAGES, size: int = OCTETS) -> bytes:
    """Make an HTML page of an article: a head of ten metas that reserve nothing, text, and links within the host.

    Args:
        number: of the page; it links to the next ones, so that a crawl from any page finds all of them.
        links: to how many pages of the host it links, besides four to other hosts.
        of: how many pages the host has.
        size: octets, about; the text is cut to it.
    """
    near = (f'<li><a href="/2026/11/{(number + step) % of}.html">Part {step}</a></li>' for step in range(1, links + 1))
    far = (f'<li><a href="http://other-{step}.example/">Elsewhere</a></li>' for step in range(4))
    top = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<title>Article {number}</title>\n{_META.format(number=number)}\n'
        f'</head>\n<body class="article">\n<nav><ul>\n{chr(10).join((*near, *far))}\n</ul></nav>\n<main>\n'
        f"<h1>The bridge that nobody ordered, part {number}</h1>\n"
    )
    bottom = '</main>\n<footer><p class="small">Example village press</p></footer>\n</body>\n</html>\n'
    text, paragraph = [], 0
    room = size - len(top) - len(bottom)
    while room > 0:
        sentences = " ".join(_SENTENCES[(number + paragraph + step) % len(_SENTENCES)] for step in range(5))
        text.append(f'<div class="block"><p id="p{paragraph}">{sentences} <em>({paragraph})</em></p></div>\n')
        room -= len(text[-1])
        paragraph += 1
    return (top + "".join(text) + bottom).encode()


def addresses(hosts: int = HOSTS) -> list[str]:
    """Give the addresses of the hosts, from 127.0.1.1 on."""
    return [f"127.0.{1 + number // 250}.{1 + number % 250}" for number in range(hosts)]


def tdmrep(rules: int) -> bytes:
    """Make a tdmrep.json with that many rules; the last one reserves the whole site."""
    paths = "".join(f'{{"location": "/part-{rule}/*", "tdm-reservation": 0}},\n' for rule in range(rules - 1))
    return f'[\n{paths}{{"location": "*", "tdm-reservation": 1}}\n]\n'.encode()
