"""Natural language: what reserves is found, what merely mentions is not, and no text makes it raise."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.signals.natural_language import find, find_in_page

VECTORS = Path(__file__).parent / "vectors" / "natural_language"
LANGUAGES = ("de", "en", "es", "fr", "it", "nl")
# Cloudflare's text (CC0): served as comments to zones that have expressed nothing.
CONTENT_SIGNALS = (
    "As a condition of accessing this website, you agree to abide by the following content signals: (a) If a "
    "content-signal = yes, you may collect content for the corresponding use. (b) If a content-signal = no, you may "
    "not collect content for the corresponding use. (c) If the website operator does not include a content signal for "
    "a corresponding use, the website operator neither grants nor restricts permission via content signal with respect "
    "to the corresponding use. The content signals and their meanings are: search: building a search index and "
    "providing search results. Search does not include providing AI-generated search summaries. ai-input: inputting "
    "content into one or more AI models (e.g., retrieval augmented generation, grounding, or other real-time taking of "
    "content for generative AI search answers). ai-train: training or fine-tuning AI models. ANY RESTRICTIONS "
    "EXPRESSED VIA CONTENT SIGNALS ARE EXPRESS RESERVATIONS OF RIGHTS UNDER ARTICLE 4 OF THE EUROPEAN UNION DIRECTIVE "
    "2019/790 ON COPYRIGHT AND RELATED RIGHTS IN THE DIGITAL SINGLE MARKET."
)


PARTS = [(None, (1,)), ("held", (1,)), (None, (7,)), ("held", (7,)), (None, tuple(range(1, 8)))]  # with their rounds


def sentences(name: str, *, part: str | None = None, rounds: tuple[int, ...] = (1,)) -> list[dict[str, Any]]:
    """Sentences of one set."""
    rows: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["sentences"]
    return [row for row in rows if row["round"] in rounds and part in {None, row["part"]}]


@pytest.mark.parametrize("name", ["reserving", "mentioning"])
def test_a_set_has_a_hundred_sentences_balanced_over_six_languages(name: str) -> None:
    """Each language has 16 or 17 of the 100, and about a third is held."""
    rows = sentences(name)
    assert len(rows) == len({row["text"] for row in rows}) == 100
    counts = Counter(row["language"] for row in rows)
    assert sorted(counts) == sorted(LANGUAGES)
    assert set(counts.values()) == {16, 17}
    assert 33 <= len(sentences(name, part="held")) <= 34


@pytest.mark.parametrize(("part", "rounds"), PARTS)
def test_nine_of_ten_that_reserve_are_found(part: str | None, rounds: tuple[int, ...]) -> None:
    """At least 90 of 100: in all, and in the third that was held."""
    rows = sentences("reserving", part=part, rounds=rounds)
    missed = [row["text"] for row in rows if not find(row["text"])]
    assert len(missed) <= len(rows) // 10, missed


@pytest.mark.parametrize(("part", "rounds"), PARTS)
def test_what_merely_mentions_is_not_found(part: str | None, rounds: tuple[int, ...]) -> None:
    """At most one of 100: in all, and none in the third that was held."""
    rows = sentences("mentioning", part=part, rounds=rounds)
    false = [row["text"] for row in rows if find(row["text"])]
    assert len(false) <= len(rows) // 100, false


@pytest.mark.parametrize("name", ["reserving", "mentioning"])
def test_the_seventh_round_has_twenty_sentences_a_language(name: str) -> None:
    """120 sentences, a third of them held."""
    counts = Counter(row["language"] for row in sentences(name, rounds=(7,)))
    assert dict(counts) == dict.fromkeys(LANGUAGES, 20)
    assert len(sentences(name, part="held", rounds=(7,))) == 40


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_is_named(language: str) -> None:
    """What is found in a language is said to be in that language."""
    rows = [row for row in sentences("reserving") if row["language"] == language]
    named = [found.language for row in rows for found in find(row["text"])]
    assert named
    assert set(named) == {language}


def test_the_comment_about_content_signals_reserves_nothing() -> None:
    """signals.md section 5: comments alone express nothing."""
    assert find(CONTENT_SIGNALS) == ()


def test_a_reservation_beside_that_comment_is_found() -> None:
    """The comment hides no sentence that stands after it."""
    own = "Text and data mining of this site is prohibited."
    assert [found.sentence for found in find(f"{CONTENT_SIGNALS} {own}")] == [own]


def test_the_sentence_is_quoted_where_it_stands() -> None:
    """The offset leads to the exact text, without its neighbours; abbreviations end no sentence."""
    own = "Die Nutzung für Text und Data Mining gem. Art. 4 und § 44b Abs. 3 UrhG ist untersagt."
    text = f"Impressum. Herausgeber ist der Verein.\n\n{own} Bilder: Archiv."
    (found,) = find(text)
    assert found.sentence == own
    assert text[found.start :].startswith(own)


def test_a_long_sentence_is_cut() -> None:
    """300 characters are quoted."""
    (found,) = find("Text and data mining is prohibited, " + "also of maps, " * 40 + "here.")
    assert len(found.sentence) == 300


def test_entries_of_a_menu_are_no_sentence_together() -> None:
    """Short lines stand alone: a heading about AI and a copyright line make no reservation."""
    assert find("AI training data\nAbout the museum\nAll rights are reserved\n") == ()


def test_capitals_and_curly_quotes_are_read() -> None:
    """Case and typography do not matter."""
    assert find("TEXT AND DATA MINING OF THIS SITE IS PROHIBITED.")
    assert find("L\u2019entra\u00eenement d\u2019une IA avec ces textes est interdit.")


@pytest.mark.parametrize(
    "text",
    [
        'Their notice says nothing new. It reads: "Text and data mining of this site is prohibited. All of it."',
        "Am Ende steht: \u201eDas Training von KI mit diesen Texten ist untersagt.\u201c",
        "On lit \u00ab La fouille de textes et de donn\u00e9es de ce site est interdite. \u00bb en bas de page.",
        "\u201cUse of our photographs to train AI is forbidden.\u201d",
    ],
)
def test_what_is_quoted_is_somebody_elses(text: str) -> None:
    """Quotation marks of each kind, over several sentences too."""
    assert find(text) == ()


def test_a_quoted_word_hides_no_reservation() -> None:
    """An act outside the quotation marks counts."""
    assert find('The use of this website (the "Site") for \u201ctext and data mining\u201d is prohibited.')


def test_an_open_quotation_mark_hides_nothing() -> None:
    """A mark that is never closed is none."""
    assert find('A 5" screen. Text and data mining of this site is prohibited.')


PAGE = "<!DOCTYPE html><html{}><head><title>Harbour</title></head><body>{}</body></html>"
NOTICE = "Text and data mining of this site is prohibited."


@pytest.mark.parametrize("lang", ["", ' lang="en"', " class=a lang=en-GB", ' lang="da"'])
def test_a_page_is_read(lang: str) -> None:
    """Whatever language it declares, or none."""
    (found,) = find_in_page(PAGE.format(lang, f"<p>Welcome.</p><footer>{NOTICE}</footer>").encode())
    assert found.sentence == NOTICE


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_in_each_language_is_looked_into(language: str) -> None:
    """The octets that are looked for in a page find nine of ten sentences that find() finds."""
    rows = [row["text"] for row in sentences("reserving", rounds=tuple(range(1, 8))) if row["language"] == language]
    rows = [text for text in rows if find(text)]
    pages = [PAGE.format(f' lang="{language}"', f"<p>{text}</p>").encode() for text in rows]
    assert sum(bool(find_in_page(page)) for page in pages) >= 0.8 * len(rows)


@pytest.mark.parametrize("tag", ["blockquote", "q", "code", "script", "style", "template", "noscript"])
def test_what_a_page_does_not_say_itself_is_not_read(tag: str) -> None:
    """Quotations, samples and what nobody sees."""
    assert find_in_page(PAGE.format("", f"<p>AI</p><{tag}>{NOTICE}</{tag}>").encode()) == ()


def test_blocks_of_a_page_are_apart() -> None:
    """A heading, a link and a copyright line make no sentence together."""
    body = "<h2>AI training data</h2><ul><li>Text and data mining</li><li>Entry is prohibited</li></ul><p>Closed</p>"
    assert find_in_page(PAGE.format(' lang="en"', body).encode()) == ()


def test_a_page_in_plain_text_is_read_as_it_stands() -> None:
    """Nothing there is markup."""
    assert find_in_page(b"AI <q>\n\nText and data mining of this site is prohibited.", "text/plain")


def test_no_more_sentences_of_a_page_are_read_than_are_asked_for() -> None:
    """Two of three."""
    assert len(find_in_page(PAGE.format("", f"<p>{NOTICE}</p>" * 3).encode(), most=2)) == 2


@pytest.mark.parametrize("word", ["EMAIL", "MAIN", "VIA", "I", "A I", "KIA"])
def test_capitals_within_words_are_no_abbreviation(word: str) -> None:
    """Such a page is passed by, and what it says is not read."""
    notice = "Nothing here may be read by language models without our permission."
    assert find(f"{notice}")
    assert find_in_page(PAGE.format(' lang="en"', f"<p>{word}. {notice}</p>").encode()) == ()


@given(st.binary() | st.text(alphabet="<p>AI mining is prohibited/ ").map(str.encode))
def test_no_octets_make_it_raise(body: bytes) -> None:
    """Whatever a page holds."""
    assert isinstance(find_in_page(body), tuple)


@given(st.text() | st.text(alphabet="AI may not. \n\u00e9\ud800;?!mining trainreserved", max_size=300))
def test_no_text_makes_it_raise(text: str) -> None:
    """Whatever is found stands in the text, in order."""
    found = find(text)
    assert all(text.startswith(one.sentence, one.start) for one in found)
    assert [one.start for one in found] == sorted(one.start for one in found)
