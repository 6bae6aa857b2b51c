"""What speaks to the network: SNMP by pysnmp, TLS by asyncio, traps by a socket."""
