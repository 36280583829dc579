"""Sites that speak in robots.txt: Content Signals, AIPREF rules by path, rules for us, rules for others.

Rule of this file: a table of facts, then the site. What a page should come to stands beside it.
"""

from __future__ import annotations

from web.model import Page, Site, robots
from web.telling import rows, slug, tell

# --- A shop behind a managed robots.txt: Content-Signal for all, and groups that shut out training crawlers

_GOODS = """
Pocket Weathercock  | tells the wind in the next street     | brass and one feather | 14
Second-hand Echo    | returns what you said, only kinder    | glass, hand-blown     | 9
Left-handed Kettle  | pours towards the past               | tin                   | 22
Umbrella for Two    | has two handles and no agreement      | waxed cotton          | 31
Shy Folding Chair   | unfolds once nobody is looking        | ash                   | 40
Slow Candle         | is still lit from last year           | beeswax               | 6
Bottle of Fog       | must not be opened indoors            | stoneware             | 11
Generous Ruler      | has thirteen inches to the foot       | boxwood               | 5
Honest Doormat      | says what you think of the visitor    | coir                  | 17
Spare Nail          | fits the place where you need it      | iron                  | 1
Flat Hourglass      | does not run, and is therefore exact  | sand and patience     | 28
"""
_PITCH = (
    "The {item} {does}. Nobody in the workshop knows why, and we have stopped asking.",
    "It {does}: that is all there is to our {item}, and most people find it is enough.",
)
_DETAIL = (
    "Made of {stuff}. Price: {price} Kelpport shillings, or something of equal weight.",
    "{price} shillings, post included. The material is {stuff}; the paper around it is yesterday's.",
    "We make four a month out of {stuff} and sell five. At {price} shillings it will not last.",
)
_OTHERS = (
    "Amazonbot", "Applebot-Extended", "Bytespider", "CCBot", "ClaudeBot", "Google-Extended", "GPTBot",
    "meta-externalagent",
)  # fmt: skip

SHOP = Site(
    host="weathercock-shop.example",
    name="The Weathercock Shop",
    says="robots.txt Content-signal: search=yes,ai-train=no",
    pages=(
        Page(path="/", title="Goods", text=("Useful things for rare occasions.",), expected="deny"),
        *(
            Page(
                path=f"/goods/{slug(row['item'])}.html",
                title=row["item"],
                text=tell(row, _PITCH, _DETAIL),
                expected="deny",
            )
            for row in rows("item does stuff price", _GOODS)
        ),
    ),
    files=(
        robots(
            "# BEGIN Cloudflare Managed content",
            "",
            "User-Agent: *",
            "Content-signal: search=yes,ai-train=no",
            "Allow: /",
            "",
            *(line for bot in _OTHERS for line in (f"User-agent: {bot}", "Disallow: /", "")),
            "# END Cloudflare Managed Content",
        ),
    ),
)

# --- A kitchen that uses AIPREF's rules by path -------------------------------------------------------------

_DISHES = """
recipes       | Nettle Butter        | young nettles  | until it smells of June
recipes       | Soup of Nine Onions  | nine onions    | until the tenth person arrives
recipes       | Fog Dumplings        | a cold morning | for as long as the fog allows
recipes       | Plum Bread           | bruised plums  | until the crust answers back
recipes       | Honest Porridge      | oats           | and do not improve it
stories       | The Pan That Sang    | an iron pan    | and it has not been silent since
stories       | My Aunt's Last Salt  | a salt cellar  | and nobody has dared to fill it
stories       | Two Cooks, One Spoon | a wooden spoon | and they still share the washing up
stories       | The Burnt Wedding    | a cake         | and the guests asked for more
stories       | A Stove Called Fred  | a stove        | and he is warm to this day
stories/gifts | Bread for the Ferry  | a loaf         | and the ferry has been on time
stories/gifts | The Borrowed Oven    | an oven        | and it came back hotter
stories/gifts | Leftovers            | a covered dish | and that was the best of it
"""
_COOK = (
    "Take {thing}. Put a little butter in a pan, wait for it to stop talking, and begin. Cook {until}.",
    "You need {thing}, a knife, and nobody in a hurry. Stir {until}.",
)
_STORY = (
    "This is a story about {thing}. It stood on our table when I was small, {until}.",
    "There was once {thing} that belonged to no one in particular. My aunt took it home, {until}.",
    "Ask in the village about {thing} and they will all tell it differently, {until}.",
)
_SALT = (
    "Salt comes last, as in most things.",
    "Serves four, or one who has been walking.",
    "Eat it standing up.",
)

