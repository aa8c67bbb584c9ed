"""`python -m handlens.experiments.server.openapi` prints the description of the HTTP API for the page's types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from handlens.experiments.server.app import create_app
from handlens.experiments.store import Place


def openapi() -> dict[str, Any]:
    """The OpenAPI description of the server of experiments, without starting one."""
    return create_app(Place.of(Path()), hosts=[]).openapi()


if __name__ == "__main__":
    print(json.dumps(openapi(), indent=1))
