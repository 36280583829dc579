"""Common Works Registration: samples read in full, and whatever is out of order told and read past."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optout_middleware.register.importers import cwr
from optout_middleware.register.importers.records import Rejected
from optout_middleware.register.importers.reference import societies, territories_of
from optout_middleware.register.model import WORLD, Identifier, Interest, Layer, Party, Repertoire, Work
from optout_middleware.register.positions import layers_of

from .cwr_builder import delivery, header, ipi, iswc, line, octets, song

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA = Path(__file__).parent / "data"


def read(tmp_path: Path, content: bytes, name: str = "file.v22") -> list[object]:
    """Write a file and read it."""
    path = tmp_path / name
    path.write_bytes(content)
    return list(cwr.read(path))


def of(kind: type, records: Sequence[object]) -> list[object]:
    """Give the records of one kind."""
    return [record for record in records if isinstance(record, kind)]


def faults(records: Sequence[object]) -> list[tuple[int, str, bool]]:
    """Give line, reason and whether the record was kept, of what was rejected."""
    return [(found.line, found.reason, found.kept) for found in records if isinstance(found, Rejected)]


def test_a_delivery_gives_work_parties_and_interests() -> None:
    """Titles, valid identifiers, and who holds what under which society where."""
    records = list(cwr.read(DATA / "invented.v22"))
    work = of(Work, records)[0]
    assert isinstance(work, Work)
    assert (work.id, work.kind) == ("cwr:PB000000XYZ:W00000", "musical")
    assert work.titles == ("THE INVENTED SONG", "LE CHANT INVENTE", "THE INVENTED SONG (LIVE)")
    assert work.identifiers == (
        Identifier("iswc", "T9900000013"),
        Identifier("isrc", "FRX992600001"),
        Identifier("isrc", "FRX992600002"),
    )
    assert work.source is not None
    assert (work.source.name, work.source.line, work.source.as_of) == ("invented.v22", 3, date(2026, 9, 30))
    publisher, author, composer = (found for found in of(Interest, records)[:3] if isinstance(found, Interest))
    assert (publisher.party, publisher.role, publisher.society, publisher.share) == (
        "ipi:99000050109", "E", "cisac:058", 0.5,
    )  # fmt: skip
    assert "US" not in publisher.territories
    assert {"FR", "DE", "GB"} < set(publisher.territories)
    assert (author.layer, author.role, author.society) == (Layer.LYRICS, "A", "cisac:058")
    assert author.territories == ("BE", "LU", "NL")
    assert author.controlled
    assert (composer.layer, composer.society, composer.territories) == (Layer.COMPOSITION, "cisac:044", (WORLD,))
    assert not composer.controlled
    assert faults(records) == []


def test_names_of_parties() -> None:
    """A writer's name is first and last name; a party without a number is of its work only."""
    parties = [party for party in cwr.read(DATA / "invented.v22") if isinstance(party, Party)]
    assert [(party.id, party.kind, party.names) for party in parties[:3]] == [
        ("ipi:99000050109", "publisher", ("LANTERN MUSIC",)),
        ("ipi:99000070101", "natural", ("LUCE ARBOUR",)),
        ("cwr:PB000000XYZ:W00000#2", "natural", ("OTTO QUILL",)),
    ]


def test_repertoires_are_never_complete() -> None:
    """Each society of a mechanical right has a repertoire as of the delivery, which says nothing of the rest."""
    found = [record for record in cwr.read(DATA / "invented.v22") if isinstance(record, Repertoire)]
    assert [(item.society, item.complete, item.as_of) for item in found] == [
        ("cisac:044", False, date(2026, 9, 30)),
        ("cisac:058", False, date(2026, 9, 30)),
    ]