KITCHEN = Site(
    host="nettle-kitchen.example",
    name="Nettle Kitchen",
    says="robots.txt Content-Usage: /stories/ no, /stories/gifts/ yes",
    pages=(
        Page(
            path="/",
            title="A kitchen",
            text=("Recipes are for everyone, stories belong to those who told them.",),
        ),
        *(
            Page(
                path=f"/{row['shelf']}/{slug(row['title'])}.html",
                title=row["title"],
                text=tell(row, _COOK if row["shelf"] == "recipes" else _STORY, _SALT),
                expected="deny" if row["shelf"] == "stories" else "allow",
            )
            for row in rows("shelf title thing until", _DISHES)
        ),
    ),
    files=(
        robots(
            "User-agent: *",
            "Allow: /",
            "Content-Usage: /recipes/ train-ai=y",
            "Content-Usage: /stories/ train-ai=n, search=y",
            "Content-Usage: /stories/gifts/ train-ai=y",
        ),
    ),
)

# --- A town archive that shuts our product token out of /private/ -------------------------------------------

_PAPERS = """
open    | Minutes of the Pump Committee  | 1731 | the pump          | It was resolved to resolve it later
open    | Ledger of the Candle Tax       | 1748 | candles           | Nobody had any, when asked
open    | Petition against the Hill      | 1760 | the hill          | The hill was not moved
open    | Rules of the Night Watch       | 1777 | lanterns          | Sleeping is allowed by turns
open    | Inventory of the Town Drum     | 1782 | one drum          | It was found to be full of oats
open    | Treaty with the Next Village   | 1799 | the shared goose  | She may live where she likes
private | Letters of the Widow Sarn      | 1803 | a garden wall     | She never sent the last one
private | Diary of a Toll Keeper         | 1811 | the wrong toll    | He paid it back in eggs
private | The Baker's Confession         | 1820 | a missing loaf    | He had eaten it himself
private | Names Not to Be Read Aloud     | 1834 | nicknames         | Some of them are still in use
private | Accounts of the Smuggler Tibb  | 1840 | fog, by the crate | Business was good
"""
_PAPER = (
    "{title}, {year}. One bundle, tied with string, concerning {subject}. {note}.",
    "A paper of the year {year} about {subject}, in a hand that leans to the left. {note}.",
)
_SHELF = (
    "Shelf {year}, behind the ladder. May be read at the window.",
    "The ink has browned, the opinion has not.",
    "Copied out in {year} and again last winter, when the mice had finished with the first copy.",
)

ARCHIVE = Site(
    host="sarn-archive.example",
    name="Town Archive of Sarn",
    says="robots.txt forbids us to fetch /private/",
    pages=(
        Page(
            path="/",
            title="Reading room",
            text=("Papers of a small town, in the order in which they fell over.",),
        ),
        *(
            Page(
                path=f"/{row['shelf']}/{slug(row['title'])}.html",
                title=row["title"],
                text=tell(row, _PAPER, _SHELF),
                expected="deny" if row["shelf"] == "private" else "allow",
                fetchable=row["shelf"] != "private",
            )
            for row in rows("shelf title year subject note", _PAPERS)
        ),
    ),
    files=(robots("User-agent: ExampleCorpusBot", "Disallow: /private/", "", "User-agent: *", "Disallow: /cellar/"),),
)

# --- A review that shuts out the training crawlers of others and says nothing to us -------------------------

_REVIEWS = """
essays  | The Novel as a Long Corridor | doors          | too many of them lead back to the author
essays  | Against the Happy Middle     | second acts    | nobody should be content before page two hundred
essays  | What the Footnote Knew       | footnotes      | the truth is usually in smaller type
essays  | Reading Aloud to Cats        | audiences      | the best ones leave early
notices | Evening Readings in March    | the back room  | bring a chair and one question
notices | The Lost Umbrella Prize      | the jury       | it met twice and agreed once
notices | A Change of Paper            | our printers   | the new one is thinner and so are we
notices | Correction                   | the last issue | the poem was printed the right way up by mistake
"""
_VIEW = (
    "It is time that somebody spoke up about {subject}. I will be brief: {claim}.",
    "Whoever has thought about {subject} for longer than a train ride will agree that {claim}.",
)
_NOTE = ("A word about {subject}: {claim}.", "To all subscribers, concerning {subject}: {claim}.")

REVIEW = Site(
    host="corridor-review.example",
    name="The Corridor Review",
    says="robots.txt shuts AI training bots out of /essays/",
    pages=(
        Page(path="/", title="This month", text=("Four essays and four notices, read by the usual six.",)),
        *(
            Page(
                path=f"/{row['shelf']}/{slug(row['title'])}.html",
                title=row["title"],
                text=tell(row, _VIEW if row["shelf"] == "essays" else _NOTE),
                # Nothing is said to us; that core training crawlers are shut out is doubt enough to refuse.
                expected="deny" if row["shelf"] == "essays" else "allow",
            )
            for row in rows("shelf title subject claim", _REVIEWS)
        ),
    ),
    files=(
        robots(
            *(f"User-agent: {bot}" for bot in ("GPTBot", "CCBot", "ClaudeBot", "Google-Extended")),
            "Disallow: /essays/",
        ),
    ),
)
