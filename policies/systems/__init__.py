"""Systems and their filing (定级备案, GB/T 22240-2020)."""
