"""The pure core: values in, values out; no clock, disk, network or X.509 library."""