def test_a_2_1_file_in_latin_1_with_padded_lines() -> None:
    """LF, padding, Latin-1 and a revision; the fields that came with 2.2 are not read."""
    records = list(cwr.read(DATA / "invented.v21"))
    work = of(Work, records)[0]
    assert isinstance(work, Work)
    assert work.titles == ("CHANSON INVENTÉE", "LE CHANT INVENTE")
    assert faults(records) == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("width", [0, 700])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_ends_widths_and_encodings_change_nothing(tmp_path: Path, end: str, width: int, encoding: str) -> None:
    """The same delivery, however its lines are written."""
    content = octets(delivery(song(0, "ÉTÉ À ÉVREUX")), end=end, width=width, encoding=encoding)
    records = read(tmp_path, content, "invented.v22")
    work = of(Work, records)[0]
    assert isinstance(work, Work)
    assert work.titles[0] == "ÉTÉ À ÉVREUX"
    assert len(of(Interest, records)) == 3
    assert faults(records) == []


def test_columns_counted_in_octets_of_utf_8(tmp_path: Path) -> None:
    """A line whose columns count octets is read by octets, as its field of digits shows."""
    lines = delivery(song(0))
    lines[2] = line("NWR", 0, 0, title="XX", submitter_work_id="W1", duration="000312", iswc=iswc(5))
    content = octets(lines).replace(b"XX  ", "ÉÉ".encode())
    work = of(Work, read(tmp_path, content))[0]
    assert isinstance(work, Work)
    assert work.titles[0] == "ÉÉ"
    assert work.identifiers[0] == Identifier("iswc", iswc(5))
    assert work.id.endswith(":W1")


@pytest.mark.parametrize(
    ("written", "society"),
    [("058", "cisac:058"), ("58", "cisac:058"), ("58 ", "cisac:058"), ("21", "cisac:021"), ("", None), ("000", None),
     ("099", None), ("99", None), ("0", None)],
)  # fmt: skip
def test_the_society_is_that_of_the_mechanical_right(tmp_path: Path, written: str, society: str | None) -> None:
    """Padded or not; what stands for no society is none; the performing right counts for nothing."""
    work = [
        line("NWR", 0, 0, title="A", submitter_work_id="1"),
        line("SWR", 0, 1, ip_number="C1", last_name="X", designation="CA", pr_society="052", mr_society=written),
    ]
    (interest,) = of(Interest, read(tmp_path, octets(delivery(work))))
    assert isinstance(interest, Interest)
    assert interest.society == society


def test_old_codes_of_societies_have_their_standing() -> None:
    """Codes of societies that are gone stay readable, and are told from those of members."""
    known = societies()
    assert (known["cisac:068"].name, known["cisac:068"].status) == ("SDRM", "resigned")
    assert (known["cisac:058"].name, known["cisac:058"].status) == ("SACEM", "member")
    assert known["cisac:044"].status == "client"


def test_words_and_music_are_one_record_in_both_layers(tmp_path: Path) -> None:
    """A composer who is author too, and a publisher, hold an interest that the rules see in both layers."""
    work = [
        line("NWR", 0, 0, title="A", submitter_work_id="1"),
        line("SPU", 0, 1, ip_number="P1", name="P", publisher_type="E"),
        line("SWR", 0, 2, ip_number="C1", last_name="X", designation="CA"),
        line("SWR", 0, 3, ip_number="C2", last_name="Y", designation="A"),
    ]
    both = frozenset({Layer.COMPOSITION, Layer.LYRICS})
    found = [layers_of(item) for item in read(tmp_path, octets(delivery(work))) if isinstance(item, Interest)]
    assert found == [both, both, frozenset({Layer.LYRICS})]


@pytest.mark.parametrize(
    ("lines", "territories"),
    [
        ([(True, "2136")], (WORLD,)),
        ([], (WORLD,)),
        ([(True, "2124"), (False, "0040")], ("CH", "DE")),
        ([(True, "250"), (True, "0276")], ("DE", "FR")),
        ([(True, "2136"), (False, "2136"), (True, "0250")], ("FR",)),
        ([(True, "2110"), (False, "0528"), (True, "0528")], ("BE", "LU", "NL")),
        ([(False, "0250")], (WORLD,)),
        ([(True, "9999")], (WORLD,)),
        ([(True, "abcd")], (WORLD,)),
        ([(True, "0250"), (False, "9999")], ("FR",)),
        ([(True, "0250"), (False, "0250")], (WORLD,)),
    ],
)
def test_territories(lines: list[tuple[bool, str]], territories: tuple[str, ...]) -> None:
    """Includes and excludes one after another; in doubt the world, since that restricts more."""
    assert territories_of(lines) == territories


