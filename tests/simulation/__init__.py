"""Years of renewals in seconds: a clock, a CA, a disk and edges that fail by a seed."""
