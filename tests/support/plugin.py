"""Fixtures that start real servers for tests."""