def test_bad_check_digits_drop_the_number_and_keep_the_record(tmp_path: Path) -> None:
    """An IPI or ISWC that is not valid is told, and neither matches nor names the party."""
    work = [
        line("NWR", 0, 0, title="A", submitter_work_id="1", iswc="T9131608364"),
        line("SWR", 0, 1, ip_number="C1", last_name="X", designation="CA", ipi_name="00199310180"),
        line("SWR", 0, 2, ip_number="C2", last_name="Y", designation="CA", ipi_name="0" * 11),
    ]
    records = read(tmp_path, octets(delivery(work)))
    (found,) = of(Work, records)
    assert isinstance(found, Work)
    assert found.identifiers == ()
    assert [party.id for party in records if isinstance(party, Party)] == ["cwr:PB000000XYZ:C1", "cwr:PB000000XYZ:C2"]
    assert faults(records) == [
        (4, "ipi '00199310180' is not valid: left out", True),
        (3, "iswc 'T9131608364' is not valid: left out", True),
    ]


def test_an_unknown_writer_holds_an_interest_without_a_name(tmp_path: Path) -> None:
    """Somebody unknown holds a share: no party, but an interest that is not clear."""
    work = [
        line("NWR", 0, 0, title="A", submitter_work_id="1"),
        line("OWR", 0, 1, unknown="Y", designation="CA", mr_share="10000"),
    ]
    records = read(tmp_path, octets(delivery(work)))
    assert of(Party, records) == []
    (interest,) = of(Interest, records)
    assert isinstance(interest, Interest)
    assert (interest.party, interest.controlled, interest.share) == ("cwr:PB000000XYZ:1#0", False, 1.0)
    assert faults(records) == []


@pytest.mark.parametrize(
    ("place", "text", "fault"),
    [
        (3, "QQQ00000000junk", (4, "record type 'QQQ' is none of CWR", False)),
        (2, line("SWR", 0, 1, last_name="EARLY"), (3, "not within a work registration", False)),
        (4, line("SPT", 0, 2, ip_number="P9", incl_excl="I", tis="2136"),
         (5, "territory of 'P9', who is no SPU before it", False)),
        (4, line("SPT", 0, 2, ip_number="P00000001", incl_excl="I", tis="9999"),
         (5, "territory '9999' is no TIS number that we know: read as the world", True)),
        (4, line("SPT", 0, 2, ip_number="P00000001", incl_excl="X", tis="2136"),
         (5, "territory is neither included nor excluded ('X'): read as the world", True)),
        (4, line("SWR", 0, 2, ip_number="C9", last_name="Z", mr_share="99999"),
         (5, "share '99999' is no share from 00000 to 10000: left out", True)),
        (4, line("SWR", 0, 2, ip_number="C9", last_name="Z", mr_society="5X"),
         (5, "society '5X' is no CISAC code of up to three digits: left out", True)),
        (4, line("SWR", 0, 2, ip_number="C9"), (5, "no name, and not said to be unknown", True)),
        (2, line("NWR", 7, 0, submitter_work_id="X"), (3, "work without a title", False)),
    ],
)  # fmt: skip
def test_what_is_out_of_order_is_told_with_its_line(
    tmp_path: Path, place: int, text: str, fault: tuple[int, str, bool]
) -> None:
    """Each with number and reason; the song beside it is read all the same."""
    lines = delivery(song(0))
    lines.insert(place, text)
    records = read(tmp_path, octets(lines))
    assert fault in faults(records)
    assert [work.titles[0] for work in records if isinstance(work, Work)] == ["THE INVENTED SONG"]


