"""Texts of others made harmless before a terminal or a spreadsheet reads them.

What devices, log senders and applicants write reaches the screens of administrators: an escape sequence in it could clear the
screen, forge a line or, on some terminals, type a command (CWE-150), and a cell could act as a formula (CWE-1236).
"""

import re

# the full-width forms too: spreadsheets take them for the signs, and Chinese keyboards write them
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# every sign of the categories Cc and Cs but tab and line end, and those that turn the reading direction
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_UNSAFE = re.compile(r"[^\w .()+,=@-]|^[. ]+")  # in the name of a file


def plain(text: str) -> str:
    """``text`` with every sign that steers a terminal or turns the reading direction written out, as ``\\x1b``.

    Tabs and line ends stay: configurations have them.
    """
    return text if text.isascii() and text.isprintable() else _STEERING.sub(_written_out, text)


def file_name(text: str) -> str:
    """``text`` as the name of a file to be saved: no path, nothing that ends a header's value or hides the true ending."""
    return _UNSAFE.sub("_", text) or "_"


def as_json_text(text: str) -> str:
    """A JSON text with such signs as ``\\u`` escapes: it means the same and is harmless. Inside strings only they occur."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _written_out(found: re.Match[str]) -> str:
    sign = ord(found[0])
    return f"\\x{sign:02x}" if sign < 256 else f"\\u{sign:04x}"
