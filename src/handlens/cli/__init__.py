"""The command line: `handlens studio`, `predict`, `serve`, `prep`, `audit` and `experiments`, a module each."""

from handlens.cli import audit, experiments, predict, prep, serve, studio
from handlens.cli.app import app

__all__ = ["app", "audit", "experiments", "predict", "prep", "serve", "studio"]
