"""The record of a crawl: each decision with its reasons, and how much of the crawl they exclude.

Rule of this room: it writes what was decided and decides nothing; it imports no Scrapy.
"""
