"""Sites of songs: words, sheets and talk about songs. The sites say nothing; who wrote a song may have reserved it.

Rule of this file: tables of facts; beside each song what its page says of it in JSON-LD, and what its item comes to by
the register of `register/` (the page itself is allowed, since no site reserves anything here).
"""

from __future__ import annotations

import json
from typing import Any

from web.model import Item, Page, Site, robots
from web.telling import rows, slug, tell

_SCHEMA = "https://schema.org"
_FIRST_REGISTER = "register"  # words and sheets that are not known for certain wait for the register, then for a person

# --- Words to songs -----------------------------------------------------------------------------------------

_SONGS = """
Lamp Above the Weir     | Odalys Brakke     | Tam Wirrel        | weir      | a lamp   | the herons
Nine Pennies to Vell    | Odalys Brakke     | Tam Wirrel        | turnpike  | a coin   | the carters
Don't Wind the Clock    | Odalys Brakke     | Iwo Starling      | square    | a key    | the pigeons
Blue Door, Green Door   | Sefa Lindqvell    | Sefa Lindqvell    | alley     | a latch  | the sparrows
Salt on the Stair       | Mirela Quent      | Tam Wirrel        | harbour   | a rope   | the gulls
The Miller's Other Hand | Jory Penhalver    | Jory Penhalver    | mill race | a ring   | the swifts
Ferryman, Count Again   | Iwo Starling      | Tam Wirrel        | landing   | a bell   | the coots
Rain Lends Nothing      | Odalys Brekke     | Sefa Lindqvell    | rooftop   | a bucket | the starlings
A Crossroad's Complaint | Tib Quarrender    | Tib Quarrender    | crossroad | a boot   | the crows
Left Glove Waltz        | Sefa Lindqvell    | Fenn Hartigale    | ballroom  | a glove  | the moths
Winter Has Our Address  | Perpetua Vashbrook | Ottokar Vashbrook | hillside  | a letter | the owls
Small Hours, Large Moon | Amaury Feuilleux (SACEM) | Amaury Feuilleux (SACEM) | meadow | a kettle | the crickets
The Hay Remembers       | Nan Tuckerby      | Nan Tuckerby      | hayloft   | a fork   | the wagtails
"""
# What a page says of its song beside title and writers (an ISWC), and what its words come to, in the same order.
_WORDS: tuple[tuple[str, Item], ...] = (
    ("T-990.720.037-7", Item(outcome="deny", rule="R6", who="SOCIA")),
    ("", Item(outcome="deny", rule="R6", who="SOCIA")),  # by title and writers alone
    ("T-990.720.185-3", Item(outcome="deny", rule="M2", who="SOCIA")),  # a slip of the pen: its check digit is wrong
    ("T-990.720.259-9", Item(outcome="allow", rule="R5", who="socia")),  # licensed by the society
    ("T-990.720.148-3", Item(outcome="allow", rule="R5", who="mirela")),  # licensed by who wrote the words
    ("T-990.720.111-0", Item(outcome="deny", rule="R4", who="Jory Penhalver")),  # licensed, but withheld by a member
    ("T-990.720.333-2", Item(outcome="pending", waits_for=_FIRST_REGISTER, rule="R7", who="SOCIA")),  # in dispute
    ("", Item(outcome="pending", waits_for=_FIRST_REGISTER, rule="M3", who="SOCIA")),  # is Brekke Brakke?
    ("T-990.720.518-9", Item(outcome="pending", waits_for=_FIRST_REGISTER, rule="M2", who="SOCIA")),  # not its number
    ("", Item(outcome="pending", waits_for=_FIRST_REGISTER, rule="M5", who="SOCIA")),  # licensed, if it is that song
    ("T-990.720.407-3", Item(outcome="allow", rule="R1a")),  # in the public domain
    ("", Item(outcome="deny", rule="R10", who="Sacem")),  # no register knows it; the page credits Sacem
    ("", Item(outcome="pending", waits_for="register", rule="R6", who="Sacem")),  # no register knows it
)
_FIRST = (
    """Down by the {where} I lost {thing}, / and who should find it but the spring; /
    {birds} went over, two by two, / and one of them looked much like you.""",
    """You left me {thing} and the key to the {where}, / you left me the table, you left me the chair; /
    {birds} have it now, let them sit where they please, / I am learning to whistle in threes.""",
    """O {where}, O {where}, what did you do / with {thing} that I carried for two? /
    I asked of {birds}, and {birds} only said: / the water was cold and the evening was red.""",
)
_CHORUS = (
    "And it's turn about, burn about, hand me the light, / there's room at the {where} for one more tonight.",
    "So sing it slow, {birds} know, / the song is the only thing willing to go.",
)


def _composition(row: dict[str, str], iswc: str, **more: Any) -> str:
    """State a song in JSON-LD, as song sites do."""
    said = {"@context": _SCHEMA, "@type": "MusicComposition", "name": row["title"], **more}
    for key, name in (("lyricist", "words"), ("composer", "music")):
        if row[name]:
            said[key] = {"@type": "Person", "name": row[name]}
    if iswc:
        said["iswcCode"] = iswc
    return json.dumps(said, ensure_ascii=False)


def _song(row: dict[str, str], iswc: str, item: Item) -> Page:
    words = tell(row, _FIRST, _CHORUS)
    lyrics = {"@type": "CreativeWork", "text": "\n".join(" ".join(part.split()) for part in words)}
    return Page(
        path=f"/songs/{slug(row['title'])}.html",
        title=row["title"],
        text=(*words, f"Words: {row['words']}. Music: {row['music']}."),
        data=_composition(row, iswc, lyrics=lyrics),
        item=item,
    )


