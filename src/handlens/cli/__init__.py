"""The command line: `handlens studio`, `predict`, `serve`, `prep` and `audit`, a module each."""

from handlens.cli import audit, predict, prep, serve, studio
from handlens.cli.app import app

__all__ = ["app", "audit", "predict", "prep", "serve", "studio"]
