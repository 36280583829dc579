"""`python -m web`: the small web on its own, to look around in or to crawl with `scrapy crawl`.

Rule of this file: it starts, says where, and waits for Ctrl-C.
"""

from __future__ import annotations

import sys
from threading import Event

from web.server import SmallWeb
from web.sites import FRONT_DOOR, SITES

with SmallWeb(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as web:
    sys.stdout.write(
        f"The small web: {len(SITES)} sites behind the HTTP proxy {web.proxy}. Ctrl-C stops it.\n"
        f"  look:   curl --noproxy '' --proxy {web.proxy} {FRONT_DOOR}\n"
        f"  crawl:  scrapy crawl corpus -s SMALL_WEB_PROXY={web.proxy} -s DOWNLOAD_DELAY=0\n"
    )
    sys.stdout.flush()
    try:
        Event().wait()
    except KeyboardInterrupt:
        sys.stdout.write("\nstopped\n")
