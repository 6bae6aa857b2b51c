"""The use cases of monitoring, by subject."""
