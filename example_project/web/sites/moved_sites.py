"""Sites that are hard to reach: moved to another host, out of order, or slow.

Rule of this file: a table of facts, then the sites. What a page should come to stands beside it.
"""

from __future__ import annotations

from web.model import Page, Site, json_file, robots
from web.telling import rows, slug, tell

# --- An atlas that has moved: half of it to a site that reserves all, half to one that reserves nothing -----

_LANDS = """
new  | Orrin       | two rivers that share a bed       | knotted rope
new  | Little Vast | one very large field              | field
new  | The Hems    | the edges of other countries      | thread
new  | Sundermark  | a border that is older than both sides | stamps
new  | Pell        | islands, on loan from the sea     | gull feathers
open | Tamsel      | hills in alphabetical order       | slate
open | Low Arden   | a valley below its own map        | apples
open | Quorn Reach | a lake in the shape of a question | answers
open | Vesper Isle | a coast that is only seen at dusk | lamp oil
open | The Nook    | a corner that was left over       | chairs
"""
_LAND = (
    "{land} consists of {what}. It takes four days to cross, or five in company.",
    "Travellers to {land} look for {what} and are seldom disappointed twice.",
)
_TRADE = (
    "Its chief export is {goods}. Its chief import is news of {goods}.",
    "People there live by {goods}, and speak of little else until supper.",
    "The coin of {land} shows a sheaf of {goods} and a face that nobody can name.",
)
_MOVED = tuple(rows("home land what goods", _LANDS))
_HOMES = {"new": "http://new-atlas.example", "open": "http://open-atlas.example"}


def _path(land: str) -> str:
    return f"/lands/{slug(land)}.html"


def _arrived(home: str) -> tuple[Page, ...]:
    """Give the pages that moved to one of the homes; only the redirects of the old atlas lead there."""
    return tuple(
        Page(
            path=_path(row["land"]),
            title=row["land"],
            text=tell(row, _LAND, _TRADE),
            expected="deny" if home == "new" else "allow",
            listed=False,
        )
        for row in _MOVED
        if row["home"] == home
    )


OLD_ATLAS = Site(
    host="old-atlas.example",
    name="The Old Atlas",
    says="nothing; its pages moved to the two atlases below",
    pages=(
        Page(path="/", title="We have moved", text=("The atlas has been cut in two. Please follow the signs.",)),
        *(
            Page(
                path=_path(row["land"]),
                title=row["land"],
                moved_to=_HOMES[row["home"]] + _path(row["land"]),
                expected="deny" if row["home"] == "new" else "allow",
            )
            for row in _MOVED
        ),
    ),
)
NEW_ATLAS = Site(
    host="new-atlas.example",
    name="The New Atlas",
    says="tdmrep.json reserves all",
    pages=(
        Page(
            path="/",
            title="Lands, A to Z",
            text=("The corrected edition. All rights are kept.",),
            expected="deny",
        ),
        *_arrived("new"),
    ),
    files=(
        robots("User-agent: *", "Allow: /"),
        json_file("/.well-known/tdmrep.json", '[{"location": "/", "tdm-reservation": 1}]\n'),
    ),
)
OPEN_ATLAS = Site(
    host="open-atlas.example",
    name="The Open Atlas",
    says="nothing (no robots.txt)",
    pages=(
        Page(path="/", title="Lands for everyone", text=("The other half, drawn by whoever was passing.",)),
        *_arrived("open"),
    ),
)

# --- A harbour whose robots.txt answers 503: nobody may fetch, nobody knows yet -----------------------------

_BOATS = """
The Tardy Heron   | barrels   | Monday, or after      | a bell that is rung for luck
The Second Thought | wool     | when asked            | two anchors, in case
The Patient Goose | cheese    | at slack water        | a hull painted on the inside
The Hasty Snail   | letters   | yesterday             | a sail with a window
The Plain Answer  | slates    | at noon exactly       | no flag, on principle
The Brass Pigeon  | travellers | once she is full    | benches facing backwards
The Leaning Widow | lamp oil  | when the wind is sorry | a mast from another ship
"""
_SAIL = (
    "{boat} carries {cargo} and sails {when}. You will know her by {mark}.",
    "Berth four is kept for {boat}. She has {mark}; her cargo is {cargo}, and she leaves {when}.",
)
_FARE = (
    "Fares are paid on the far side.",
    "Standing room only, which is true of most boats.",
    "Dogs go first.",
)

FLAKY = Site(
    host="foghorn-harbour.example",
    name="Foghorn Harbour",
    says="robots.txt answers 503",
    pages=(
        Page(
            path="/",
            title="Sailings",
            text=("Boats, tides, apologies.",),
            expected="pending",
            fetchable=False,
        ),
        *(
            Page(
                path=f"/boats/{slug(row['boat'])}.html",
                title=row["boat"],
                text=tell(row, _SAIL, _FARE),
                expected="pending",
                fetchable=False,
            )
            for row in rows("boat cargo when mark", _BOATS)
        ),
    ),
    files=(robots("The foghorn is out of order. Try again later.", status=503),),
)

# --- A lighthouse that takes its time -----------------------------------------------------------------------

_NIGHTS = """
The First Night  | calm   | a whale that asked for directions   | white
The Long Night   | rough  | a moth of unusual determination     | white, then sorry
The Short Night  | glassy | the same ship, from the other side  | green
The Foggy Night  | absent | a knock at the door                 | audible
The Loud Night   | high   | three brass bands on one raft       | gold
The Empty Night  | low    | nothing, twice                      | saved for later
The Last Night   | kind   | the relief keeper, with cake        | handed over
"""
_WATCH = (
    "{night}. Sea: {sea}. Lamp: {lamp}. Seen from the gallery: {seen}.",
    "Log of the keeper, {night}: the sea was {sea}, and at two there was {seen}. The lamp was {lamp}.",
)
_CLOSE = (
    "I wound the mechanism and wrote this down.",
    "All is well, as far as can be seen, which is nine miles.",
)

SLOW = Site(
    host="ninemile-light.example",
    name="Ninemile Light",
    says="nothing, half a second late",
    pages=(
        Page(
            path="/",
            title="Log of the light",
            text=("Seven nights. Please be patient, the stairs are long.",),
        ),
        *(
            Page(path=f"/log/{slug(row['night'])}.html", title=row["night"], text=tell(row, _WATCH, _CLOSE))
            for row in rows("night sea seen lamp", _NIGHTS)
        ),
    ),
    delay=0.5,
)
