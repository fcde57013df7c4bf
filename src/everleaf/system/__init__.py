"""One door per side effect: clock, randomness, files, processes, locks."""
