"""The spiders of the example.

Rule of this package: one spider, which knows nothing of opt-outs; that is the add-on's business.
"""
