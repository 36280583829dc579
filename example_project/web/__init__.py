"""The small web: invented sites on one loopback server, each with its own way of reserving what it shows.

Rule of this package: contents are data (`sites/`), `render` makes bytes of them, `server` serves. Nothing
here knows Scrapy or the add-on.
"""