def test_counts_that_do_not_agree_are_told(tmp_path: Path) -> None:
    """Transactions and records of group and file are counted."""
    lines = delivery(song(0), song(1))
    del lines[2 + len(song(0)) :][-2:]
    short = [*lines[: 2 + len(song(0))], *lines[-2:]]
    assert faults(read(tmp_path, octets(short))) == [
        (18, "transaction count 00000002, but 1 found", True),
        (18, "record count 00000032, but 17 found", True),
        (19, "transaction count 00000002, but 1 found", True),
        (19, "record count 00000034, but 19 found", True),
    ]


def test_a_file_that_was_cut_is_told(tmp_path: Path) -> None:
    """Without TRL nobody knows whether the rest is missing."""
    assert (18, "no TRL at the end: the file may be cut", True) in faults(
        read(tmp_path, octets(delivery(song(0))[:-1]))
    )


def test_groups_out_of_order_are_told(tmp_path: Path) -> None:
    """A group without end, an end without group, records after the end, and a file without HDR."""
    lines = delivery(song(0))
    odd = [*lines[1:3], lines[1], lines[-2], lines[-2], lines[-1], "NWR after"]
    reasons = [reason for _, reason, _ in faults(read(tmp_path, octets(odd)))]
    for reason in (
        "the file does not begin with HDR",
        "the group before it has no GRT",
        "GRT without GRH",
        "after TRL, the end of the file",
    ):
        assert reason in reasons


def test_a_group_of_another_version_is_not_read(tmp_path: Path) -> None:
    """Its positions are others: better no work than a wrong one."""
    records = read(tmp_path, octets(delivery(song(0), version="03.00")))
    assert of(Work, records) == []
    assert faults(records)[0] == (2, "group of version '03.00', which is neither 02.10 nor 02.20: not read", False)


def test_agreements_and_acknowledgements_are_read_past(tmp_path: Path) -> None:
    """An agreement says nothing of works; a work within an acknowledgement counts as a work."""
    agreement = [line("AGR", 0, 0), line("TER", 0, 1), line("IPA", 0, 2), line("SPT", 0, 3, ip_number="P")]
    acknowledged = [line("ACK", 1, 0), line("MSG", 1, 1), line("NWR", 1, 2, title="ACCEPTED", submitter_work_id="1")]
    records = read(tmp_path, octets(delivery(agreement, acknowledged)))
    assert [work.titles for work in records if isinstance(work, Work)] == [("ACCEPTED",)]
    assert faults(records) == []


def test_a_society_that_sends_has_a_repertoire(tmp_path: Path) -> None:
    """The sender of type SO is a society, by its code."""
    content = octets(delivery(song(0), head=header("000000058", kind="SO")))
    found = [record.society for record in read(tmp_path, content) if isinstance(record, Repertoire)]
    assert found == ["cisac:044", "cisac:058"]


def test_works_without_a_number_of_the_sender_differ(tmp_path: Path) -> None:
    """Two works without a submitter's number do not become one."""
    works = [[line("NWR", number, 0, title=f"T{number}")] for number in range(2)]
    ids = [work.id for work in read(tmp_path, octets(delivery(*works))) if isinstance(work, Work)]
    assert ids == ["cwr:PB000000XYZ:line-3", "cwr:PB000000XYZ:line-4"]


def test_an_endless_line_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """A line of megabytes costs its beginning only, and the next line has its own number."""
    lines = octets(delivery(song(0))).split(b"\r\n")
    lines[2] += b" " * 3_000_000
    records = read(tmp_path, b"\n".join(lines))
    assert len(of(Work, records)) == 1
    assert faults(records) == []


def test_party_ids_by_ipi(tmp_path: Path) -> None:
    """One writer of two works is one party by his IPI name number."""
    works = [
        [line("NWR", n, 0, title=f"T{n}", submitter_work_id=str(n)),
         line("SWR", n, 1, ip_number=f"C{n}", last_name="X", ipi_name=ipi(3))]
        for n in range(2)
    ]  # fmt: skip
    found = {item.party for item in read(tmp_path, octets(delivery(*works))) if isinstance(item, Interest)}
    assert found == {f"ipi:{ipi(3)}"}
