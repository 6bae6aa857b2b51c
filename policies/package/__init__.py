"""Evidence packages: made here, verified anywhere."""
