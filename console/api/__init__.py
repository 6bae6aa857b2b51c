"""The REST API: the same verbs as the console, made of the same declarations, for programs."""
