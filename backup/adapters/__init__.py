"""What touches the outside: engines, sources, sites, application checks."""
