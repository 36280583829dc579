"""Sites whose pages reserve nothing: a blog, and a gallery with pictures that do.

Rule of this file: a table of facts, then the site. What a page or picture should come to stands beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from web.model import File, Page, Site, robots
from web.pictures import png
from web.telling import rows, slug, tell

if TYPE_CHECKING:
    from web.model import Fields, Outcome

# --- A blog: no robots.txt, no tdmrep.json, no header, no meta tag ------------------------------------------

_WALKS = """
Osterlune | a bridge that is only there on weekdays | barley soup with plums | a fog that smelled of pepper
Vell | eleven clock towers, none of them wound | smoked pears | rain falling upwards off the quay
Quillmarsh | a library built on stilts | duckweed pancakes | a wind that stopped for lunch
Brannock Tor | a postbox for letters to the mountain | black bread and honey | snow, but only on the left
Hither Ness | a ferry that waits for nobody but the cat | salted gooseberries | the longest dusk of the year
Upper Tarn | a lake that is let out on Sundays | trout in nettle butter | hail the size of chess pawns
Marrowick | a market where only shadows are sold | a pie without a bottom | sun so low that hats wore hats
Fennel Cross | a signpost with one hundred and two arms | fennel, in nine ways | thunder, politely distant
Dunmoor | a school for retired bell ringers | treacle and sharp cheese | frost flowers on every gate
Saltholm | a lighthouse that lights the inland side | seaweed toffee | a tide that came in twice
Old Pemberly | a staircase that leads to a smaller one | potato cake with caraway | drizzle in three colours
Linnetwood | an orchard that hums in the key of D | cider warmed with stones | a calm that one could lean on
Great Stiddy | a town hall that fits in a wheelbarrow | eggs, boiled by argument | clouds like unmade beds
"""
_SET_OUT = (
    "I left before six and reached {place} with one dry sock. The first thing you notice there is {sight}.",
    "Everybody had told me to skip {place}. Everybody had forgotten to mention {sight}.",
    "The path to {place} is not on my map, which may be why I found it. It ends, quite suddenly, at {sight}.",
)
_EAT = (
    "At noon a woman who called herself the deputy baker brought {food}, and would not hear of money.",
    "For supper they gave me {food}. I asked for the recipe and was given a very long look instead.",
    "The inn serves {food} and nothing else; the menu is a courtesy.",
    "I had packed sandwiches, and traded them for {food} within the hour.",
)
_WEATHER = (
    "Weather, for those who keep count: {weather}. I walked home by the lower road and met no one.",
    "On the way back there was {weather}, and I stood still for it, as one does.",
)

BLOG = Site(
    host="lantern-walks.example",
    name="Lantern Walks",
    says="nothing (no robots.txt)",
    pages=(
        Page(
            path="/",
            title="Walks by lantern",
            text=("A diary of walks between places that are hard to find twice. Bring a coat.",),
        ),
        *(
            Page(
                path=f"/{slug(row['place'])}.html",
                title=row["place"],
                text=tell(row, _SET_OUT, _EAT, _WEATHER),
            )
            for row in rows("place sight food weather", _WALKS)
        ),
    ),
)

# --- A gallery: the pages are free, some image files say otherwise by their own headers ---------------------

_ROOMS = """
The Tide Room    | Orla Vennick | six views of one wave, painted on different Tuesdays
The Green Stair  | Pim Astoral  | moss, mostly, and one patient snail
The Far Window   | Orla Vennick | horizons that were left over from larger pictures
The Quiet Corner | Dov Harrane  | portraits of people who asked not to be portrayed
The Map Room     | Ines Quoll   | coasts drawn from memory by sailors who never went
The Ash Gallery  | Pim Astoral  | chimneys of the old town, each with its own opinion
The Lower Hall   | Dov Harrane  | a long table, seen from under it
The Attic        | Ines Quoll   | roofs, and what the roofs are thinking
The Cold Room    | Orla Vennick | ice, in the order in which it melted
"""
_HANG = (
    "{room} shows work by {painter}: {works}.",
    "In {room} hang {works}. The painter, {painter}, asks visitors to whistle softly.",
)
_LIGHT = (
    "The light is best before eleven. The guard is best after.",
    "Two pictures are shown on this page; the third was lent to a cousin and has not come back.",
    "Please do not straighten the frames, they have been hung crooked with a spirit level.",
)
# What the file of each second picture says of itself, taken in turn.
_FILE_SAYS: tuple[tuple[Fields, Outcome], ...] = (
    ((("X-Robots-Tag", "noai"),), "deny"),
    ((("X-Robots-Tag", "noimageai"),), "deny"),
    ((("tdm-reservation", "1"),), "deny"),
    ((("X-Robots-Tag", "noindex"),), "allow"),  # of search engines, not of training
)


def _picture(number: int) -> File:
    headers, expected = _FILE_SAYS[number // 2 % len(_FILE_SAYS)] if number % 2 else ((), "allow")
    return File(
        path=f"/pictures/{number:02}.png",
        body=png(number * 13),
        content_type="image/png",
        headers=headers,
        expected=expected,
    )


_TABLE = tuple(rows("room painter works", _ROOMS))
GALLERY = Site(
    host="tidewater-gallery.example",
    name="Tidewater Gallery",
    says="X-Robots-Tag, tdm-reservation on some image files",
    pages=(
        Page(
            path="/",
            title="Rooms of the gallery",
            text=("Nine rooms, eighteen pictures, one door that sticks.",),
        ),
        *(
            Page(
                path=f"/rooms/{slug(row['room'])}.html",
                title=row["room"],
                text=tell(row, _HANG, _LIGHT),
                images=tuple(f"/pictures/{number:02}.png" for number in (2 * turn, 2 * turn + 1)),
            )
            for turn, row in enumerate(_TABLE)
        ),
    ),
    files=(robots("User-agent: *", "Allow: /"), *(_picture(number) for number in range(2 * len(_TABLE)))),
)
