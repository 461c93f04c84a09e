"""Configuration: what may be written (`schema`), how it is read, and what is wrong with it."""
