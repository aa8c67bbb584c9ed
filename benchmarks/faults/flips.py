"""Flipped bits, cut-off ends and zeroed blocks in every kind of file that handlens keeps.

What follows must be the same answers, perhaps after the file was made again, or one of our errors that says what is
damaged. Another answer without an error is silent wrong data.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from faults import made
from faults.campaign import CRASH, HANG, OURS, RAW, Campaign
from faults.children import Child, Died
from faults.harmed import saved_models, whole_collection

SAME = "same answers"
REBUILT = "made again, same answers"
SILENT = "silent wrong data"
BLOCK = 512

Damage = Callable[[bytes, np.random.Generator], tuple[bytes, str]]
"""Gives a file's bytes afterwards, and says where they are other ones."""


def flips(campaign: Campaign) -> None:
    """Flip a bit of a file, ask for everything, and compare."""
    harm(campaign, "flips", campaign.count(400, least=8), "bits flipped", _flip)


def truncations(campaign: Campaign) -> None:
    """Cut off the end of a file."""
    harm(campaign, "truncations", campaign.count(100, least=2), "files cut off", _cut)


def zeroed(campaign: Campaign) -> None:
    """Zero a block of a file, as some file systems leave it after a power cut."""
    harm(campaign, "zeroed", campaign.count(100, least=2), "blocks zeroed", _zero)


def harm(campaign: Campaign, section: str, times: int, what: str, damage: Damage) -> None:
    """Damage one file so often, each kind of file as often as any other, and record what is answered then."""
    random, folder = campaign.random(section), campaign.folder(section)
    begin = {"collection": whole_collection(campaign)}
    begin |= {model.name: model for model in sorted(saved_models(campaign).iterdir()) if model.is_dir()}
    files = kept_files(begin)
    kinds = sorted(files)
    expected = _expected(campaign, begin, folder)
    counted: Counter[str] = Counter()
    of_kind: Counter[str] = Counter()
    for i in campaign.tries(section, range(times), times):
        kind = kinds[i % len(kinds)]
        name, file = files[kind][int(random.integers(len(files[kind])))]
        place = Path(shutil.copytree(begin[name], folder / "harmed"))
        before = (place / file).read_bytes()
        after, where = damage(before, random)
        (place / file).write_bytes(after)
        outcome, why = _outcome(name, place, place / file, after, expected[name])
        if after == before:  # a block that had been zero
            outcome = SAME
        counted[outcome] += 1
        of_kind[kind] += 1
        if outcome in (RAW, CRASH, HANG, SILENT):
            campaign.wrong(section, f"{name}/{file}, {where}: {outcome}: {why}")
        shutil.rmtree(folder / "harmed")
    campaign.total(f"{what}, in {len(of_kind)} kinds of files", times)
    campaign.outcomes(counted, never=(SILENT, RAW, CRASH, HANG))


def kept_files(begin: dict[str, Path]) -> dict[str, list[tuple[str, Path]]]:
    """The files by kind, as what they belong to and their path in it; numbers and hashes in names make no other kind.

    The photos are not ours, and locks hold nothing.
    """
    files: dict[str, list[tuple[str, Path]]] = {}
    for name, source in begin.items():
        for path in sorted(source.rglob("*")):
            file = path.relative_to(source)
            if path.is_file() and path.stat().st_size and file.parts[0] != "photos" and path.suffix != ".lock":
                kind = re.sub(r"[0-9a-f]{16}|\d+", "…", file.as_posix())
                files.setdefault(f"{name}/{kind}", []).append((name, file))
    return files


def _outcome(name: str, place: Path, file: Path, damaged: bytes, expected: dict[str, str]) -> tuple[str, str]:
    with Child(ask, name, place) as child:
        try:
            found = child.receive()
        except Died as error:
            return CRASH, str(error)
        except TimeoutError as error:
            return HANG, str(error)
    if isinstance(found, Exception):
        return RAW, str(found)
    rebuilt = not file.exists() or file.read_bytes() != damaged
    told = [key for key, answer in found.items() if answer.startswith("error") and answer != expected.get(key)]
    told += ["told"] if found.get("told") != expected.get("told") else []
    if told:  # that is damaged; what depends on it may then be empty
        return OURS, ""
    # What is computed again is the same but for rounding.
    other = [
        key
        for key, answer in found.items()
        if answer != expected.get(key) and not (rebuilt and key.endswith("exactly"))
    ]
    if other:
        return SILENT, ", ".join(other)
    return (REBUILT if rebuilt else SAME), ""


def ask(connection: Connection, name: str, folder: Path) -> None:
    """In a child: open what is in a folder, and ask for everything."""
    from handlens.errors import HandlensError
    from handlens.studio import Collection

    try:
        if name != "collection":
            connection.send(made.ask_model(name, folder))
            return
        with Collection.open(folder) as collection:
            collection.prepare()
            connection.send(made.asked(collection))
    except HandlensError as error:
        connection.send({"opening": f"error: {error}"})


def _expected(campaign: Campaign, begin: dict[str, Path], folder: Path) -> dict[str, dict[str, str]]:
    """What each answers without damage, asked once for all sections."""
    file = campaign.data / "answers.json"
    if not file.exists():
        file.write_text(json.dumps({name: _answers(name, source, folder) for name, source in begin.items()}))
    found: dict[str, dict[str, str]] = json.loads(file.read_text())
    return found


def _answers(name: str, source: Path, folder: Path) -> dict[str, str]:
    """What is answered without damage, which must be the same twice."""
    answers = []
    for _ in range(2):
        place = Path(shutil.copytree(source, folder / "harmed"))
        with Child(ask, name, place) as child:
            answers.append(child.answer())
        shutil.rmtree(place)
    assert answers[0] == answers[1], [key for key in answers[0] if answers[0][key] != answers[1][key]]
    found: dict[str, str] = answers[0]
    assert not found.get("opening"), found
    return found


# --- damage ------------------------------------------------------------


def _flip(data: bytes, random: np.random.Generator) -> tuple[bytes, str]:
    bit = int(random.integers(8 * len(data)))
    harmed = bytearray(data)
    harmed[bit // 8] ^= 1 << bit % 8
    return bytes(harmed), f"bit {bit % 8} of byte {bit // 8}"


def _cut(data: bytes, random: np.random.Generator) -> tuple[bytes, str]:
    left = int(random.integers(len(data)))
    return data[:left], f"cut off after {left} of {len(data)} bytes"


def _zero(data: bytes, random: np.random.Generator) -> tuple[bytes, str]:
    begin = int(random.integers(len(data))) // BLOCK * BLOCK
    end = min(begin + BLOCK, len(data))
    return data[:begin] + bytes(end - begin) + data[end:], f"bytes {begin} to {end} zeroed"
