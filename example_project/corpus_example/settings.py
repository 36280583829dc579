"""Settings of the example crawler.

Rule of this file: the first block is all that opt-outs need; the rest is how any polite crawler is set up.
Change single values for one run by `-s NAME=VALUE`.
"""

# --- Opt-outs
ADDONS = {"optout_middleware.crawl.OptOutAddon": 500}
OPTOUT_PRODUCT_TOKEN = "ExampleCorpusBot"
OPTOUT_CONTACT_URL = "https://corpus.example/bot"
OPTOUT_OPERATOR = "Example Corpus Ltd (invented)"
OPTOUT_AUDIT_DIR = "audit"  # why each page was kept or not, one JSON line a page
OPTOUT_STORE = ".optout/store.sqlite"  # what was seen of robots.txt and the like

# The defaults, written out so that a reader may play with them:
OPTOUT_USAGE = "train-ai"
OPTOUT_PROFILE = "precautionary"  # or "literal": go by the letter of each protocol
OPTOUT_ACTION = "drop"  # or "tag": keep every page, with the decision in the field "optout"
OPTOUT_FETCH_RESERVED = False  # True: read reserved pages, since a page may lift what its site reserved

# --- The crawler
BOT_NAME = "corpus_example"
SPIDER_MODULES = ["corpus_example.spiders"]
NEWSPIDER_MODULE = "corpus_example.spiders"
USER_AGENT = f"{OPTOUT_PRODUCT_TOKEN}/0.1 (+{OPTOUT_CONTACT_URL})"
ROBOTSTXT_OBEY = True

# Polite enough for the real web, and small enough for a first look at it; run.py needs neither on loopback.
DOWNLOAD_DELAY = 1.0
CONCURRENT_REQUESTS_PER_DOMAIN = 1
CLOSESPIDER_PAGECOUNT = 300  # responses, robots.txt and the like included
DEPTH_LIMIT = 4
DOWNLOAD_TIMEOUT = 30
DOWNLOAD_MAXSIZE = 8 * 1024 * 1024

LOG_LEVEL = "INFO"
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False

FEEDS = {"corpus/corpus.jsonl": {"format": "jsonlines", "encoding": "utf8", "overwrite": True}}

# FilesPipeline takes images as they are; ImagesPipeline would convert them, and needs Pillow.
ITEM_PIPELINES = {"scrapy.pipelines.files.FilesPipeline": 300}
FILES_STORE = "corpus/images"
FILES_URLS_FIELD = "image_urls"
FILES_RESULT_FIELD = "images"

# --- The small web: unset for the real one; run.py and `python -m web` say where it is
SMALL_WEB_PROXY = ""
# Below 100, where the add-on sits: what it fetches for a page (robots.txt, ...) goes the way of that page.
DOWNLOADER_MIDDLEWARES = {"corpus_example.middlewares.SmallWebProxy": 40}
