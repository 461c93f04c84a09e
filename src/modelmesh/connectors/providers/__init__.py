"""Vendors, one file each.

A vendor that speaks OpenAI's wire and differs in data only subclasses `openai_compatible.Provider`
and states the data. One that needs code overrides one of its methods. A compatible server nobody
has written a file for needs none: `connector: openai-compatible` with a `base_url`. One with an API
of its own writes the four methods that translate, out of `_conversation` and `_writing`.

The file's name is the registration; see `modelmesh.connectors.registry`. Every file has a folder of
recorded replies in `tests/data/providers`, which the conformance test insists on.
"""
