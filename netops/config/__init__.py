"""The pure core on configuration text: clean-up and completeness, masking, the line tree, facts."""
