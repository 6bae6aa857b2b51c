"""Bytes to text: UTF-8 first, then GB18030, and never an error."""

_CONTROL = {code: None for code in (*range(9), *range(11, 32), 127) if code not in (27,)}


def decode(data: bytes, charset: str | None = None) -> str:
    """The line as text: in the source's own charset when set, else UTF-8, else GB18030.

    What no charset explains becomes U+FFFD; a byte order mark, line ends and control characters go.
    """
    for name in (charset,) if charset else ("utf-8", "gb18030"):
        try:
            return _clean(data.decode(name))
        except UnicodeDecodeError:
            continue
    return _clean(data.decode(charset or "utf-8", errors="replace"))


def _clean(text: str) -> str:
    return text.removeprefix("\ufeff").rstrip("\r\n\0 ").translate(_CONTROL)
