"""`python -m handlens` is `handlens`."""

from handlens.cli import app

app(prog_name="handlens")
