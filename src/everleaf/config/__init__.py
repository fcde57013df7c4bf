"""The configuration: TOML in, settings or every fault at once out."""
