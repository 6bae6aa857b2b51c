"""Device configurations: collected over SSH, kept in versions without secrets, checked against the baseline."""
