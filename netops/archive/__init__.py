"""The versioned archive of masked configurations: a port, git behind it, memory for tests."""
