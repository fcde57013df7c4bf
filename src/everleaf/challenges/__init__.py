"""Challenge solvers, one a file, and their registry."""
