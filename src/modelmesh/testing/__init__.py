"""What tests need to stand in for the outside world: clocks, transports and vendors of our own."""
