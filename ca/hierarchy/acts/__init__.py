"""What the steps of a ceremony do, by their names."""
