"""How much hypothesis tries: bounded examples by default, many with `--hypothesis-profile=thorough`."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("default")
