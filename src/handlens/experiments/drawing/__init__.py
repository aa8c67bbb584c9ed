"""Drawing a study: little training graphs, parallel coordinates and slices."""
