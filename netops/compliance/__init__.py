"""Baseline rules as data, how they are detected, findings and their states."""
