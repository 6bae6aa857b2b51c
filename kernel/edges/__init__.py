"""What the edges of the rooms share: the command line's groups, output and progress."""
