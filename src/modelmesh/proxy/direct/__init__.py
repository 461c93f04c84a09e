"""An HTTP/1.1 server on asyncio's protocols, with httptools to read what clients send.

It costs a fraction of what aiohttp's costs, and looks the same to clients and endpoints.
"""
