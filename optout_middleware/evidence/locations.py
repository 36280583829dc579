"""Where the locations of an origin stand.

Rule of this file: the table is `optout_middleware.policy.LOCATIONS`; here it is only turned into URLs and
back.
"""

from __future__ import annotations

from optout_middleware.files import location_of
from optout_middleware.policy import LOCATIONS
from optout_middleware.urls import origin_of

__all__ = ["location_of", "location_url", "name_of"]


def location_url(origin: str, location: str) -> str:
    """Give the URL of a location of an origin (as `optout_middleware.urls.origin_of` gives it).

    >>> location_url("http://news.example", "tdmrep.json")
    'http://news.example/.well-known/tdmrep.json'
    """
    return origin + LOCATIONS[location]


def name_of(url: str) -> str:
    """Give the name of the location that a URL is in its one spelling; else the URL, which then is a document's.

    >>> name_of("http://news.example/robots.txt"), name_of("http://NEWS.example/robots.txt")
    ('robots.txt', 'http://NEWS.example/robots.txt')
    """
    location, origin = location_of(url), origin_of(url)
    return location if location and origin and location_url(origin, location) == url else url
