"""What goes before an answer's body: the general rules of HTTP for its age and for who has it already."""

from email.utils import formatdate
from functools import lru_cache
from time import time

from kernel.edges.public import Answer


def unchanged(answer: Answer) -> Answer:
    """304: the client has it already (RFC 9110 section 15.4.5)."""
    return Answer(304, answer.media_type, b"", answer.max_age, answer.etag, answer.headers)


def head_of(answer: Answer, *, keep: bool) -> bytes:
    """What goes before the body; ``keep``: the connection is kept for another request."""
    return (
        answer.head + _age(int(time()), answer.max_age) + (b"\r\n" if keep else b"Connection: close\r\n\r\n")
    )


@lru_cache(maxsize=64)
def _age(now: int, max_age: int) -> bytes:
    """Date, and for how long a cache may keep the answer (RFC 9111, RFC 5019 section 6.2)."""
    date = f"Date: {formatdate(now, usegmt=True)}\r\n"
    if not max_age:
        return f"{date}Cache-Control: no-store\r\n".encode()
    kept = f"max-age={max_age}, public, no-transform, must-revalidate"
    expires = formatdate(now + max_age, usegmt=True)
    return f"{date}Cache-Control: {kept}\r\nExpires: {expires}\r\n".encode()
