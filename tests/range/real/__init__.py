"""Hosts made of real programs (OpenSSH, net-snmp, FRR), each in namespaces of its own."""
