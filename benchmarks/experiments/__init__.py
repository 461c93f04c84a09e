"""What is measured, one file each; the file's name is what the experiment is called.

Each has a `TITLE` and `run(lab)`, which records a row for each round, case and gateway.
"""
