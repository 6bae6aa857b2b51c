"""A small SNMP agent and trap sender for simulated devices: v2c and v3 authPriv (SHA-256, AES-128) over a table of objects.

Own code, because agents of libraries decode a hundredth as fast and the practice network shares its machine with what it tests.
"""
