"""Suites for connectors, one file for each kind: subclass one, and pytest finds its tests."""
