"""The page of experiments: its HTTP API over one folder of studies, and how it is served."""
