"""The cases of docs/failures.md, each against the real server and a vendor that fails."""
