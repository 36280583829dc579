"""The dataset side: re-check and removal in what was collected, on one machine or on a cluster engine.

Rule of this room: one pure function decides about a batch (`recheck`), and one idempotent task does a shard (`shard`);
engines only spread tasks. What cannot be read to its end is incomplete, and never counts as checked.
"""
