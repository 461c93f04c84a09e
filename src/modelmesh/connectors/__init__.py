"""Plugs: vendors, secret stores, storage, observers, discovery. `registry` finds them by id."""
