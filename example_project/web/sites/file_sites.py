"""Sites that speak by TDMRep's file, /.well-known/tdmrep.json: well formed, malformed, lifted by a header.

Rule of this file: a table of facts, then the site. What a page should come to stands beside it.
"""

from __future__ import annotations

from web.model import File, Page, Site, json_file, robots
from web.telling import rows, slug, tell

# --- News: articles reserved, press releases free -----------------------------------------------------------

_NEWS = """
Ferry late again, cat blamed      | Kelpport      | the harbour office | the cat has declined to comment
Second sun was a balloon          | Vell          | the observatory    | it has been asked to come down
Town clock now tells jokes        | Marrowick     | the clock board    | the one at noon is not for children
Bakers agree on size of bun       | Osterlune     | the guild          | smaller buns remain legal on boats
River moves three paces east      | Quillmarsh    | the surveyor       | those living west are very pleased
Mayor elected by echo             | Brannock Tor  | the returning hall | a recount will be held in the valley
Missing bridge found in attic     | Upper Tarn    | the constable      | it was thought to be a ladder
Choir sings for nine days         | Dunmoor       | the choirmaster    | the altos are said to be winning
Harvest of fog the best in years  | Fennel Cross  | the fog growers    | it will be bottled before Friday
Lighthouse asks for darker nights | Saltholm      | the keeper         | the council will look into it
Snow delivered to wrong address   | Old Pemberly  | the weather post   | it may be kept until collected
Stolen echo returned by post      | Linnetwood    | the finder         | it had been well looked after
"""
_LEAD = (
    "{place} woke to a surprise on Monday, and {source} confirms what many had whispered: {headline}.",
    "{headline}: so says a notice that {source} pinned to the pump in {place} this week.",
    "For once {source} and all of {place} tell the same story. It begins with a noise and ends in a queue.",
)
_MORE = (
    "Those who were there speak of a large crowd, some soup, and no panic worth the name.",
    "A second statement is expected, as a first one was, and may turn out to be shorter.",
    "Our reporter stood in the rain for four hours and can confirm the rain.",
)
_LAST = ("As for what happens next, {coda}.", "One thing is agreed by all sides: {coda}.")

_PRESS = """
Kelpport Tramways | a tram that also goes to the left  | spring
The Plum Council  | an umbrella for plums              | late August
Vell Rope Works   | a rope with only one end           | the first dry week
Saltholm Museum   | the longest glass case on the coast | Martinmas
Marrowick Baths   | a pool for people who dislike water | midsummer
"""
_RELEASE = (
    "{sender} is proud to present {thing}. It will open to the public in {when}.",
    "Kelpport, for immediate release: in {when}, {sender} will unveil {thing}.",
)
_QUOTE = (
    "This text may be reprinted by anybody for any purpose, with or without the commas.",
    "Editors may use this release freely. Photographs of the ribbon are available, the ribbon is not.",
)
_NEWS_POLICY = """{
  "@context": ["http://www.w3.org/ns/odrl.jsonld", "http://www.w3.org/ns/tdmrep.jsonld"],
  "@type": "Offer",
  "profile": "http://www.w3.org/ns/tdmrep",
  "uid": "http://kelpport-news.example/policies/tdm.json",
  "assigner": {
    "uid": "http://kelpport-news.example",
    "vcard:fn": "Kelpport News (invented)",
    "vcard:hasEmail": "mailto:rights@kelpport-news.example"
  },
  "permission": [{"action": "tdm:mine", "duty": [{"action": "obtainConsent"}]}]
}
"""

NEWS = Site(
    host="kelpport-news.example",
    name="Kelpport News",
    says="tdmrep.json reserves /articles/ but not /press/",
    pages=(
        Page(path="/", title="News from the harbour", text=("All that happened, and some that nearly did.",)),
        *(
            Page(
                path=f"/articles/{slug(row['headline'])}.html",
                title=row["headline"],
                text=tell(row, _LEAD, _MORE, _LAST),
                expected="deny",
            )
            for row in rows("headline place source coda", _NEWS)
        ),
        *(
            Page(
                path=f"/press/{slug(row['sender'])}.html",
                title=f"Press release: {row['sender']}",
                text=tell(row, _RELEASE, _QUOTE),
            )
            for row in rows("sender thing when", _PRESS)
        ),
    ),
    files=(
        robots("User-agent: *", "Allow: /"),
        json_file(
            "/.well-known/tdmrep.json",
            '[{"location": "/press/", "tdm-reservation": 0},\n'
            ' {"location": "/articles/", "tdm-reservation": 1,\n'
            '  "tdm-policy": "http://kelpport-news.example/policies/tdm.json"}]\n',
        ),
        json_file("/policies/tdm.json", _NEWS_POLICY, "application/ld+json"),
    ),
)

