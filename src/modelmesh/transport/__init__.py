"""The only library code that opens sockets."""
