"""Evidence: what the suite's parts found, recorded beside their data, chained, sealed and provable to outsiders."""
