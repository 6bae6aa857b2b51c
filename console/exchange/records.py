"""Records as octets, and their entity tags (RFC 9110, section 8.8.3)."""

import hmac

from kernel.canonical import sha256_hex
from kernel.edges.resources import Record


def etag(record: Record) -> str:
    """The opaque part of the record's entity tag: changes whenever anything changes that does not change by itself."""
    return sha256_hex(record.model_dump_json(exclude=set(record.moving)).encode())[:32]


def matches(record: Record, wanted: str) -> bool:
    """Whether ``wanted`` (a list of quoted tags, or ``*``) allows an act on the record as it is (RFC 9110, 13.1.1)."""
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in wanted.split(",")]
    return "*" in tags or any(hmac.compare_digest(tag.encode(), etag(record).encode()) for tag in tags)