# --- A bare object where TDMRep wants an array: plainly a refusal, though not by the letter -----------------

_BEES = """
Hive of the Old Pump  | lime blossom | Widow Arkle    | pale and talkative
Hive at Three Stiles  | heather      | the Pask twins | dark, with a memory
Roof Hive             | balcony mint | Hobb Terrance  | green if you squint
Hive Behind the Mill  | bean flower  | Una Greystone  | mild until Thursday
The Wandering Hive    | whatever is near | nobody     | never the same twice
Schoolyard Hive       | clover       | class four     | sweet, with chalk
Hive of the Last Lamp | evening primrose | Lem Orchard | best eaten at dusk
"""
_HIVE = (
    "The {hive} is looked after by {keeper}. Its bees fly to {flower} and are home before the bells.",
    "Ask for the {hive} and you will be sent to {keeper}, who will send you to look at {flower} first.",
)
_HONEY = (
    "The honey is {honey}. Nine jars were filled this year and eight were admitted to.",
    "Of the honey the register says only this: {honey}.",
    "In a good year there is enough for the village. It is {honey}, and it is gone by Advent.",
)
BARE = Site(
    host="pask-beekeepers.example",
    name="The Pask Beekeepers",
    says="tdmrep.json reserves all, malformed (a bare object)",
    pages=(
        Page(path="/", title="Our hives", text=("A register of hives, kept in pencil.",), expected="deny"),
        *(
            Page(
                path=f"/hives/{slug(row['hive'])}.html",
                title=row["hive"],
                text=tell(row, _HIVE, _HONEY),
                expected="deny",
            )
            for row in rows("hive flower keeper honey", _BEES)
        ),
    ),
    files=(json_file("/.well-known/tdmrep.json", '{"tdm-reservation": 1}\n'),),
)

# --- A file that reserves all, and a header that gives some pages back --------------------------------------

_ESSAYS = """
On Folding Maps       | maps     | they were flat once and have not forgiven us     | kept
On Standing in Queues | queues   | the end of one is always the start of another    | kept
On Weak Tea           | tea      | it asks nothing of the cup                       | given
On Borrowed Ladders   | ladders  | each comes back one rung shorter                 | kept
On Sunday Boots       | boots    | they know the way and will not say               | given
On Second Helpings    | helpings | the first was only an introduction               | given
On Losing Gloves      | gloves   | one is lost so that the other may be found       | kept
On Village Bells      | bells    | they are early so that we are not late           | given
On Letters Unsent     | letters  | they arrive all the same                         | kept
"""
_THESIS = (
    "Of {subject} it is commonly said that there is nothing left to say. I have found this to be half true.",
    "I began to think about {subject} on a bench, which is where such thoughts belong.",
    "My grandmother held that {subject} ought to be taught in schools, between sums and singing.",
)
_POINT = ("The whole matter is this: {claim}.", "Consider only that {claim}, and the rest follows downhill.")

LIFTED = Site(
    host="bench-essays.example",
    name="The Bench Essays",
    says="tdmrep.json reserves all, a header lifts it on /given/",
    pages=(
        Page(path="/", title="Essays from a bench", text=("Short thoughts, sat down for.",), expected="deny"),
        *(
            Page(
                path=f"/{row['shelf']}/{slug(row['title'])}.html",
                title=row["title"],
                text=tell(row, _THESIS, _POINT),
                # Refused by the file before anybody sees the header that lifts it; the reason in the audit
                # line says so, and OPTOUT_FETCH_RESERVED = True looks.
                expected="deny",
                if_fetched="allow" if row["shelf"] == "given" else None,
                headers=(("tdm-reservation", "0"),) if row["shelf"] == "given" else (),
            )
            for row in rows("title subject claim shelf", _ESSAYS)
        ),
    ),
    files=(
        json_file(
            "/.well-known/tdmrep.json",
            '[{"location": "/", "tdm-reservation": 1, "tdm-policy": "http://bench-essays.example/rights.html"}]\n',
        ),
        File(
            path="/rights.html",
            body=b"<!DOCTYPE html><html lang='en'><title>Rights</title><p>Write to the bench.</p></html>\n",
            content_type="text/html; charset=utf-8",
        ),
    ),
)
