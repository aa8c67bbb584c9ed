"""The command line, a module for each command: `handlens studio`, `import`, `predict`, `serve`, `prep`, `audit` …."""

from handlens.cli import audit, experiments, imports, predict, prep, serve, studio
from handlens.cli.app import app

__all__ = ["app", "audit", "experiments", "imports", "predict", "prep", "serve", "studio"]