LYRICS = Site(
    host="hollow-lyrics.example",
    name="Hollow Lyrics",
    says="nothing (its songs may be reserved elsewhere)",
    pages=(
        Page(
            path="/",
            title="Songs of the hollow",
            text=("Words to songs as they are sung between the two weirs.",),
        ),
        *(
            _song(row, iswc, item)
            for row, (iswc, item) in zip(rows("title words music where thing birds", _SONGS), _WORDS, strict=True)
        ),
    ),
    files=(robots("User-agent: *", "Disallow: /search"),),
)

# --- Sheets: words, music and the printed edition must all be clear -----------------------------------------

_SHEETS = """
Salt on the Stair      | Mirela Quent       | Tam Wirrel        | G minor | the stairs are a descending bass
Blue Door, Green Door  | Sefa Lindqvell     | Sefa Lindqvell    | D major | two doors, two voices, one key between them
Winter Has Our Address | Perpetua Vashbrook | Ottokar Vashbrook | A minor | the postman knocks in bar nine
The Goose-Girl's Galop |                    | Ottokar Vashbrook | F major | it gallops only if the goose agrees
Study for Eleven Cats  |                    | Pim Tattersole    | C major | the eleventh cat enters late, as cats do
"""
_SHEET_ITEMS: tuple[tuple[str, str, Item], ...] = (  # ISWC, licence that the page states, what the sheet comes to
    ("T-990.720.148-3", "", Item(outcome="deny", rule="R6", who="SOCIA")),  # the licence is for the words alone
    ("T-990.720.259-9", "", Item(outcome="allow", rule="R5", who="socia")),
    ("T-990.720.407-3", "", Item(outcome="deny", rule="R4", who="Cartwheel Editions")),  # a free song in a new edition
    ("T-990.720.444-8", "", Item(outcome="allow", rule="R1a")),
    # An open licence on a page is the word of its site: it says nothing of what a society may hold.
    (
        "",
        "https://creativecommons.org/licenses/by/4.0/",
        Item(outcome="pending", waits_for="register", rule="R6", who="Sacem"),
    ),
)
_ENGRAVED = (
    "{title}, in {key}, engraved for voice and squeezebox. A note for players: {note}.",
    "Copied out by lamplight, in {key}. Mind this: {note}.",
)


def _sheet(row: dict[str, str], iswc: str, licence: str, item: Item) -> Page:
    more = {"additionalType": "sheet music", **({"license": licence} if licence else {})}
    return Page(
        path=f"/sheets/{slug(row['title'])}.html",
        title=row["title"],
        text=tell(row, _ENGRAVED),
        data=_composition(row, iswc, **more),
        item=item,
    )


SHEETS = Site(
    host="quaver-sheets.example",
    name="Quaver Sheets",
    says="nothing (tune, words and edition may be reserved elsewhere)",
    pages=(
        Page(path="/", title="Sheets to play from", text=("Five sheets, no stains worth mentioning.",)),
        *(
            _sheet(row, *told)
            for row, told in zip(rows("title words music key note", _SHEETS), _SHEET_ITEMS, strict=True)
        ),
    ),
)

# --- A magazine on songs: what it writes itself is free, the songs that it tells of may not be -----------------

_COLUMNS = """
Ferryman, Count Again | Iwo Starling    | Tam Wirrel      | a ferryman who is never sure of his passengers
Rain Lends Nothing    | Odalys Brekke   | Sefa Lindqvell  | weather that keeps its accounts
"""
_COLUMN_ITEMS: tuple[tuple[str, Item], ...] = (
    ("T-990.720.333-2", Item(outcome="pending", waits_for="person", rule="R7", who="SOCIA")),
    ("", Item(outcome="pending", waits_for="person", rule="M3", who="SOCIA")),
)
_TOLD = ("The song of the month is {title}, of {about}. We sang it twice and the landlord asked us to stop.",)
_ARTICLE = {"@context": _SCHEMA, "@type": "Article", "author": {"@type": "Person", "name": "Hedy Crabtree-Vane"}}

MAGAZINE = Site(
    host="ballad-post.example",
    name="The Ballad Post",
    says="nothing (it tells of songs)",
    pages=(
        Page(path="/", title="Songs, and where to sing them", text=("A monthly paper, on most months.",)),
        *(
            Page(
                path=f"/song-of-the-month/{slug(row['title'])}.html",
                title=row["title"],
                text=tell(row, _TOLD),
                data=_composition(row, iswc),
                item=item,
            )
            for row, (iswc, item) in zip(rows("title words music about", _COLUMNS), _COLUMN_ITEMS, strict=True)
        ),
        Page(
            path="/columns/an-evening-at-the-weir.html",
            title="An evening at the weir",
            text=("They closed with Lamp Above the Weir, by Odalys Brakke, and the herons did not mind.",),
            # A song that an article mentions is no work of the page, so its ISWC is no credit.
            data=json.dumps(
                {
                    **_ARTICLE,
                    "headline": "An evening at the weir",
                    "mentions": {
                        "@type": "MusicComposition",
                        "name": "Lamp Above the Weir",
                        "iswcCode": "T-990.720.037-7",
                    },
                }
            ),
            item=Item(outcome="allow"),
        ),
        Page(
            path="/columns/how-to-oil-a-squeezebox.html",
            title="How to oil a squeezebox",
            text=("Do not. But if you must, goose fat, a feather, and an uncle who is out of the room.",),
            data=json.dumps(
                {
                    **_ARTICLE,
                    "headline": "How to oil a squeezebox",
                    "license": "https://creativecommons.org/licenses/by/4.0/",
                }
            ),
            item=Item(outcome="allow"),
        ),
    ),
)
