"""The practice network: a city's government network on loopback addresses, with faults planted on purpose (docs/range.md)."""
