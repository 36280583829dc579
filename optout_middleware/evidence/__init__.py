"""Getting and keeping what we saw: locations, freshness, gather, stores.

Rule of this room: nothing here imports Scrapy. `gather` is handed a `Fetch` and a `Store`; whoever has an
engine, a thread or a test's table gives one.
"""
