"""Run as its own process to download files from the hub, so that a hanging connection can be ended; not in the API.

Usage: hub_download.py REPOSITORY FILE …; a file may be missing there if its name begins with “?”
"""

from __future__ import annotations

import sys


def main(repository: str, *files: str) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError

    for file in files:
        name = file.removeprefix("?")
        try:
            # The download itself asks again for up to 23 s when it is refused; this says so at once.
            get_hf_file_metadata(hf_hub_url(repository, name), timeout=7)
        except EntryNotFoundError:
            if name == file:
                raise
        else:
            hf_hub_download(repository, name)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        # The parent shows the last line; the chain's first error is the one that says what went wrong.
        first: BaseException = error
        while first.__cause__ is not None:
            first = first.__cause__
        sys.exit(" ".join(str(first).split()) or type(first).__name__)
