"""Lines as they are stored, and as they are read: what repeats within a segment is stored once.

Rule of this file: pure, and without loss: a line that `line()` made comes back as it was. A stored line leaves out what
is as by `DEFAULTS`, and names by number what stands in a line `shared` before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.chain import encode

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

SCHEMA = 2
# The fields that `optout_middleware.audit.line.line` gives, in order, and what each is where it is not stored. Only a
# line with an outcome is packed; a note about a run is stored as it is.
DEFAULTS: Mapping[str, Any] = {
    "stage": None,
    "url": None,
    "final_url": None,  # where it is not stored: the same as `url`
    "origin": None,
    "domain": None,
    "size": None,
    "outcome": None,
    "may_fetch": True,
    "waits_for": None,
    "action": None,
    "dry_run": False,
    "reasons": [],
    "statements": [],
    "evidence": [],
    "conditions": [],
    "credits": [],
    "claims": [],
    "licences": [],
    "at": None,
}
# Lists of which a member that does not speak of the page itself is likely to come again: numbers stand for such.
SHARED = ("reasons", "statements", "evidence", "claims", "licences", "rulings")
_NO_DEFAULT = object()
_MOST_SHARED = 50_000  # members of a segment, so that a reader needs bounded memory


class Packer:
    """Packs the lines of one segment."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._first: dict[int, tuple[int, Any]] = {}  # by identity, which `line()` keeps; held, so that it stays theirs

    def pack(self, line: Mapping[str, Any]) -> tuple[list[str], Mapping[str, Any]]:
        """Pack a line.

        Returns:
            What is to stand in a line `shared` before it, encoded, and the fields of the line itself.
        """
        if "outcome" not in line:
            return [], line
        return self._packed(line, (line.get("url"), line.get("final_url")))

    def pack_alike(self, line: Mapping[str, Any], names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
        """Pack a line with an outcome, of which some fields vary.

        Args:
            line: with any values but None for the fields that vary. Where its `final_url` is its `url`, it is that of
                each line.
            names: of the fields that vary, in the order of the line.

        Returns:
            What is to stand in a line `shared` before it, encoded; and the text of the line, encoded, in pieces between
            which the values of the varying fields go, each encoded.
        """
        new, packed = self._packed(line, (None, None))
        pieces, fixed = [], dict[str, Any]()
        for name, value in packed.items():
            if name in names:
                pieces.append(f"{encode(fixed)[1:-1]}{',' if fixed else ''}{encode(name)}:")
                fixed = {}
            else:
                fixed[name] = value
        first, *rest = (*pieces, f"{encode(fixed)[1:-1]}}}")
        return new, (first, *(piece if piece == "}" else f",{piece}" for piece in rest))

    def _packed(self, line: Mapping[str, Any], urls: tuple[Any, Any]) -> tuple[list[str], dict[str, Any]]:
        """Pack a line; what speaks of one of the URLs is not shared."""
        url, final_url = line.get("url"), line.get("final_url")
        packed = {name: value for name, value in line.items() if value or value != DEFAULTS.get(name, _NO_DEFAULT)}
        if packed.get("may_fetch") is True:
            del packed["may_fetch"]
        if final_url is None:
            packed["final_url"] = None
        elif final_url == url:
            del packed["final_url"]
        new: list[str] = []
        for name in SHARED:
            if name in packed:
                packed[name] = [self._member(name, member, urls, new) for member in packed[name]]
        return new, packed

    @property
    def is_full(self) -> bool:
        """Whether a reader would have to hold too much: the next line belongs in a new segment."""
        return len(self._numbers) >= _MOST_SHARED

    def _member(self, name: str, member: Any, urls: tuple[Any, Any], new: list[str]) -> Any:
        """Give the number of a member, a new one where it comes for the first time; or the member, if of the page."""
        known = self._first.get(id(member))
        if known is not None:
            return known[0]
        if isinstance(member, dict):
            about = member.get("url") or member.get("source", {}).get("url")
            if about is not None and about in urls:
                if name == "evidence" and about == urls[1]:
                    return {key: value for key, value in member.items() if key != "url"}
                return member
        key = _key(name, member)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers)
            self._first[id(member)] = number, member
            new.append(f'{{"number":{number},"{name}":{encode(member)}}}')
        return number


def _key(name: str, member: Any) -> Hashable:
    """Give what tells one member from another: cheap where it is flat, its JSON where it is not."""
    if isinstance(member, dict):
        try:
            key = (name, *member.items())
            hash(key)
        except TypeError:
            pass
        else:
            return key
    return f"{name}:{encode(member)}"


class Unpacker:
    """Gives the lines of one segment in full, in the order in which they stand."""

    def __init__(self) -> None:
        self.about: dict[str, Any] = {}
        self._shared: dict[tuple[str, int], Any] = {}

    def unpack(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Give a stored line in full; None for a line that only serves others.

        Raises:
            ValueError: it names something shared that is not there, or a field is of the wrong kind.
        """
        if "segment" in row:
            self.about = {name: row[name] for name in ("run", "writer", "policy", "rules_version", "version")}
            return None
        if "shared" in row:
            for member in row["shared"]:
                number = member["number"]
                self._shared.update(((name, number), value) for name, value in member.items() if name != "number")
            return None
        about = self.about
        if not about:
            raise ValueError("its segment has no head")
        fields = dict(row)
        head = {
            "schema": SCHEMA, "run": about["run"], "writer": about["writer"],
            "seq": fields.pop("seq"), "prev": fields.pop("prev"), "time": fields.pop("time"),
        }  # fmt: skip
        tail = {"policy": about["policy"], "rules_version": about["rules_version"], "version": about["version"]}
        if "outcome" not in fields:
            return {**head, **fields, **tail}
        url = fields.get("url")
        final_url = fields.pop("final_url", url)
        full = {name: list(value) if isinstance(value, list) else value for name, value in DEFAULTS.items()}
        full.update(fields)
        full["final_url"] = final_url
        for name in SHARED:
            if name in full:
                full[name] = [self._member(name, member, final_url) for member in full[name]]
        return {**head, **full, **tail}

    def _member(self, name: str, member: Any, final_url: Any) -> Any:
        if type(member) is int:
            if (name, member) not in self._shared:
                raise ValueError(f"it names number {member} of {name}, which no line before it shares")
            return self._shared[name, member]
        if name == "evidence" and isinstance(member, dict) and "url" not in member:
            return {"url": final_url, **member}
        return member
