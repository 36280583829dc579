"""Find, honour and record opt-outs from AI training.

Rule of this file: the public names, nothing else; importing it loads no Scrapy.
"""

from optout_middleware.decide import RULES_VERSION, Site, decide
from optout_middleware.policy import FINDINGS, Override, Policy, PolicyError, Profile
from optout_middleware.terms import (
    Claim,
    Decision,
    Evidence,
    Hop,
    Licence,
    OptOutError,
    Outcome,
    Preference,
    Reason,
    Source,
    Statement,
    Usage,
    WaitsFor,
)

__all__ = [
    "FINDINGS",
    "RULES_VERSION",
    "Claim",
    "Decision",
    "Evidence",
    "Hop",
    "Licence",
    "OptOutError",
    "Outcome",
    "Override",
    "Policy",
    "PolicyError",
    "Preference",
    "Profile",
    "Reason",
    "Site",
    "Source",
    "Statement",
    "Usage",
    "WaitsFor",
    "decide",
]
