"""Benchmarks: what the package costs, as ratios within one run.

Rule of this room: nothing here is a test, no test asserts a time. Variants that are compared run interleaved in one
process or one run; CPU time rather than the clock; every count and every child process is bounded; servers on
loopback only. `python -m benchmarks [NAME...]` runs them; benchmarks/README.md says what each measures.
"""
