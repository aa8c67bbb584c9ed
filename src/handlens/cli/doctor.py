"""`handlens doctor`: what handlens finds on this machine, and what is wrong with it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handlens import __version__
from handlens.cli.app import Json, app, print_json
from handlens.errors import PluginError
from handlens.extras import EXTRAS, missing
from handlens.io.home import home_folder
from handlens.io.problems import reason_of
from handlens.plugins import KINDS, plugins

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PATIENCE = 5.0
"""Seconds that a server has to answer, with --network."""

TORCH_SERVER = "https://download.pytorch.org"
"""Where torchvision's weights come from."""

_PAGE = Path(__file__).resolve().parents[1] / "studio" / "server" / "page" / "index.html"

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@app.command()
def doctor(
    network: Annotated[
        bool, typer.Option("--network", help="Also ask the servers that weights come from whether they answer.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what handlens finds on this machine and what is wrong; exits with status 1 if something is."""
    found = examine(network=network)
    if as_json:
        print_json(found)
    else:
        for line in _lines(found):
            typer.echo(line)
    if found["problems"]:
        raise typer.Exit(1)


def examine(*, network: bool) -> dict[str, Any]:
    """What there is, as plain JSON; under "problems" a sentence for each thing that is wrong.

    Args:
        network: ask the servers that weights come from; nothing is sent otherwise.
    """
    problems: list[str] = []
    found = {
        "handlens": {"version": __version__, "folder": str(_PAGE.parents[3]), "page": _PAGE.is_file()},
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "system": platform.platform(),
        "packages": _packages(problems),
        "computing": _computing(problems),
        "folders": _folders(problems),
        "network": _network(),
        "servers": _servers(problems) if network else [],
        "extras": [{"name": name, "brings": extra.brings, "missing": missing(name)} for name, extra in EXTRAS.items()],
        "plugins": _plugins(problems),
    }
    if not _PAGE.is_file():
        problems.append(f"the page of Studio is missing, {_PAGE}: install handlens again, or run `make page`.")
    return {**found, "problems": problems}


def _packages(problems: list[str]) -> list[dict[str, Any]]:
    """What handlens requires, by name, and the version that is installed."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        required = [Requirement(text) for text in metadata.requires("handlens") or []]
    except metadata.PackageNotFoundError:
        problems.append("handlens is not installed as a package, so what it requires is not known: pip install it.")
        return []
    found = []
    for requirement in required:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = _version(requirement)
        found.append({"name": requirement.name, "required": str(requirement.specifier), "version": version})
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            problems.append(
                f"handlens requires {requirement.name}{requirement.specifier}; "
                f"{'it is missing' if version is None else f'{version} is installed'}: "
                f"pip install '{requirement.name}{requirement.specifier}'."
            )
    return found


def _version(requirement: Requirement) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return None


def _computing(problems: list[str]) -> dict[str, Any]:
    """Processors, threads and GPUs, as PyTorch sees them."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, Any] = {
        "processors": processors,
        "threads": None,
        "variables": {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
        "gpus": [],
    }
    try:
        import torch
    except Exception as error:  # a library that it needs may be missing or of another kind
        problems.append(f"PyTorch cannot be loaded: {reason_of(error)}. Install torch again.")
        return found
    found["threads"] = torch.get_num_threads()
    found["gpus"] = [
        {"name": torch.cuda.get_device_name(i), "gigabytes": round(torch.cuda.mem_get_info(i)[1] / 1e9, 1)}
        for i in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    ]
    if torch.backends.mps.is_available():
        found["gpus"].append({"name": "Apple's, by Metal", "gigabytes": None})
    return found


def _folders(problems: list[str]) -> list[dict[str, Any]]:
    """Where files are kept, whether they can be written there, and how much room is free."""
    import tempfile

    from huggingface_hub import constants

    torch_home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    folders = [
        ("collections and data sets", home_folder(), "HANDLENS_HOME"),
        ("weights of the Hugging Face hub", Path(constants.HF_HUB_CACHE), "HF_HUB_CACHE"),
        ("weights of torchvision", Path(torch_home).expanduser() / "hub" / "checkpoints", "TORCH_HOME"),
        ("files while they are made", Path(tempfile.gettempdir()), "TMPDIR"),
    ]
    found = []
    for holds, folder, variable in folders:
        existing = next(one for one in (folder, *folder.parents) if one.is_dir())
        try:
            with tempfile.TemporaryFile(dir=existing):
                refused = None
        except OSError as error:
            refused = reason_of(error)
            problems.append(
                f"{existing} must be a folder that can be written, for {holds}: {refused}. "
                f"Change that, or name another folder with {variable}."
            )
        free = round(shutil.disk_usage(existing).free / 1e9, 1)
        found.append({"holds": holds, "folder": str(folder), "refused": refused, "gigabytes_free": free})
    return found


def _network() -> dict[str, Any]:
    """What is set about the network; passwords and tokens are left out."""
    from urllib.request import getproxies

    from huggingface_hub import constants

    return {
        "downloads": not constants.HF_HUB_OFFLINE,
        "hub": constants.ENDPOINT,
        "token": "HF_TOKEN" in os.environ,
        "proxies": {kind: address.rpartition("@")[2] for kind, address in getproxies().items()},
    }


def _servers(problems: list[str]) -> list[dict[str, Any]]:
    """Whether the servers that weights come from answer."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    from huggingface_hub import constants

    found = []
    for address in (constants.ENDPOINT, TORCH_SERVER):
        try:
            with urlopen(Request(address, method="HEAD"), timeout=PATIENCE):
                refused = None
        except HTTPError:  # it answers
            refused = None
        except (OSError, ValueError) as error:
            refused = reason_of(error)
            problems.append(f"{address} cannot be reached: {refused}. Networks whose weights are there still work.")
        found.append({"address": address, "refused": refused})
    return found


def _plugins(problems: list[str]) -> list[dict[str, Any]]:
    """Every plugin, loaded to see whether it can be."""
    found = []
    for kind in KINDS:
        for name in plugins(kind).names:
            reason = None
            try:
                plugins(kind).get(name)
            except PluginError as error:
                reason = str(error)
                problems.append(f"a plugin is left out: {reason}")
            found.append({"kind": kind, "name": name, "package": plugins(kind).package(name), "reason": reason})
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    """The same for people."""
    own, computing, network = found["handlens"], found["computing"], found["network"]
    packages = ", ".join(f"{one['name']} {one['version'] or 'MISSING'}" for one in found["packages"])
    threads = f"processors: {computing['processors']}, threads of PyTorch: {computing['threads']}"
    settings = "".join(f"; {name}={value}" for name, value in computing["variables"].items())
    gpus = ", ".join(
        one["name"] + (f" ({one['gigabytes']} GB)" if one["gigabytes"] else "") for one in computing["gpus"]
    )
    told = [
        ("handlens", f"{own['version']} in {own['folder']}"),
        ("Python", f"{found['python']['version']}, {found['python']['executable']}"),
        ("system", found["system"]),
        ("packages", packages),
        ("threads", threads + settings),
        ("GPU", gpus or "not one that PyTorch can use; nothing in handlens needs one"),
    ]
    for one in found["folders"]:
        can = f"{one['gigabytes_free']} GB free" if one["refused"] is None else f"CANNOT BE WRITTEN: {one['refused']}"
        told.append(("folder", f"{one['folder']}, for {one['holds']}: {can}"))
    downloads = "when you ask for a network" if network["downloads"] else "not allowed by HF_HUB_OFFLINE"
    proxies = ", ".join(f"{kind} {address}" for kind, address in sorted(network["proxies"].items()))
    told.append(("downloads", f"{downloads}; hub {network['hub']}{', with a token' if network['token'] else ''}"))
    told.append(("proxies", proxies or "not set"))
    for one in found["servers"]:
        told.append(("server", f"{one['address']} {'answers' if one['refused'] is None else 'DOES NOT ANSWER'}"))
    for one in found["extras"]:
        state = f"missing: pip install 'handlens[{one['name']}]'" if one["missing"] else "installed"
        told.append(("extra", f"{one['name']}, {one['brings']}: {state}"))
    for one in found["plugins"]:
        state = "loads" if one["reason"] is None else "LEFT OUT"
        told.append(("plugin", f"{one['name']} of {one['package']}, one of the {one['kind']}: {state}"))
    told += [("problem", problem) for problem in found["problems"]]
    if not found["problems"]:
        told.append(("result", "nothing is wrong"))
    return [f"{head:<10} {text}" for head, text in told]
