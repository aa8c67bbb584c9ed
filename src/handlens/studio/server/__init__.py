"""Studio's HTTP server: a thin layer over `Collection`."""
