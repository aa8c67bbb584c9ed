"""Models as ONNX, for runtimes without Python; what is written is run and compared before it counts."""

from __future__ import annotations

import inspect
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from handlens import __version__
from handlens.errors import ExportError
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of

TOLERANCE = 1e-4
"""The largest difference between both outputs that passes, as a share of the largest output."""


def export_onnx(
    model: nn.Module,
    inputs: Tensor | tuple[Tensor, ...],
    file: Path | str,
    metadata: Mapping[str, Any],
    *,
    names: Sequence[str] | None = None,
) -> float:
    """Write a model in eval mode as an ONNX file that takes batches of any size, and check that it computes the same.

    Args:
        model: its inputs are named as the arguments of its `forward`, its output "output".
        inputs: a batch of real inputs; the file is run on them, on every second of them, and on one alone.
        file: the file to write.
        metadata: plain JSON, kept in the file's metadata under "handlens".
        names: of the inputs, for a model whose `forward` takes any number of them, as `*inputs`.

    Returns:
        The largest difference between both outputs.

    Raises:
        ExportError: ONNX's packages are missing, the model cannot be written as ONNX, or the outputs differ.
        StorageError: the disk refused. In both cases what was at `file` before stays.
    """
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401  # torch's exporter needs it
    except ImportError as error:
        raise ExportError(
            f"ONNX needs packages that are not installed ({reason_of(error)}): pip install 'handlens[onnx]'."
        ) from error
    batch = tuple(part.cpu() for part in (inputs if isinstance(inputs, tuple) else (inputs,)))
    named = list(names) if names else list(inspect.signature(model.forward).parameters)[: len(batch)]
    device = next(model.parameters()).device
    target = Path(file)
    try:
        with atomic_write(target) as partial:
            model.cpu().eval()
            _write(model, batch, named, partial, variadic=names is not None)
            proto = onnx.load(partial)
            onnx.helper.set_model_props(proto, {"handlens": json.dumps({"version": __version__, **metadata})})
            onnx.checker.check_model(proto)
            onnx.save(proto, partial)
            # From memory, because Windows does not rename a file that is open.
            session = onnxruntime.InferenceSession(partial.read_bytes(), providers=["CPUExecutionProvider"])
            rows = (slice(None), slice(None, None, 2), slice(0, 1))
            difference = max(_difference(model, session, named, tuple(part[some] for part in batch)) for some in rows)
    finally:
        model.to(device)
    return difference


def _write(model: nn.Module, batch: tuple[Tensor, ...], names: list[str], file: Path, *, variadic: bool) -> None:
    dynamic: tuple[Any, ...] = tuple({0: torch.export.Dim.DYNAMIC} for _ in batch)
    # A batch of one would be taken for a size that never changes.
    sample = tuple(torch.cat([part[:1], part[:1]]) for part in batch)
    log = logging.getLogger("torch.onnx")
    level = log.level
    try:
        log.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own making, about torch's own ways
            torch.onnx.export(
                model,
                sample,
                file,
                input_names=names,
                output_names=["output"],
                dynamic_shapes=(dynamic,) if variadic else dynamic,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except OSError:
        raise
    except Exception as error:  # torch raises many kinds, none of which says more than its text
        raise ExportError(f"{type(model).__name__} cannot be written as ONNX: {str(error).splitlines()[0]}.") from error
    finally:
        log.setLevel(level)


def _difference(model: nn.Module, session: Any, names: list[str], batch: tuple[Tensor, ...]) -> float:
    with torch.inference_mode():
        wanted = model(*batch).numpy()
    found = session.run(None, {name: part.numpy() for name, part in zip(names, batch, strict=True)})[0]
    difference = float(np.abs(found - wanted).max())
    largest = float(np.abs(wanted).max())
    if not difference <= TOLERANCE * max(largest, 1.0):
        raise ExportError(
            f"the ONNX file does not compute what {type(model).__name__} does: outputs up to {largest:.3g} differ by "
            f"{difference:.3g}. It was not kept."
        )
    return difference
