"""Hostile model folders, weights and tables through every loader: no code run, no socket, no file of somebody else."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from faults import made
from faults.campaign import CRASH, HANG, OURS, RAW, Campaign
from faults.children import ROOT, Child, Died
from faults.harmed import saved_models, whole_collection
from faults.pictures import peak_megabytes, resident_megabytes

LOADED = "loaded"
SECONDS = 10.0
MEGABYTES = 400.0
_GIVEN_UP = 60.0
REPLACEMENTS: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    10**400,
    1e308,
    "",
    "x" * 100_000,
    "\ud800",
    "../../secret",
    "/etc/passwd",
    "resnet152",
    "vit_giant_patch14_224",
    "hf-hub:timm/resnet18",
    "local-dir:../../secret",
    "hf_hub:somebody/something",
    "https://example.com/weights.bin",
    "file:///etc/passwd",
    "os.system",
    "__import__('os').system('true')",
    [],
    {},
    [[[[[]]]]],
    ["a"] * 10_000,
    {"a": {"b": {"c": 1}}},
)


def loaders(campaign: Campaign) -> None:
    """Change descriptions, headers and tables of saved models and collections, and load them in a watched process."""
    count, folder = campaign.count(500, least=60), campaign.folder("loaders")
    (folder / "secret").mkdir()
    (folder / "secret" / "config.json").write_text("{}")
    begin = {"collection": whole_collection(campaign)}
    begin |= {model.name: model for model in sorted(saved_models(campaign).iterdir()) if model.is_dir()}
    counted: Counter[str] = Counter()
    broke: Counter[str] = Counter()
    longest = most = 0.0
    at = 0
    while at < count:
        with Child(load_all, folder, begin, campaign.seed, at, count) as child:
            try:
                for at in campaign.tries("loaders", range(at, count), count):  # noqa: B020 — it goes on after a crash
                    said = child.answer(_GIVEN_UP)
                    counted[said["outcome"]] += 1
                    broke.update(said["broke"].keys())
                    longest, most = max(longest, said["seconds"]), max(most, said["megabytes"])
                    slow = said["seconds"] > SECONDS or said["megabytes"] > MEGABYTES
                    if said["outcome"] == RAW or said["broke"] or slow:
                        campaign.wrong(
                            "loaders",
                            f"{at} ({said['what']}): {said['outcome']} {said['why']} {said['broke'] or ''} "
                            f"{said['seconds']:.1f} s, {said['megabytes']:.0f} MB",
                        )
                at += 1
            except (Died, TimeoutError) as error:
                counted[HANG if isinstance(error, TimeoutError) else CRASH] += 1
                campaign.wrong("loaders", f"{at}: {error}")
                at += 1
    campaign.total(f"hostile models, weights, tables and collections in {len(begin) + len(OTHERS)} loaders", count)
    campaign.outcomes(counted)
    for what in (CODE, SOCKET, OUTSIDE):
        campaign.total(f"… {what}", broke[what], at_most=0)
    campaign.total("… longest", longest, at_most=SECONDS, unit="s")
    campaign.total("… most memory", most, at_most=MEGABYTES, unit="MB")


# --- what a load may not do, in a child ------------------------------------------------------------------

CODE = "code of the file run, or a process begun"
SOCKET = "sockets opened"
OUTSIDE = "files opened elsewhere"
_EVENTS = {
    "os.system": CODE,
    "os.exec": CODE,
    "os.posix_spawn": CODE,
    "subprocess.Popen": CODE,
    "pickle.find_class": CODE,
    "socket.connect": SOCKET,
    "socket.getaddrinfo": SOCKET,
    "socket.gethostbyname": SOCKET,
    "urllib.Request": SOCKET,
}


class Broke:
    """Watches, from Python's own audit events, what is done while `on`."""

    def __init__(self, allowed: list[Path]) -> None:
        self._allowed = tuple(os.path.realpath(path) for path in [*allowed, ROOT / "src", Path(sys.prefix)])
        self._allowed += (os.path.realpath(sys.base_prefix), "/proc/", "/sys/", "/dev/")
        self.on, self.found = False, {}
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in _EVENTS:
            self.found.setdefault(_EVENTS[event], f"{event} {arguments}"[:200])
        elif event == "open" and isinstance(arguments[0], str | bytes):
            self.on = False
            path = os.path.realpath(os.fsdecode(arguments[0]))
            # A name without its folder may be one in a folder that is open, as those that rmtree removes.
            elsewhere = not path.startswith(self._allowed) and os.path.exists(path)
            self.on = True
            if elsewhere:
                self.found.setdefault(OUTSIDE, path)


