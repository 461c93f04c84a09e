"""What is done to the repository, and no part of the package."""
