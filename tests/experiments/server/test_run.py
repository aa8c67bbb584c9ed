"""`handlens experiments FOLDER` as a person starts and ends it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.experiments.made_studies import make_study


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    make_study(tmp_path, [{"ps": 0.5}], lambda choices, seed: seed)
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    started = subprocess.Popen(
        [sys.executable, "-W", "error::ResourceWarning", "-m", "handlens", "experiments", str(tmp_path), "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield started
    started.kill()
    started.communicate()


@pytest.mark.skipif(os.name != "posix", reason="Windows ends a process in another way")
def test_the_page_is_served_until_a_signal_while_a_tab_listens(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    line = process.stdout.readline()
    assert line.startswith("handlens experiments: http://127.0.0.1:")
    assert line.endswith("/experiments\n")
    assert process.stdout.readline() == "Ctrl+C ends it; runs that are being trained go on.\n"
    host = line.split("/")[2]
    tab = http.client.HTTPConnection(host, timeout=300)
    tab.request("GET", "/api/events")
    events = tab.getresponse()
    first = events.readline()
    assert json.loads(first.removeprefix(b"data: "))["studies"]["studies"][0]["name"] == "made"
    process.send_signal(signal.SIGTERM)
    assert events.read() == b"\n"
    output, errors = process.communicate(timeout=300)
    assert (process.returncode, output, errors) == (0, "", "")
    tab.close()
