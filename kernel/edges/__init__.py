"""Helpers for the edges of the rooms: command line."""
