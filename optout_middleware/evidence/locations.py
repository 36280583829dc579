"""Where the locations of an origin stand.

Rule of this file: the table is `optout_middleware.policy.LOCATIONS`; here it is only turned into URLs and
back.
"""

from __future__ import annotations

from optout_middleware.files import location_of
from optout_middleware.policy import LOCATIONS

__all__ = ["location_of", "location_url"]


def location_url(origin: str, location: str) -> str:
    """Give the URL of a location of an origin (as `optout_middleware.urls.origin_of` gives it).

    >>> location_url("http://news.example", "tdmrep.json")
    'http://news.example/.well-known/tdmrep.json'
    """
    return origin + LOCATIONS[location]
