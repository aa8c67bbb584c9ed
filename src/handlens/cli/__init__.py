"""The command line: `handlens studio`, `predict`, `serve` and `prep`, a module each."""

from handlens.cli import predict, prep, serve, studio
from handlens.cli.app import app

__all__ = ["app", "predict", "prep", "serve", "studio"]
