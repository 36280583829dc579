"""For a crawler on `requests`: a gate on a `requests.Session`, as the Scrapy add-on is one on a crawl.

Rule of this room: it asks, acts and counts; what holds is decided below it. It imports no Scrapy. Its use stands in
docs/adapters.md.
"""

from optout_middleware.stages import Judged
from optout_middleware.sync.session import OptOut, WithheldError

__all__ = ["Judged", "OptOut", "WithheldError"]
