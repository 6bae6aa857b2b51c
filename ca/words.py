"""What requests and certificates are found by: the beginnings of every word of their names. Pure.

A search for any part of a text reads every row; one for beginnings reads an index, at a million certificates too. Chinese is
written without blanks, so a word begins at each of its characters; host names and addresses begin anew after each separator.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

LONGEST = 64
LAST = "\U0010ffff"  # sorts after all that may follow
_PART = re.compile(r"[\w.@:/+-]+")
_HAN = r"[\u3400-\u9fff\U00020000-\U0010ffff]"
_BEGIN = re.compile(rf"\A|(?:(?<=[.@:/+_-])|(?<={_HAN})|(?={_HAN}))(?![.@:/+_-]|\Z)")
_OCTETS = re.compile(r"[0-9a-f]{2}(?:[: ][0-9a-f]{2}){3,}")  # as other programs show serials and digests
_ATTRIBUTE = re.compile(r"(?<!\w)(?:c|st|l|o|ou|cn|uid|serialnumber)=")


def words_of(texts: Iterable[str]) -> set[str]:
    """Every beginning by which one of the texts is found."""
    return set().union(*map(_words_of, texts))


@lru_cache(maxsize=4096)  # a request's names are those of its certificate, and its organisation that of many
def _words_of(text: str) -> frozenset[str]:
    return frozenset(
        part[begin.start() : begin.start() + LONGEST]
        for part in _PART.findall(_folded(text))
        for begin in _BEGIN.finditer(part)
    )


def terms_of(text: str) -> list[str]:
    """What a typed text asks for; all of it has to be there."""
    folded = _folded(text).strip()
    if _OCTETS.fullmatch(folded):
        return [re.sub("[: ]", "", folded)[:LONGEST]]
    return [part[:LONGEST] for part in _PART.findall(_ATTRIBUTE.sub(" ", folded))]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
