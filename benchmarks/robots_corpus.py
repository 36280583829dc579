"""robots.txt files like those of the web, made from a seed.

Rule of this file: the same seed and number give the same file, and no two sites share a text. Facts it reproduces: a
quarter of all sites has none; most of the others serve what their software wrote; sizes run from a few octets to
hundreds of lines (median about 300 octets, mean 2 to 3 KB); many name AI crawlers one by one.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.signals.product_tokens import PRODUCT_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_WORD_LIST = (
    "account about admin api archive article basket blog brand browse cache calendar careers cart catalog category"
    " checkout client comment contact content customer data date dealer download event export faq feed file filter"
    " forum gallery guide help history home image index info internal item journal json list local login map media"
    " member menu mobile module news node offer order page partner photo player portal press preview price print"
    " private product profile promo public query rating recipe record region report result review search secure"
    " service session share shop sort staff static store story style subject support tag temp theme topic track"
    " travel update upload user video view visit widget wishlist world"
)
_WORDS = _WORD_LIST.split()
_SEARCH_BOTS = ("Googlebot", "Bingbot", "Yandex", "Baiduspider", "DuckDuckBot", "Slurp")
_SEO_BOTS = ("AhrefsBot", "SemrushBot", "MJ12bot", "DotBot", "BLEXBot", "rogerbot", "Screaming Frog SEO Spider")
_CLOUDFLARE_NAMES = (
    "Amazonbot", "Applebot-Extended", "Bytespider", "CCBot", "ClaudeBot", "Google-Extended", "GPTBot",
    "meta-externalagent",
)  # fmt: skip
_JOOMLA = "administrator api bin cache cli components includes installation language layouts libraries logs modules"
_DRUPAL_FILES = "README.md composer/Metapackage/README.txt composer/Plugin/ProjectMessage/README.md"
_DRUPAL_PATHS = "admin/ comment/reply/ filter/tips node/add/ search/ user/register user/password user/login user/logout"
_SHOPIFY = (
    "/a/downloads/-/*", "/admin", "/cart", "/orders", "/checkouts/", "/checkout", "/{shop}/checkouts", "/{shop}/orders",
    "/carts", "/account", "/collections/*sort_by*", "/*/collections/*sort_by*", "/collections/*+*",
    "/collections/*%2B*", "/collections/*%2b*", "/*/collections/*+*", "/*/collections/*%2B*", "/*/collections/*%2b*",
    "*/collections/*filter*&*filter*", "/blogs/*+*", "/blogs/*%2B*", "/blogs/*%2b*", "/*/blogs/*+*", "/*/blogs/*%2B*",
    "/*/blogs/*%2b*", "/*?*oseid=*", "/*preview_theme_id*", "/*preview_script_id*", "/policies/", "/*/policies/",
    "/*/*?*ls=*&ls=*", "/*/*?*ls%3D*%3Fls%3D*", "/*/*?*ls%3d*%3fls%3d*", "/search", "/sf_private_access_tokens",
    "/apple-app-site-association", "/.well-known/shopify/monorail", "/cdn/wpm/*.js", "/recommendations/products",
    "/*/recommendations/products",
)  # fmt: skip


class RobotsFile(NamedTuple):
    """One site of the corpus: its origin, the kind of its file, and the file; None = 404."""

    origin: str
    kind: str
    body: bytes | None


def _path(rng: random.Random) -> str:
    path = "/" + "/".join(rng.choices(_WORDS, k=rng.choice((1, 1, 2, 2, 3))))
    ending = rng.random()
    if ending < 0.5:
        return path + "/"
    if ending < 0.65:
        return f"{path}/*?{rng.choice(_WORDS)}="
    if ending < 0.7:
        return f"/*{path}$"
    return f"{path}-{rng.randrange(10_000)}" if ending < 0.85 else path


def _sitemap(host: str, name: str = "sitemap.xml") -> str:
    return f"\nSitemap: https://{host}/{name}\n"


def _open(rng: random.Random, host: str) -> str:
    return f"User-agent: *\n{rng.choice(('Disallow:', 'Allow: /'))}\n" + (_sitemap(host) if rng.random() < 0.6 else "")


def _closed(rng: random.Random, host: str) -> str:
    allowed = f"User-agent: {rng.choice(_SEARCH_BOTS)}\nDisallow:\n\n" if rng.random() < 0.5 else ""
    return f"# {host}\n{allowed}User-agent: *\nDisallow: /\n"


def _wordpress(rng: random.Random, host: str) -> str:
    text = "User-agent: *\nDisallow: /wp-admin/\nAllow: /wp-admin/admin-ajax.php\n"
    if rng.random() < 0.35:  # an SEO plug-in puts its own block around it
        text = f"# START YOAST BLOCK\n# ---------------------------\n{text}"
    if rng.random() < 0.3:
        more = ("/wp-login.php", "/xmlrpc.php", "/?s=", "/*?replytocom", "/trackback/", "/wp-json/", "/cgi-bin/")
        text += "".join(f"Disallow: {path}\n" for path in rng.sample(more, rng.randint(1, 5)))
    return text + _sitemap(host, rng.choice(("wp-sitemap.xml", "sitemap_index.xml")))


def _small(rng: random.Random, host: str) -> str:
    lines = [f"Disallow: {_path(rng)}" for _ in range(rng.randint(2, 22))]
    if rng.random() < 0.3:
        lines.insert(rng.randrange(len(lines)), f"Allow: {_path(rng)}")
    if rng.random() < 0.25:
        lines.append(f"Crawl-delay: {rng.choice((1, 5, 10, 30))}")
    blocked = [f"\nUser-agent: {bot}\nDisallow: /" for bot in rng.sample(_SEO_BOTS, rng.choice((0, 0, 1, 3)))]
    return "\n".join(["User-agent: *", *lines, *blocked]) + "\n" + _sitemap(host)


def _shopify(rng: random.Random, host: str) -> str:
    shop = str(rng.randrange(10**9, 10**11))
    rules = "".join(f"Disallow: {path.replace('{shop}', shop)}\n" for path in _SHOPIFY)
    groups = [f"User-agent: *\n{rules}{_sitemap(host)}"]
    groups.append(
        "# Google adsbot ignores robots.txt unless specifically named!\nUser-agent: adsbot-google\n"
        "Disallow: /checkouts/\nDisallow: /checkout\nDisallow: /carts\nDisallow: /orders\n"
        f"Disallow: /{shop}/checkouts\nDisallow: /{shop}/orders\n"
    )
    groups += [
        f"User-agent: {bot}\nCrawl-delay: 10\n{rules}{_sitemap(host)}" for bot in ("AhrefsBot", "AhrefsSiteAudit")
    ]
    groups.append("User-agent: Pinterest\nCrawl-delay: 1\n")
    return f"# we use Shopify as our ecommerce platform: {host}\n\n" + "\n".join(groups)


def _drupal(rng: random.Random, host: str) -> str:
    kinds = ("css", "js", "gif", "jpg", "png", "svg")
    allowed = [f"Allow: /{folder}/*.{kind}$" for folder in ("core", "profiles") for kind in kinds]
    names = [f"{base}{path}" for base in ("/", "/index.php/") for path in _DRUPAL_PATHS.split()]
    files = [f"/{name}" for name in _DRUPAL_FILES.split()]
    closed = [f"Disallow: {path}" for path in ("/core/", "/profiles/", *files, *names)]
    own = [f"Disallow: {_path(rng)}" for _ in range(rng.randint(0, 6))]
    head = f"#\n# robots.txt\n#\n# This file is to prevent the crawling and indexing of certain parts of {host}\n#\n"
    lines = [f"{head}User-agent: *", "# CSS, JS, Images", *allowed, "# Directories, files, paths", *closed, *own]
    return "\n".join(lines) + "\n"


def _joomla(rng: random.Random, host: str) -> str:
    head = f"# If the Joomla site is installed within a folder of {host}\n# then the robots.txt file MUST be moved\n\n"
    names = [*_JOOMLA.split(), "plugins", "tmp", *rng.sample(_WORDS, rng.randint(0, 3))]
    return head + "User-agent: *\n" + "".join(f"Disallow: /{name}/\n" for name in names)


def _ai_block(rng: random.Random, host: str) -> str:
    names = rng.sample([token.name for token in PRODUCT_TOKENS.values()], min(100, int(rng.paretovariate(0.8) * 5)))
    if rng.random() < 0.5:
        block = "".join(f"User-agent: {name}\n" for name in names) + "Disallow: /\n"
    else:
        block = "\n".join(f"User-agent: {name}\nDisallow: /\n" for name in names)
    base = rng.choice((_wordpress, _small, _open))(rng, host)
    return f"{base}\n{block}" if rng.random() < 0.6 else f"{block}\n{base}"


def _cloudflare(rng: random.Random, host: str) -> str:
    """Make Cloudflare's managed block, which it puts before the site's own file."""
    signal = rng.choice(("search=yes,ai-train=no", "search=yes,ai-train=no", "search=yes"))
    legal = (
        "# As a condition of accessing this website, you agree to abide by the following\n# content signals:\n\n"
        "# (a)  If a Content-Signal = yes, you may collect content for the corresponding\n#      use.\n"
        "# (b)  If a Content-Signal = no, you may not collect content for the\n#      corresponding use.\n"
        "# ANY RESTRICTIONS EXPRESSED VIA CONTENT SIGNALS ARE EXPRESS RESERVATIONS OF\n"
        "# RIGHTS UNDER ARTICLE 4 OF THE EUROPEAN UNION DIRECTIVE 2019/790 ON COPYRIGHT\n"
        "# AND RELATED RIGHTS IN THE DIGITAL SINGLE MARKET.\n\n"
    )
    block = f"# BEGIN Cloudflare Managed content\n\nUser-agent: *\nContent-Signal: {signal}\nAllow: /\n\n"
    block += "".join(f"User-agent: {name}\nDisallow: /\n\n" for name in _CLOUDFLARE_NAMES)
    own = rng.choice((_wordpress, _small))(rng, host)
    return f"{legal}{block}# END Cloudflare Managed Content\n\n{own}"


def _long(rng: random.Random, host: str) -> str:
    lines = ["User-agent: *"]
    lines += [f"{'Allow' if rng.random() < 0.1 else 'Disallow'}: {_path(rng)}" for _ in range(_long_lines(rng))]
    blocked = [f"\nUser-agent: {bot}\nDisallow: /" for bot in rng.sample(_SEO_BOTS, 4)]
    return "\n".join([*lines, *blocked]) + "\n" + _sitemap(host)


def _long_lines(rng: random.Random) -> int:
    return min(2000, int(200 * rng.paretovariate(0.75)))


# Shares in percent. Where a site has no robots.txt it answers 404.
_KINDS: tuple[tuple[str, int, Callable[[random.Random, str], str] | None], ...] = (
    ("none", 25, None),
    ("open", 6, _open),
    ("closed", 3, _closed),
    ("wordpress", 21, _wordpress),
    ("small", 16, _small),
    ("shopify", 4, _shopify),
    ("drupal", 4, _drupal),
    ("joomla", 4, _joomla),
    ("ai-block", 6, _ai_block),
    ("cloudflare", 5, _cloudflare),
    ("long", 6, _long),
)
KINDS = tuple(name for name, _, make in _KINDS if make is not None)


def site(number: int, seed: int, kind: str | None = None) -> RobotsFile:
    """Make one site of the corpus.

    Args:
        number: which one; each has a host name and a text of its own.
        seed: of the corpus.
        kind: one of `KINDS`; None = drawn by its share of the web.
    """
    rng = random.Random(f"{seed}/{number}")
    drawn = rng.choices(_KINDS, [share for _, share, _ in _KINDS])[0]
    name, _, make = drawn if kind is None else next(row for row in _KINDS if row[0] == kind)
    host = f"www.{rng.choice(_WORDS)}{rng.choice(_WORDS)}-{number}.example"
    return RobotsFile(f"https://{host}", name, make(rng, host).encode() if make is not None else None)


def corpus(count: int, seed: int, real: Path | None = None) -> Iterator[RobotsFile]:
    """Make the sites 0 to `count` - 1, or take the files of a directory in turn, each for an origin of its own."""
    if real is None:
        yield from (site(number, seed) for number in range(count))
        return
    files = sorted(path for path in real.rglob("*") if path.is_file())
    for number in range(count):
        yield RobotsFile(f"https://real-{number}.example", "real", files[number % len(files)].read_bytes())
