"""The stores: evidence in memory, in one SQLite file.

Rule of this room: a store keeps evidence and gives back what counts; it decides nothing and fetches nothing.
"""
