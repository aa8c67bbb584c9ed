"""Training the runs of a study: which run is next, what its choices are, and what it comes to."""
