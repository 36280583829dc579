"""Writes lines of Common Works Registration by the layout, for tests: one keyword for each field that is filled."""

from __future__ import annotations

from optout_middleware.register.identifiers import ipi_check_digits, iswc_check_digit
from optout_middleware.register.importers.reference import package_data

LAYOUT = package_data("cwr22_layout.yaml")


def ipi(number: int) -> str:
    """Give an invented IPI name number with its check digits."""
    digits = f"99{number:07d}"
    return digits + ipi_check_digits(digits)


def iswc(number: int) -> str:
    """Give an invented ISWC with its check digit."""
    digits = f"99{number:07d}"
    return f"T{digits}{iswc_check_digit(digits)}"


def line(kind: str, transaction: int | None = None, record: int = 0, /, **fields: str) -> str:
    """Write one record, trimmed at its right end."""
    text = [" "] * 600
    places = dict(LAYOUT["records"].get(kind, {}))
    filled = {"record_type": kind, **fields}
    if transaction is not None:
        filled |= {"transaction_seq": f"{transaction:08d}", "record_seq": f"{record:08d}"}
    places |= {"record_type": [1, 3]}
    if transaction is not None:
        places |= {"transaction_seq": [4, 8], "record_seq": [12, 8]}
    for name, value in filled.items():
        start, length = places[name]
        if len(value) > length:
            raise ValueError(f"{kind} {name} has {length} signs: {value!r}")
        text[start - 1 : start - 1 + len(value)] = value
    return "".join(text).rstrip()


def header(sender: str = "000000XYZ", *, kind: str = "PB") -> str:
    """Write the first record."""
    return line(
        "HDR", sender_type=kind, sender_id=sender, sender_name="INVENTED PUBLISHING", edi_version="01.10",
        creation_date="20260930", creation_time="120000", transmission_date="20260930",
    )  # fmt: skip


def delivery(*transactions: list[str], version: str = "02.20", kind: str = "NWR", head: str | None = None) -> list[str]:
    """Put transactions into a file of one group, with counts that are right."""
    records = [text for transaction in transactions for text in transaction]
    count = f"{len(transactions):08d}"
    return [
        head or header(),
        line("GRH", transaction_type=kind, group_id="00001", version=version, batch="0000000001"),
        *records,
        line("GRT", group_id="00001", record_count=f"{len(records) + 2:08d}", transaction_count=count),
        line("TRL", group_count="00001", record_count=f"{len(records) + 4:08d}", transaction_count=count),
    ]


def octets(lines: list[str], *, end: str = "\r\n", encoding: str = "latin-1", width: int = 0) -> bytes:
    """Give a file: each line with its end, padded to a width."""
    return "".join(text.ljust(width) + end for text in lines).encode(encoding)


def song(number: int, title: str = "THE INVENTED SONG") -> list[str]:
    """Write a song of a publisher, two writers (one reported by another) and the rest."""
    record = iter(range(1, 100))

    def detail(kind: str, **fields: str) -> str:
        return line(kind, number, next(record), **fields)

    return [
        line("NWR", number, 0, title=title, submitter_work_id=f"W{number:05d}", iswc=iswc(number + 1),
             text_music_relationship="MTX", version_type="ORI", duration="000312"),
        detail("SPU", publisher_seq="01", ip_number="P00000001", name="LANTERN MUSIC", publisher_type="E",
               ipi_name=ipi(501), pr_society="058", pr_share="05000", mr_society="058", mr_share="05000"),
        detail("SPT", ip_number="P00000001", pr_collect="05000", mr_collect="05000", incl_excl="I", tis="2136",
               seq="001"),
        detail("SPT", ip_number="P00000001", incl_excl="E", tis="0840", seq="002"),
        detail("SWR", ip_number="C00000001", last_name="ARBOUR", first_name="LUCE", designation="A",
               ipi_name=ipi(number + 701), pr_society="058", pr_share="02500", mr_society="58", mr_share="02500"),
        detail("SWT", ip_number="C00000001", pr_collect="02500", incl_excl="I", tis="2110", seq="001"),
        detail("PWR", publisher_ip="P00000001", publisher_name="LANTERN MUSIC", writer_ip="C00000001"),
        detail("OWR", last_name="QUILL", first_name="OTTO", designation="C", ipi_name="00000000000",
               pr_society="052", pr_share="02500", mr_society="044", mr_share="02500"),
        detail("ALT", title="LE CHANT INVENTE", title_type="AT", language="FR"),
        detail("PER", last_name="THE INVENTED BAND"),
        detail("REC", isrc="FRX992600001", recording_title="THE INVENTED SONG (LIVE)", release_date="20260101"),
        detail("XRF", organisation="ISR", identifier="FRX992600002", identifier_type="R", validity="Y"),
        detail("XRF", organisation="ISR", identifier="FRX992600003", identifier_type="R", validity="N"),
        detail("XRF", organisation="058", identifier="123456789", identifier_type="W", validity="Y"),
        detail("ORN"),
    ]  # fmt: skip
