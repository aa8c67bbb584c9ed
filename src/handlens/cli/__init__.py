"""The command line, a module for each command: `handlens studio`, `predict`, `serve`, `export` and the others."""

from handlens.cli import audit, experiments, exports, predict, prep, serve, studio
from handlens.cli.app import app

__all__ = ["app", "audit", "experiments", "exports", "predict", "prep", "serve", "studio"]
