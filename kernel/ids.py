"""Identifiers that sort by the time of their making (UUID version 7, RFC 9562 section 5.7)."""

import os
import time


def new_id(prefix: str) -> str:
    """Return ``prefix_`` + 32 hex digits: 48 bits of Unix milliseconds, then version, variant and 74 random bits."""
    millis = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (millis & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random & (1 << 62) - 1
    return f"{prefix}_{value:032x}"
