"""Time-stamps (RFC 3161) given to anybody who asks, by a key of their own."""
