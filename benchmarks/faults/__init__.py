"""The campaign of faults, one module for each kind: `python benchmarks/faults.py` runs it.

`campaign` says how much is done and counts what came of it, `children` runs the code that is to be harmed in processes
of their own, and `made` writes the small collection and the models that are harmed.
"""