def load_all(connection: Connection, folder: Path, begin: dict[str, Path], seed: int, at: int, end: int) -> None:
    """Load what was made hostile, from number `at` to `end`, and send what came of each."""
    from handlens.errors import HandlensError

    os.environ["HF_HUB_OFFLINE"] = "0"
    place = folder / "tried"
    shutil.rmtree(place, ignore_errors=True)
    for name, source in begin.items():  # what is imported or cached at the first load does not concern the others
        shutil.copytree(source, place / name, symlinks=True)
        load(name, place / name)
        shutil.rmtree(place)
    weights = begin["collection"].parent / "tiny.safetensors"  # which a person gave when the collection was made
    watched = Broke([place, weights])
    for number in range(at, end):
        place.mkdir()
        name, what, target = hostile(place, begin, seed, number)
        said: dict[str, Any] = {"what": f"{name}: {what}", "outcome": LOADED, "why": "", "broke": {}}
        watched.found = {}
        resident, began = resident_megabytes(), time.perf_counter()
        watched.on = True
        try:
            load(name, target)
        except HandlensError:
            said["outcome"] = OURS
        except Exception as error:
            import traceback

            frames = traceback.extract_tb(error.__traceback__)[-2:]
            where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
            said["outcome"], said["why"] = RAW, f"{type(error).__name__}: {error} ({where})"[:300]
        finally:
            watched.on = False
        said["seconds"], said["megabytes"] = time.perf_counter() - began, peak_megabytes() - resident
        if (folder / "run").exists():
            watched.found[CODE] = "a pickle"
            (folder / "run").unlink()
        said["broke"] = watched.found
        shutil.rmtree(place)
        connection.send(said)


def load(name: str, target: Path) -> None:
    """Load what has one of the names as its user would."""
    from handlens.io.tables import read_table
    from handlens.io.weights import read_weights
    from handlens.studio import Collection

    if name == "collection":
        with Collection.open(target) as collection:
            collection.prepare()
            made.asked(collection)
    elif name == "weights file":
        read_weights(target)
    elif name == "table":
        read_table(target)
    else:
        made.ask_model(name, target)


OTHERS = ("weights file", "table")

# --- what is loaded --------------------------------------------------------------------------------------


class _Bomb:
    """A pickle that makes a file when something loads it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._file),)


def hostile(place: Path, begin: dict[str, Path], seed: int, number: int) -> tuple[str, str, Path]:
    """Write what has one number below `place`: the name of its loader, what is wrong with it, and where it is."""
    random = np.random.default_rng([seed, 3, number])
    bomb = pickle.dumps(_Bomb(place.parent / "run"))
    names = [*begin, *OTHERS]
    name = names[number % len(names)]
    if name in OTHERS:
        file, what = (_weights if name == "weights file" else _table)(place, random, bomb)
        return name, what, file
    target = Path(shutil.copytree(begin[name], place / name, symlinks=True))
    kinds = ("description", "description", "description", "tensors", "pickle", "link", "text")
    kind = str(random.choice(kinds))
    files = sorted(path for path in target.rglob("*") if path.is_file() and "photos" not in path.parts)
    suffix = {"description": ".json", "tensors": ".safetensors"}.get(kind, "")
    files = [path for path in files if path.name.endswith(suffix)] or files
    file = files[int(random.integers(len(files)))]
    what = f"{file.relative_to(target)}: {kind} "
    if kind == "description" and file.suffix == ".json":
        text, more = _other_json(json.loads(file.read_text()), random)
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        what += more
    elif kind == "tensors" and file.suffix == ".safetensors":
        data, more = _other_tensors(file.read_bytes(), random)
        file.write_bytes(data)
        what += more
    elif kind == "pickle":
        file.write_bytes(bomb)
    elif kind == "link":
        file.unlink()
        file.symlink_to(place.parent / "secret" / "config.json")
    else:
        file.write_bytes([b"", b"[" * 100_000, b"\0" * 100, b"{}", b"[]", b"1e999", b'"text"'][int(random.integers(7))])
    return name, what, target


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield from _paths(value, (*path, key))


def _other_json(tree: Any, random: np.random.Generator) -> tuple[str, str]:
    """Another value, a key less, or a deep nest at one place of a description, which has no checksum then."""
    if isinstance(tree, dict):
        tree.pop("crc32", None)
    paths = [path for path in _paths(tree) if path and "tensors" not in path[:1]] or [()]
    path = paths[int(random.integers(len(paths)))]
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    what = "/".join(map(str, path))
    if random.random() < 0.15:
        del parent[path[-1]]
        return json.dumps(tree), f"without {what}"
    if random.random() < 0.05:
        parent[path[-1]] = "NEST"
        return json.dumps(tree).replace('"NEST"', "[" * 5000 + "]" * 5000), f"{what} nested"
    value = REPLACEMENTS[int(random.integers(len(REPLACEMENTS)))]
    old = parent[path[-1]]
    if isinstance(old, int) and not isinstance(old, bool) and random.random() < 0.4:
        value = int(random.choice([10**6, 10**9, 10**12, -5]))
    parent[path[-1]] = value
    return json.dumps(tree), f"{what} = {str(value)[:40]!r}"


def _other_tensors(data: bytes, random: np.random.Generator) -> tuple[bytes, str]:
    """A header of tensors that lies about shapes, places or its own length."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    kind = int(random.integers(6))
    if kind == 0:
        return struct.pack("<Q", int(random.choice([0, 2**31, 2**62, 2**63]))) + data[8:], "length of the header"
    names = [name for name in header if name != "__metadata__"]
    of = header[names[int(random.integers(len(names)))]]
    if kind == 1:
        of["shape"] = [[10**12], [2**40, 2**40], [-1], [0], [1] * 1000, ["x"]][int(random.integers(6))]
    elif kind == 2:
        of["data_offsets"] = [[0, 2**62], [-8, 8], [0, 0], [2**63, 2**63 + 8], [8, 0]][int(random.integers(5))]
    elif kind == 3:
        of["dtype"] = str(random.choice(["F64", "BOOL", "X", "F8_E4M3", "I64", ""]))
    elif kind == 4:
        size = int(random.choice([10**8, 10**9]))
        of["shape"], of["dtype"] = [size], "U8"
        of["data_offsets"] = [0, size]
    else:
        header = dict.fromkeys(names, header[names[0]])
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :], f"header, way {kind}"


