"""The signals: one module per protocol, bytes in, statements out.

Rule of this room: no I/O, no clock, no log. What is read comes from the web, so nothing here raises on it: malformed
parts are statements with preference `unknown` and a note. A protocol's own precedence is settled in its module;
across protocols `optout_middleware.decide` settles. `SIGNALS` is the list of what is read; one more signal is one
module and one row.
"""

from __future__ import annotations

from optout_middleware.signals import (
    domain_files,
    natural_language,
    product_tokens,
    robots_tag,
    rsl,
    tdmrep,
    usage_fields,
)
from optout_middleware.signals.asked import Asked, Named, Signal

__all__ = ["SIGNALS", "Asked", "Named", "Signal"]

SIGNALS: tuple[Signal, ...] = (
    tdmrep.SIGNAL,
    robots_tag.SIGNAL,
    usage_fields.CONTENT_USAGE,
    usage_fields.CONTENT_SIGNAL,
    product_tokens.SIGNAL,
    rsl.SIGNAL,
    domain_files.AI_TXT,
    domain_files.TRUST_TXT,
    usage_fields.AI_TRAINING,
    natural_language.SIGNAL,
)
