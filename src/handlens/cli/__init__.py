"""The command line: a module for each command, such as `handlens studio` and `handlens doctor`."""

from handlens.cli import audit, doctor, embed, experiments, exports, imports, predict, prep, serve, studio
from handlens.cli.app import app

__all__ = ["app", "audit", "doctor", "embed", "experiments", "exports", "imports", "predict", "prep", "serve", "studio"]
