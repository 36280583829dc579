"""A small corpus crawler that keeps to what sites say about AI training.

Rule of this package: an ordinary Scrapy project. All that opt-outs ask of it is one block of `settings.py`.
"""
