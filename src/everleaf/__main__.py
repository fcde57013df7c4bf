"""Runs the command line as `python -m everleaf`."""

from everleaf.cli import main

main()
