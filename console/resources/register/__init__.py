"""Declarations of the register's objects."""
