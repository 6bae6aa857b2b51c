"""What requests and certificates are found by: the beginnings of every word of their names. Pure.

A search for any part of a text reads every row; one for beginnings reads an index, at a million certificates too. Chinese is
written without blanks, so a word begins at each of its characters; host names and addresses begin anew after each separator.
"""

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 64  # a SHA-256 in hex
LAST = "\U0010ffff"  # sorts after all that may follow
_PART = re.compile(r"[\w.@:/+-]+")
_SEPARATORS = ".@:/+-_"
_OCTETS = re.compile(r"[0-9a-f]{2}(?:[: ][0-9a-f]{2}){3,}")  # as other programs show serials and digests
_ATTRIBUTE = re.compile(r"(?<!\w)(?:c|st|l|o|ou|cn|uid|serialnumber)=")


def words_of(texts: Iterable[str]) -> set[str]:
    """Every beginning by which one of the texts is found."""
    return {
        part[start : start + LONGEST]
        for text in texts
        for part in _PART.findall(_folded(text))
        for start in range(len(part))
        if _begins(part, start)
    }


def terms_of(text: str) -> list[str]:
    """What a typed text asks for; all of it has to be there."""
    folded = _folded(text).strip()
    if _OCTETS.fullmatch(folded):
        return [re.sub("[: ]", "", folded)[:LONGEST]]
    return [part[:LONGEST] for part in _PART.findall(_ATTRIBUTE.sub(" ", folded))]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _begins(part: str, start: int) -> bool:
    if part[start] in _SEPARATORS:
        return start == 0
    return start == 0 or part[start - 1] in _SEPARATORS or _han(part[start]) or _han(part[start - 1])


def _han(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or character >= "\U00020000"
