"""Event stores and receivers: everything of this room that does I/O."""
