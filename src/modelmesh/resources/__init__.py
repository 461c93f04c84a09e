"""What a client offers, in OpenAI's shape: each resource in a file, synchronous and asynchronous.

The two differ in their signatures. How a mesh is asked stands once, in `asking`.
"""
