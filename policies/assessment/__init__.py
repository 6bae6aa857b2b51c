"""From evidence to results, and from results to a conclusion."""
