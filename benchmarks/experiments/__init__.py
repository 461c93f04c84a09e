"""What is measured, one file each; the file's name is what the experiment is called.

Each has `run(lab)`, which records a row for each round, case and gateway. For the page it has a
`TITLE`, what its `FIGURES` are called, and which case and figure to `PLOT`.
"""
