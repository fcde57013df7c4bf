"""The servers of this machine, seen from their own side: configuration, files, processes."""
