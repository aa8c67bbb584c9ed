"""`handlens doctor`: what handlens finds on this machine, and what is wrong with it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handlens import __version__
from handlens.cli.app import Json, app, print_json
from handlens.errors import HandlensError, PluginError
from handlens.extras import EXTRAS, missing
from handlens.io.home import home_folder
from handlens.io.problems import reason_of
from handlens.plugins import KINDS, plugins

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PATIENCE = 5.0
"""Seconds that a server has to answer, with --network."""

LITTLE_ROOM = 0.5
"""Gigabytes; the features of a large collection, or one network, take more."""

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
        "extras": _extras(problems),
        "plugins": _plugins(problems),
    }
    if not _PAGE.is_file():
        problems.append(f"the page of Studio is missing, {_PAGE}: install handlens again, or run `make page`.")
    return {**found, "problems": problems}


def _packages(problems: list[str]) -> list[dict[str, Any]]:
    """What handlens requires, by name, and the version that is installed."""
    required = _required()
    if not required:
        problems.append("handlens is not installed as a package, so what it requires is not known: pip install it.")
    found = []
    for requirement in required:
        version = _version(requirement)
        found.append({"name": requirement.name, "required": str(requirement.specifier), "version": version})
        if not _fits(version, requirement):
            problems.append(
                f"handlens requires {requirement.name}{requirement.specifier}; "
                f"{'it is missing' if version is None else f'{version} is installed'}: "
                f"pip install '{requirement.name}{requirement.specifier}'."
            )
    return found


def _extras(problems: list[str]) -> list[dict[str, Any]]:
    """What each extra brings; its modules that are missing, and its packages whose versions are not those required."""
    core = {str(one) for one in _required()}
    found = []
    for name, extra in EXTRAS.items():
        unfit = []
        for requirement in _required(name):
            version = _version(requirement)
            if str(requirement) not in core and version is not None and not _fits(version, requirement):
                unfit.append(f"{requirement.name} {version}")
                problems.append(
                    f"the extra {name} requires {requirement.name}{requirement.specifier}; {version} is installed: "
                    f"pip install 'handlens[{name}]'."
                )
        found.append({"name": name, "brings": extra.brings, "missing": missing(name), "unfit": unfit})
    return found


def _required(extra: str = "") -> list[Requirement]:
    """What handlens requires here, with an extra; nothing where it is not installed as a package."""
    from importlib import metadata

    from packaging.requirements import Requirement

    try:
        required = [Requirement(text) for text in metadata.requires("handlens") or []]
    except metadata.PackageNotFoundError:
        return []
    return [one for one in required if one.marker is None or one.marker.evaluate({"extra": extra})]


def _fits(version: str | None, requirement: Requirement) -> bool:
    return version is not None and requirement.specifier.contains(version, prereleases=True)


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
    try:
        found["gpus"] = [
            {"name": torch.cuda.get_device_name(i), "gigabytes": round(torch.cuda.mem_get_info(i)[1] / 1e9, 1)}
            for i in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
        ]
    except Exception as error:  # whatever a driver of another version does
        problems.append(
            f"PyTorch cannot use the GPU: {reason_of(error)}. "
            "Install the driver again, or hide the GPU with CUDA_VISIBLE_DEVICES=-1."
        )
    if torch.backends.mps.is_available():
        found["gpus"].append({"name": "Apple's, by Metal", "gigabytes": None})
    return found


def _folders(problems: list[str]) -> list[dict[str, Any]]:
    """Where files are kept, whether they can be written there, and how much room is free."""
    import tempfile

    from huggingface_hub import constants

    torch_home = os.environ.get("TORCH_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    torch_weights = Path(os.path.expanduser(torch_home), "hub", "checkpoints")
    return [
        _folder("collections and data sets", home_folder, "HANDLENS_HOME", problems),
        _folder("weights of the Hugging Face hub", lambda: Path(constants.HF_HUB_CACHE), "HF_HUB_CACHE", problems),
        _folder("weights of torchvision", lambda: torch_weights, "TORCH_HOME", problems),
        _folder("files while they are made", lambda: Path(tempfile.gettempdir()), "TMPDIR", problems),
    ]


def _folder(holds: str, find: Callable[[], Path], variable: str, problems: list[str]) -> dict[str, Any]:
    """One folder, or the one in which it would be made; a file is written there, and goes."""
    import tempfile

    folder = existing = free = refused = None
    try:
        folder = find()
        existing = next(one for one in (folder, *folder.parents) if one.exists())
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(bytes(1_000_000))  # room may be short for this user alone
        free = round(shutil.disk_usage(existing).free / 1e9, 1)
        if free < LITTLE_ROOM:
            problems.append(
                f"{existing} has {free} GB free, for {holds}: make room, or name another folder with {variable}."
            )
    except (OSError, HandlensError) as error:
        refused = reason_of(error)
        where = "There" if existing is None else str(existing)
        problems.append(
            f"{where} must be a folder that can be written, for {holds}: {refused}. "
            f"Change that, or name another folder with {variable}."
        )
    return {
        "holds": holds, "folder": None if folder is None else str(folder), "refused": refused, "gigabytes_free": free,
    }  # fmt: skip


def _network() -> dict[str, Any]:
    """What is set about the network; passwords and tokens are left out."""
    from urllib.request import getproxies

    from huggingface_hub import constants

    return {
        "downloads": not constants.HF_HUB_OFFLINE,
        "hub": _without_password(constants.ENDPOINT),
        "token": "HF_TOKEN" in os.environ,
        "proxies": {kind: address.rpartition("@")[2] for kind, address in getproxies().items()},
    }


def _without_password(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//", address)


def _servers(problems: list[str]) -> list[dict[str, Any]]:
    """Whether the servers that weights come from answer."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    from huggingface_hub import constants

    found = []
    for address in (constants.ENDPOINT, TORCH_SERVER):
        shown = _without_password(address)
        try:
            with urlopen(Request(address, method="HEAD"), timeout=PATIENCE):
                refused = None
        except HTTPError:  # it answers
            refused = None
        except (OSError, ValueError, HTTPException) as error:
            cause = getattr(error, "reason", error)  # a URLError has another error
            refused = reason_of(cause if isinstance(cause, BaseException) else error)
            problems.append(f"{shown} cannot be reached: {refused}. Networks whose weights are there still work.")
        found.append({"address": shown, "refused": refused})
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
        told.append(("folder", f"{one['folder'] or 'not known'}, for {one['holds']}: {can}"))
    downloads = "when you ask for a network" if network["downloads"] else "not allowed by HF_HUB_OFFLINE"
    proxies = ", ".join(f"{kind} {address}" for kind, address in sorted(network["proxies"].items()))
    told.append(("downloads", f"{downloads}; hub {network['hub']}{', with a token' if network['token'] else ''}"))
    told.append(("proxies", proxies or "not set"))
    for one in found["servers"]:
        told.append(("server", f"{one['address']} {'answers' if one['refused'] is None else 'DOES NOT ANSWER'}"))
    for one in found["extras"]:
        unfit = f"installed, but {', '.join(one['unfit'])} IS NOT WHAT IS REQUIRED" if one["unfit"] else "installed"
        state = f"missing: pip install 'handlens[{one['name']}]'" if one["missing"] else unfit
        told.append(("extra", f"{one['name']}, {one['brings']}: {state}"))
    for one in found["plugins"]:
        state = "loads" if one["reason"] is None else "LEFT OUT"
        told.append(("plugin", f"{one['name']} of {one['package']}, one of the {one['kind']}: {state}"))
    told += [("problem", problem) for problem in found["problems"]]
    if not found["problems"]:
        told.append(("result", "nothing is wrong"))
    return [f"{head:<10} {text}" for head, text in told]
