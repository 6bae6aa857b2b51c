"""Fetching configurations from devices: targets and outcomes, host keys, the netmiko adapter, the use case."""
