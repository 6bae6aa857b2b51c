"""The transparency log: an append-only Merkle tree (RFC 9162 hashing) over all that was issued, held, released and revoked."""
