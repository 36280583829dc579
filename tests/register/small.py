"""A small register for tests: a few invented works, parties and records, and how to put records into a file."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import TYPE_CHECKING, Any

from optout_middleware.register.model import (
    Asset,
    AssetClass,
    Credits,
    Identifier,
    Interest,
    Layer,
    Party,
    Source,
    Work,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optout_middleware.register.records import ImportReport, Record
    from optout_middleware.register.store import RegisterStore

DAY = date(2026, 11, 1)
URL = "https://songs.example/a"
JANE = Party("ipi:00014107338", "natural", ("Doe, Jane",), (Identifier("ipi", "00014107338"),))
JOHN = Party("ipi:00045620792", "natural", ("John Quentin Roe", "J. Q. Roe"), (Identifier("ipi", "00045620792"),))
HOUSE = Party("p:house", "publisher", ("Nowhere Music",), (Identifier("isni", "000000012146438X"),))
ISWC = Identifier("iswc", "T0345246801")
OTHER_ISWC = Identifier("iswc", "T1016903209")
BRIDGE = Work("w:bridge", "musical", ("The Bridge of Nulleville", "Le pont"), (ISWC,))
LOVE = Work("w:love", "musical", ("Love",))


def interest(party: Party, work: Work, role: str = "CA", society: str | None = "cisac:058", **more: Any) -> Interest:
    """Give an interest in the composition."""
    return Interest(party.id, work.id, Layer.COMPOSITION, role, society, **more)


RECORDS: tuple[Record, ...] = (
    JANE,
    JOHN,
    HOUSE,
    BRIDGE,
    interest(JANE, BRIDGE),
    interest(JOHN, BRIDGE),
    interest(HOUSE, BRIDGE, "E"),
    LOVE,
    interest(JOHN, LOVE),
)


def put(store: RegisterStore, records: Iterable[Record], name: str = "small", version: str = "1") -> ImportReport:
    """Import records under a name; the hash is that of name and version."""
    sha256 = hashlib.sha256(f"{name}{version}".encode()).hexdigest()
    with store.importing(name, sha256, DAY, "test") as batch:
        for record in records:
            batch.add(record)
    return batch.report


def asset(url: str = URL, asset_class: AssetClass = AssetClass.LYRICS, **credits_: Any) -> Asset:
    """Give an asset with these credits."""
    return Asset(url, Credits(asset_class=asset_class, **credits_))


def source(line: int | None = None) -> Source:
    """Give the source of a record of the small register."""
    return Source("small", hashlib.sha256(b"small1").hexdigest(), line, DAY)
