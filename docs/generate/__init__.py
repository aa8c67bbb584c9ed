"""Pages of the site that are written by code: the reference of names, commands and requests, and llms.txt."""
