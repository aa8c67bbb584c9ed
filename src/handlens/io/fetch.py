"""Run as its own process to download one file, so that a hanging connection can be ended; not in the API.

Usage: fetch.py hub REPOSITORY FILE | fetch.py url ADDRESS DESTINATION SHA256_START
"""

from __future__ import annotations

import hashlib
import os
import sys
import urllib.request
from pathlib import Path


def _from_hub(repository: str, file: str) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    # The download itself asks again for up to 23 s when it is refused; this says so at once.
    get_hf_file_metadata(hf_hub_url(repository, file), timeout=7)
    hf_hub_download(repository, file)


def _from_address(address: str, destination: str, sha256_start: str) -> None:
    part = Path(f"{destination}.{os.getpid()}.incomplete")
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(address, timeout=8) as answer, part.open("wb") as file:
            while block := answer.read(1 << 16):
                file.write(block)
                digest.update(block)
        if not digest.hexdigest().startswith(sha256_start):
            raise OSError("what arrived is not the file that was asked for")
        part.replace(destination)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        if sys.argv[1] == "hub":
            _from_hub(*sys.argv[2:])
        else:
            _from_address(*sys.argv[2:])
    except Exception as error:
        # The parent shows the last line; the chain's first error is the one that says what went wrong.
        first: BaseException = error
        while first.__cause__ is not None:
            first = first.__cause__
        sys.exit(" ".join(str(first).split()) or type(first).__name__)