def _weights(place: Path, random: np.random.Generator, bomb: bytes) -> tuple[Path, str]:
    import torch
    from safetensors.torch import save_file

    file = place / str(random.choice(["w.safetensors", "w.pth", "w.pt", "w.bin", "w.pth.tar", "w"]))
    kind = int(random.integers(5))
    if kind == 0:
        file.write_bytes(bomb)
    elif kind == 1:
        torch.save({"a": _Bomb(place.parent / "run")}, file)
    elif kind == 2:
        torch.save({"module.a": torch.zeros(3)}, file)
        data = bytearray(file.read_bytes())
        for _ in range(8):
            data[int(random.integers(len(data)))] = int(random.integers(256))
        file.write_bytes(bytes(data))
    elif kind == 3:
        save_file({"a": torch.zeros(3), "b": torch.ones(2, 2)}, place / "whole")
        file.write_bytes(_other_tensors((place / "whole").read_bytes(), random)[0])
    else:  # as large as a disk, and all of it holes
        with file.open("wb") as holes:
            holes.write(struct.pack("<Q", 60) + b'{"a":{"dtype":"U8","shape":[20000000000],"data_offsets":[0,')
            holes.truncate(20 * 10**9)
    return file, f"{file.name}, way {kind}"


def _table(place: Path, random: np.random.Generator, bomb: bytes) -> tuple[Path, str]:
    import pandas as pd

    suffix = str(random.choice([".csv", ".csv.gz", ".parquet", ".feather", ".pkl", ".json", ".xlsx", ".csv.zip"]))
    file = place / f"table{suffix}"
    kind = int(random.integers(5))
    whole = place / "whole.parquet"
    pd.DataFrame({"a": range(100), "b": [str(i) for i in range(100)]}).to_parquet(whole)
    if kind == 0:
        file.write_bytes(bomb)
    elif kind == 1:
        data = bytearray(whole.read_bytes())
        for _ in range(int(random.integers(1, 20))):
            data[int(random.integers(len(data)))] = int(random.integers(256))
        file.write_bytes(bytes(data))
    elif kind == 2:
        file.write_bytes(whole.read_bytes()[: int(random.integers(whole.stat().st_size))])
    elif kind == 3:
        file.write_bytes(random.bytes(int(random.integers(2000))))
    else:
        odd = [
            b'a,b\n"1,2\n',
            b"a,a\n1,2\n",
            b"a\0b\n1,2\n",
            b"\xff\xfea\0",
            b"a,b\n1\n1,2,3\n",
            b"\n\n\n",
            b"," * 100_000,
        ]
        file.write_bytes(odd[int(random.integers(len(odd)))])
    return file, f"{suffix}, way {kind}"
