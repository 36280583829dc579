"""Links to terms: by relation, words and address, in six languages, of the same site only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.signals.terms_links import terms_links

URL = "https://www.news.example.co.uk/a/page"
HOME = "https://www.news.example.co.uk"


def found(body: str, url: str = URL) -> list[str]:
    """The paths that are found, or whole URLs of other hosts."""
    return [link.removeprefix(HOME) for link in terms_links(body.encode(), url)]


@pytest.mark.parametrize(
    "words",
    [
        "Terms", "Terms of Use", "Terms &amp; Conditions", "Legal notice", "Copyright", "CGU",
        "Conditions g\u00e9n\u00e9rales d\u2019utilisation", "Conditions g&eacute;n&eacute;rales",
        "Mentions l\u00e9gales",
        "AGB", "Nutzungsbedingungen", "Impressum", "Aviso legal", "T\u00e9rminos y condiciones", "Condiciones de uso",
        "Note legali", "Condizioni d'uso", "Termini e condizioni", "Algemene voorwaarden", "Gebruiksvoorwaarden",
        "NUTZUNGSBEDINGUNGEN", " <b>Terms</b>\n of  use ",
    ],
)  # fmt: skip
def test_a_link_is_known_by_its_words(words: str) -> None:
    """In six languages, whatever case, accents and markup."""
    assert found(f'<p><a class="x" href="/p?id=7">{words}</a></p>') == ["/p?id=7"]


@pytest.mark.parametrize(
    "path",
    ["/terms", "/terms-of-use", "/legal/terms_of_service.html", "/mentions-legales", "/mentions-l%C3%A9gales", "/agb",
     "/Impressum.php", "/aviso-legal/", "/note-legali", "/algemene-voorwaarden", "/tos", "/legal"],
)  # fmt: skip
def test_a_link_is_known_by_its_address(path: str) -> None:
    """Whatever it says."""
    assert found(f"<a href={path}><img src=x></a>") == [path]


@pytest.mark.parametrize("element", ["<link rel='{}' href='/x'>", '<a rel="nofollow {}" href="/x">here</a>'])
@pytest.mark.parametrize("rel", ["terms-of-service", "license", "copyright", "LICENSE"])
def test_a_link_is_known_by_its_relation(element: str, rel: str) -> None:
    """A link element in the head or a link in the page."""
    assert found(element.format(rel)) == ["/x"]


@pytest.mark.parametrize(
    "body",
    [
        '<a href="/agbar">Determs</a>',  # part of a word
        '<a href="/story">' + "The long terms of a very old dispute between two towns that never came to an end " * 2
        + "</a>",  # a headline
        '<a href="https://creativecommons.org/licenses/by/4.0/" rel="license">CC BY</a>',
        '<a href="https://terms.other.co.uk/terms">Terms of use</a>',
        '<a href="mailto:terms@news.example.co.uk">Terms</a>',
        '<a href="javascript:terms()">Terms</a>',
        '<a name="terms">Terms</a>',
        '<a href="#terms">Terms</a>',
        '<a href="http://[terms">Terms</a>',
        '<!-- <a href="/terms">Terms</a> -->',
        '<script>"<a href=/terms>Terms</a>"</script>',
        "<p>Terms of use</p>",
        "",
    ],
)  # fmt: skip
def test_other_links_are_none(body: str) -> None:
    """Other words, other sites, no pages, no links."""
    assert found(body) == []


def test_other_hosts_of_the_domain_count() -> None:
    """The registrable domain, not the host."""
    assert found('<a href="//legal.example.co.uk/t">Terms</a>') == ["https://legal.example.co.uk/t"]


def test_three_at_most_and_the_plainest_first() -> None:
    """The relation, then the words, then the address; each page once."""
    body = (
        '<a href="/terms-archive">Old</a><a href="/impressum">Impressum</a><a href="/x">Terms of use</a>'
        '<a href="/x#part">Legal</a><a href="/y" rel="license">Y</a><link rel="terms-of-service" href="/z">'
    )
    assert found(body) == ["/z", "/y", "/x"]


def test_the_base_of_a_page_counts() -> None:
    """HTML section 4.2.3; the first attribute of a name counts."""
    assert found('<base href="/de/"><a href="agb" href="x">AGB</a>') == ["/de/agb"]


@given(st.binary() | st.text(alphabet="<a href='/=terms> \\\"&#[]:", max_size=200).map(str.encode), st.text())
def test_nothing_makes_it_raise(body: bytes, url: str) -> None:
    """Whatever the page and its address."""
    assert len(terms_links(body, url)) <= 3
    assert len(terms_links(body, URL)) <= 3
