"""Measurements: ``make bench NAME=module`` prints one JSON object a line; never part of the tests."""
