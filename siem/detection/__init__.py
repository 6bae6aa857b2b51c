"""Detection at ingest: Sigma rules compiled to predicates, correlations over sliding windows in event time."""
