"""The orders in which a pool's targets may be tried, one file each, named as in YAML."""
