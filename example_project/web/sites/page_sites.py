"""Sites whose files say nothing while single pages do: by response header, or by meta tag.

Rule of this file: a table of facts, a table of what pages say of themselves, then the site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from web.model import Page, Site, robots
from web.telling import rows, slug, tell

if TYPE_CHECKING:
    from web.model import Fields, Outcome

# --- A museum: headers only ---------------------------------------------------------------------------------

_UMBRELLAS = """
The Widow's Black       | in a pew in Vell          | silk     | it opens by itself at hymns
The Picnic Striped      | up a tree in Linnetwood   | canvas   | it has been up there since the picnic
The Very Small          | in a waistcoat pocket     | paper    | it keeps one raindrop off
The Doctor's Grey       | in every waiting room     | cotton   | it was prescribed twice a day
The Iron One            | in the river, by a magnet | iron     | two people are needed to open it
The Pair                | at both ends of a train   | tweed    | they were bought together
The Lace Parasol        | between two duellists     | lace     | it has one neat hole
The Borrowed            | at its owner's house      | felt     | nobody has claimed it
The Ship's              | at the top of a mast      | jute     | it served as a sail for an hour
The Child's Yellow      | in a puddle               | oilcloth | it floats
The Telescopic          | inside another            | steel    | the end of it has not been reached
The Philosopher's       | in a dry cellar           | wool     | it was never opened, on principle
The Unfinished          | on a bench in Osterlune   | air      | rain is invited to comment
"""
_FOUND = (
    "{title} was found {where}. It is made of {stuff}.",
    "Catalogue entry: {title}, {stuff}. Last seen by its owner {where}.",
    "How {title} ended up {where} is a long story, and the museum only has the short one.",
)
_STORY = ("Of this piece it is told that {story}.", "Visitors ask about it most of all, since {story}.")

_HEADERS: tuple[tuple[Fields, Outcome], ...] = (
    ((("X-Robots-Tag", "noai"),), "deny"),
    ((("X-Robots-Tag", "noindex, noai"),), "deny"),
    ((("X-Robots-Tag", "noindex"),), "allow"),  # of search engines, not of training
    ((("X-Robots-Tag", "GPTBot: noai"),), "pending"),  # addressed to another bot: a person looks at it
    ((("tdm-reservation", "1"),), "deny"),
    ((("tdm-reservation", "1"), ("tdm-policy", "/policy.json")), "deny"),
    ((("tdm-reservation", "0"),), "allow"),
    ((("Content-Usage", "train-ai=n"),), "deny"),
    ((("Content-Usage", "train-ai=n, search=y"),), "deny"),
    ((("Content-Usage", "train-ai=y"),), "allow"),
    ((("Content-Usage", "Train-AI=n"),), "deny"),  # does not parse, and plainly tries to refuse
    ((("X-Robots-Tag", "all"),), "allow"),
    ((), "allow"),
)

MUSEUM = Site(
    host="umbrella-museum.example",
    name="Museum of Lost Umbrellas",
    says="headers X-Robots-Tag, tdm-reservation, Content-Usage",
    pages=(
        Page(path="/", title="The collection", text=("Thirteen umbrellas, each lost at least once.",)),
        *(
            Page(
                path=f"/hall/{hall}",
                title=row["title"],
                text=tell(row, _FOUND, _STORY),
                headers=headers,
                expected=expected,
            )
            for hall, (row, (headers, expected)) in enumerate(
                zip(rows("title where stuff story", _UMBRELLAS), _HEADERS, strict=True), start=1
            )
        ),
    ),
    files=(robots("User-agent: *", "Disallow: /cloakroom/"),),
)

# --- A gazette: meta tags only, in three languages ----------------------------------------------------------

_STARS = """
en | The Ladle        | seven   | a cook who stirred too long          | autumn
en | The Lost Sock    | one     | a sock, and in some years its twin   | spring
de | Der Krumme Hund  | fünf    | einen Hund, der nie nach Hause fand  | im Winter
de | Die Teekanne     | neun    | eine Kanne, die niemand abgestellt hat | im Mai
fr | Le Parapluie     | six     | un parapluie oublié par la lune      | en automne
fr | La Petite Échelle | quatre | une échelle qui ne mène nulle part   | en été
en | The Late Ferry   | eleven  | a boat, always to the left of itself | winter
en | The Thimble      | three   | something that a tailor dropped      | summer
de | Der Hut          | acht    | einen Hut ohne Kopf                  | im Herbst
fr | Le Fil           | deux    | un fil tendu entre deux villages     | au printemps
en | The Quiet Bell   | five    | a bell that rings on the far side    | spring
"""
_SKY = {
    "en": (
        "{title} is made of {count} stars and is best seen in {season}. Old charts show {figure}.",
        "Count {count} stars from the chimney and you have {title}: {figure}. In {season} it stands highest.",
    ),
    "de": (
        "Das Sternbild {title} hat {count} Sterne und steht {season} hoch. Alte Karten zeigen {figure}.",
        "Wer {season} hinaussieht, findet {title}: {count} Sterne und, mit etwas Geduld, {figure}.",
    ),
    "fr": (
        "{title} compte {count} étoiles et se voit le mieux {season}. Les vieilles cartes montrent {figure}.",
        "On trouve {title} {season}, au-dessus du puits : {count} étoiles, {figure}, un peu de brume.",
    ),
}
_ASIDE = {
    "en": (
        "Bring a blanket. The sky is in no hurry.",
        "The observatory at Vell disagrees; it was cloudy.",
    ),
    "de": ("Man nehme eine Decke mit, der Himmel hat Zeit.", "In Vell war es leider bewölkt."),
    "fr": ("Prenez une couverture, le ciel a le temps.", "À Vell, hélas, il pleuvait."),
}
_META: tuple[tuple[Fields, Outcome], ...] = (
    ((("robots", "noai, noimageai"),), "deny"),
    ((("ROBOTS", "NoAI"),), "deny"),  # names and values know no case
    ((("robots", "noimageai"),), "allow"),  # the images are reserved, the text is not
    ((("tdm-reservation", "1"),), "deny"),
    ((("tdm-reservation", "1"), ("tdm-policy", "http://night-gazette.example/")), "deny"),
    ((("tdm-reservation", "0"),), "allow"),
    ((("robots", "noml"),), "deny"),
    ((("robots", "noarchive"),), "allow"),  # noted
    ((("gptbot", "noai"),), "pending"),  # addressed to another bot: a person looks at it
    ((("robots", "noindex, nofollow"),), "allow"),  # of search engines, not of training
    ((), "allow"),
)

GAZETTE = Site(
    host="night-gazette.example",
    name="The Night Gazette",
    says="meta tags robots (noai, noml) and tdm-reservation",
    pages=(
        Page(
            path="/",
            title="Stars over the valley",
            text=("Eleven constellations that nobody else has noticed.",),
        ),
        *(
            Page(
                path=f"/sky/{slug(row['title'])}.html",
                title=row["title"],
                text=tell(row, _SKY[row["lang"]], _ASIDE[row["lang"]]),
                lang=row["lang"],
                meta=meta,
                expected=expected,
            )
            for row, (meta, expected) in zip(rows("lang title count figure season", _STARS), _META, strict=True)
        ),
    ),
)
