"""Identifiers of works, recordings, editions and parties: their canonical form and their check digits.

Rule of this file: text in, `Identifier` out; nothing is raised on text from outside. A valid check digit is no proof
that the identifier belongs to the work: rule M1 asks for a title or a party beside it.

Facts, with their sources in `rights.md` section 2: ISRC and DOI have no check digit, so there `checked` speaks of the
form alone; IPI name number 00000000000 satisfies its formula and is what senders write for "unknown"; ISO 7064
mod 37,36 of EIDR runs over the 20 hexadecimal digits without the DOI prefix.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from stdnum import isbn, ismn, isni, isrc, issn
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36

from optout_middleware.register.model import Identifier
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 300  # characters of an identifier; what is longer is none
_KEPT = 64  # characters that are kept of what has no form of its scheme
_NOT_IN_NUMBER = re.compile(r"[^0-9A-Z]+")
_EMPTY = re.compile(r"[^0-9A-Za-z]*|[\W0_]*0[\W0_]*").fullmatch
_LABELS = {  # what may stand before the number: names, URN namespaces, and addresses of resolvers
    "iswc": "iswc",
    "ipi": "ipi(?:[-/ ]?cae)?(?:[- ]?name)?|cae(?:[-/ ]?ipi)?",
    "ipi-base": "ipi(?:[- ]?base)?",
    "isrc": "isrc",
    "isni": r"isni|orcid|https?://(?:www\.)?isni\.org/(?:isni/)?|https?://orcid\.org/",
    "isbn": "(?:e-?)?isbn(?:-?1[03])?",
    "issn": r"[ep]?-?issn(?:-l)?|https?://portal\.issn\.org/resource/issn/",
    "doi": r"doi|info:doi/|https?://(?:dx\.|www\.)?doi\.org/",
    "eidr": r"eidr|https?://(?:dx\.|www\.)?doi\.org/|https?://ui\.eidr\.org/view/content\?id=",
    "ismn": "ismn",
}
_AFTER_LABEL = r"(?:[ \t]{0,3}(?:numbers?|nr|no|code|name|n°)(?![a-z])\.?)?[ \t]{0,3}[:#=]?[ \t]{0,3}"
_LABEL = {
    scheme: re.compile(rf"(?:urn:)?(?:{label}){_AFTER_LABEL}(?=[0-9a-z\[(]|$)", re.IGNORECASE).match
    for scheme, label in _LABELS.items()
}
SCHEMES = tuple(_LABELS)  # the identifier schemes that `read` knows
OF_PARTIES = frozenset({"ipi", "ipi-base", "isni"})  # schemes of people and bodies; the others are of works

_DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+").fullmatch
_EIDR = re.compile(r"10\.5240[/:]?((?:-?[0-9A-F]){20})-?([0-9A-Z])").fullmatch
_ISWC = re.compile(r"T?([0-9]{9})([0-9])").fullmatch
_IPI_BASE = re.compile(r"I?([0-9]{9})([0-9])").fullmatch
_IPI = re.compile(r"[0-9]{1,11}").fullmatch


def read(scheme: str, text: str) -> Identifier | None:
    """Read one identifier that stands alone, with or without its label, as "ISWC: T-034.524.680-1".

    Args:
        scheme: one of `SCHEMES`; "ipi" is the name number, "ipi-base" the base number.
        text: as written; separators, case and full-width digits do not matter. An IPI name number may lack its leading
            zeros, as spreadsheets leave them out.

    Returns:
        Its canonical form: no separators, upper case, an ISBN with 13 digits, an ISMN with 13, an IPI name number with
        11, an ISWC with its T; a DOI in lower case; an EIDR as "10.5240/" and 21 characters. `checked` is False where
        the form or the check digit is wrong: such a one belongs in `Credits.dropped` (rule M2). None: there is no
        identifier, as the text has no letter or digit, or only zeros.

    Raises:
        OptOutError: the scheme is unknown.

    >>> read("iswc", "T-034.524.680-1")
    Identifier(scheme='iswc', value='T0345246801', checked=True)
    >>> read("iswc", "T-913.160.836-4").checked, read("ipi", "000000000.00")
    (False, None)
    """
    reader = _READERS.get(scheme)
    if reader is None:
        raise OptOutError(f"{scheme!r} is no identifier scheme; use one of {', '.join(SCHEMES)}")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_HYPHENS)
    text = text.strip()
    label = _LABEL[scheme](text)
    if label is not None:
        text = text[label.end() :]
    if len(text) > _LONGEST:
        return Identifier(scheme, text[:_KEPT].strip(), checked=False)
    if _EMPTY(text):
        return None
    value = reader(text)
    if value is None:
        return Identifier(scheme, _bare(text)[:_KEPT] or text[:_KEPT], checked=False)
    return Identifier(scheme, value)


def iswc_check_digit(digits: str) -> str:
    """Give the check digit of the nine digits of an ISWC (ISO 15707).

    >>> iswc_check_digit("034524680")
    '1'
    """
    return _weighted(1, digits)


def ipi_base_check_digit(digits: str) -> str:
    """Give the check digit of the nine digits of an IPI base number.

    >>> ipi_base_check_digit("000000229")
    '7'
    """
    return _weighted(2, digits)


def ipi_check_digits(digits: str) -> str:
    """Give the two check digits of the first nine digits of an IPI name number.

    >>> ipi_check_digits("000141073")
    '38'
    """
    rest = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True)) % 101
    return f"{(101 - rest) % 100 if rest else 0:02d}"


def _weighted(start: int, digits: str) -> str:
    return str(-(start + sum(int(digit) * weight for weight, digit in enumerate(digits, 1))) % 10)


_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad\u200b"), "-")


def _bare(text: str) -> str:
    return _NOT_IN_NUMBER.sub("", text.upper())


def _iswc(text: str) -> str | None:
    found = _ISWC(_bare(text))
    return f"T{found[1]}{found[2]}" if found and iswc_check_digit(found[1]) == found[2] else None


def _ipi_base(text: str) -> str | None:
    found = _IPI_BASE(_bare(text))
    return f"I{found[1]}{found[2]}" if found and ipi_base_check_digit(found[1]) == found[2] else None


def _ipi(text: str) -> str | None:
    bare = _bare(text)
    if not _IPI(bare):
        return None
    number = bare.zfill(11)
    return number if ipi_check_digits(number[:9]) == number[9:] else None


def _isbn(text: str) -> str | None:
    value = _by(lambda bare: isbn.validate(bare, convert=True))(text)
    return None if value is None or value.startswith("9790") else value  # 979-0 is of ISMN


def _ismn(text: str) -> str | None:
    return _by(lambda bare: ismn.to_ismn13(ismn.validate(bare)))(text)


def _doi(text: str) -> str | None:
    return text.lower() if _DOI(text) else None


def _eidr(text: str) -> str | None:
    found = _EIDR(text.upper())
    if not found:
        return None
    number = found[1].replace("-", "") + found[2]
    return f"10.5240/{number}" if mod_37_36.is_valid(number) else None


def _by(validate: Callable[[str], str]) -> Callable[[str], str | None]:
    """Give a reader that lets a module of python-stdnum check what has been stripped to ASCII letters and digits."""

    def reader(text: str) -> str | None:
        try:
            return validate(_bare(text))
        except ValidationError:
            return None

    return reader


_READERS: dict[str, Callable[[str], str | None]] = {
    "iswc": _iswc,
    "ipi": _ipi,
    "ipi-base": _ipi_base,
    "isrc": _by(isrc.validate),
    "isni": _by(isni.validate),
    "isbn": _isbn,
    "issn": _by(issn.validate),
    "doi": _doi,
    "eidr": _eidr,
    "ismn": _ismn,
}

# In free text: a label and what follows it, or a form that nothing else has. Each part is bounded, so that a search is
# linear. The order matters: an EIDR is a DOI too, and an IPI base number may follow the label "IPI".
_END = r"(?![0-9A-Za-z])"
_FORMS = {
    "eidr": r"10\.5240/[0-9A-F]{4}(?:-?[0-9A-F]{4}){4}-?[0-9A-Z]",
    "iswc": r"T[-. ]?[0-9]{3}[-. ]?[0-9]{3}[-. ]?[0-9]{3}[-. ]?[0-9]",
    "ipi-base": r"I-[0-9]{9}-[0-9]",
    "ipi": r"[0-9](?:[-. ]?[0-9]){5,10}",
    "isrc": r"[A-Z]{2}[- ]?[A-Z0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{5}",
    "isni": r"[0-9]{4}(?:[- ]?[0-9]{4}){2}[- ]?[0-9]{3}[0-9X]",
    "isbn": r"97[89](?:[- ]?[0-9]){10}|[0-9](?:[- ]?[0-9]){8}[- ]?[0-9X]",
    "issn": r"[0-9]{4}-?[0-9]{3}[0-9X]",
    "ismn": r"979[- ]?0(?:[- ]?[0-9]){9}|M(?:[- ]?[0-9]){9}",
    "doi": r"10\.[0-9]{4,9}/[^\s\"'<>]{1,200}",
}
_PLAIN = {  # forms that need no label; what passes its check is taken
    "eidr": _FORMS["eidr"],
    "iswc": r"T-[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]|T-?[0-9]{9}-?[0-9]",
    "ipi-base": _FORMS["ipi-base"],
    "isrc": r"[A-Z]{2}-[A-Z0-9]{3}-[0-9]{2}-[0-9]{5}",
    "isbn": r"97[89](?:[- ]?[0-9]){10}",
    "ismn": r"979[- ]0(?:[- ]?[0-9]){9}",
    "doi": _FORMS["doi"],
}
_FOUND = re.compile(
    "|".join(
        [
            rf"(?<![0-9A-Za-z])(?:urn:)?(?:{_LABELS[scheme]}){_AFTER_LABEL}(?P<l{n}>{form}){_END}"
            for n, (scheme, form) in enumerate(_FORMS.items())
        ]
        + [rf"(?<![0-9A-Za-z.])(?P<p{n}>{_PLAIN[scheme]}){_END}" for n, scheme in enumerate(_FORMS) if scheme in _PLAIN]
    ),
    re.IGNORECASE,
)
_SCHEME_OF = {f"{kind}{n}": scheme for n, scheme in enumerate(_FORMS) for kind in "lp"}
_PUNCTUATED_ISWC = re.compile(r"T-[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]", re.IGNORECASE).fullmatch
_DIGIT = re.compile(r"[0-9]").search
_TRAILING = ".,;:!?)]}"


def find(text: str) -> tuple[Identifier, ...]:
    """Find the identifiers that are written in free text, each once, in their order.

    Taken is what follows its label ("ISWC T-034.524.680-1", "IPI: 14107338"), checked or not, and what has a form that
    nothing else has, if its check digit is right or it is a punctuated ISWC. A bare number is none.

    >>> find("Words by Jane Doe (IPI 00014107338), ISWC T-034.524.680-1")[0].value
    '00014107338'
    """
    if not _DIGIT(text):
        return ()
    found: dict[Identifier, None] = {}
    for match in _FOUND.finditer(text):
        group = match.lastgroup or ""
        scheme, written = _SCHEME_OF[group], match[group]
        if scheme == "doi":
            written = written.rstrip(_TRAILING)
        identifier = read(scheme, written)
        if identifier and (identifier.checked or group[0] == "l" or _PUNCTUATED_ISWC(written)):
            found[identifier] = None
    return tuple(found)
