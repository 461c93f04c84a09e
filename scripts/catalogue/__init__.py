"""From the fact files in facts/ to the catalogue that is shipped."""
