"""Texts of others made harmless before a terminal or a spreadsheet reads them.

What devices, log senders and applicants write reaches the screens of administrators: an escape sequence in it could clear the
screen, forge a line or, on some terminals, type a command (CWE-150), and a cell could act as a formula (CWE-1236).
"""

import unicodedata

# the full-width forms too: spreadsheets take them for the signs, and Chinese keyboards write them
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """``text`` with every sign that steers a terminal or turns the reading direction written out, as ``\\x1b``.

    Tabs and line ends stay: configurations have them.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written_out(sign) if _steers(sign) else sign for sign in text)


def as_json_text(text: str) -> str:
    """A JSON text with such signs as ``\\u`` escapes: it means the same and is harmless. Inside strings only they occur."""
    return "".join(f"\\u{ord(sign):04x}" if _steers(sign) else sign for sign in text)


def _steers(sign: str) -> bool:
    return sign in _BIDI or (unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\t\n")


def _written_out(sign: str) -> str:
    return f"\\x{ord(sign):02x}" if ord(sign) < 256 else f"\\u{ord(sign):04x}"
