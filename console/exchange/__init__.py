"""What console and API have in common between request and declaration; no Flask in here."""
