"""Which value of which signal answers for which usage.

Rule of this file: one table, shown in the docs; no signal decides this for itself. `tdm` is the usage of any text and
data mining, training included, so a refusal of one of its parts refuses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optout_middleware.terms import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

TRAIN_AI, AI_USE, SEARCH, TDM = Usage

ANSWERS: Mapping[str, Mapping[str, frozenset[Usage]]] = {
    # TDMRep section 3: reserved is the right of Article 4(3), any text and data mining; that a robots.txt allow stays
    # the opt-in for search beside it is the group's note of October 2025.
    "tdmrep": {"1": frozenset({TRAIN_AI, AI_USE, TDM})},
    "robots-tag": {
        "noai": frozenset({TRAIN_AI, AI_USE, TDM}),  # DeviantArt's terms: neither training nor input
        "noimageai": frozenset({TRAIN_AI, AI_USE, TDM}),
        "noml": frozenset({TRAIN_AI, AI_USE, TDM}),  # noml.info: searchable, but no machine learning
        "noarchive": frozenset({TRAIN_AI, TDM}),  # Bing's and Amazonbot's reading
        "nocache": frozenset({TRAIN_AI, TDM}),
        "noindex": frozenset({SEARCH}),
        "none": frozenset({SEARCH}),  # Google: none = noindex, nofollow
    },
    # vocab-08 section 4: categories do not include one another.
    "content-usage": {
        "train-ai": frozenset({TRAIN_AI, TDM}),
        "ai-use": frozenset({AI_USE, TDM}),
        "search": frozenset({SEARCH}),
    },
    # contentsignals.org: ai-input is retrieval and grounding, ai-train training and fine-tuning.
    "content-signal": {
        "ai-train": frozenset({TRAIN_AI, TDM}),
        "ai-input": frozenset({AI_USE, TDM}),
        "search": frozenset({SEARCH}),
    },
    "ai.txt": {"disallow": frozenset({TRAIN_AI, TDM}), "allow": frozenset({TRAIN_AI, TDM})},  # Spawning: data sets
    "trust.txt": {"no": frozenset({TRAIN_AI, TDM}), "yes": frozenset({TRAIN_AI, TDM})},
    # RSL section 3.4.1.1: ai-all contains ai-train, ai-input and ai-index; all contains ai-all and search.
    "rsl": {
        "ai-train": frozenset({TRAIN_AI, TDM}),
        "ai-input": frozenset({AI_USE, TDM}),
        "ai-index": frozenset({TDM}),
        "ai-all": frozenset({TRAIN_AI, AI_USE, TDM}),
        "search": frozenset({SEARCH}),
        "all": frozenset(Usage),
    },
}


def answers(signal: str, value: str, usage: Usage) -> bool:
    """Tell whether that value of that signal says something of that usage."""
    return usage in ANSWERS[signal].get(value, ())
