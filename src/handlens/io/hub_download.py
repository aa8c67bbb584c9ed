"""Run as its own process to download one file from the hub, so that a hanging connection can be ended; not in the API.

Usage: hub_download.py REPOSITORY FILE
"""

from __future__ import annotations

import sys


def main(repository: str, file: str) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    # The download itself asks again for up to 23 s when it is refused; this says so at once.
    get_hf_file_metadata(hf_hub_url(repository, file), timeout=7)
    hf_hub_download(repository, file)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        # The parent shows the last line; the chain's first error is the one that says what went wrong.
        first: BaseException = error
        while first.__cause__ is not None:
            first = first.__cause__
        sys.exit(" ".join(str(first).split()) or type(first).__name__)
