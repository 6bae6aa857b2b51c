"""Append-only, hash-chained audit trail (ID-3)."""
