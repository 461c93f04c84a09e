"""What stands between client and vendor, one file each; the file's name is what it is called.

Each has `available()`, which returns its version, or nothing where it is not installed, and
`start(port, vendor_url)`, which returns how it is asked and the program.
"""
