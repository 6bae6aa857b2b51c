"""Simulated devices' SSH side: dialects as data, a shell that knows commands, a terminal that pages, a server."""
