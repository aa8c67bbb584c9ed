"""One training on several processes: each computes its share of every batch, and all together take the same steps.

A script that `torchrun` starts needs no change: the environment says that there are several processes, and the first
learner joins them. A step over N processes is that of one process with the same batches, but for the order in which
numbers are added:

- each batch is drawn in the same order everywhere, and each process reads and computes its rows of it;
- outputs are gathered, so that a loss, of whatever kind, is that of the whole batch;
- batch norm uses the mean and variance of the whole batch, and dropout draws for the whole batch and takes its rows;
- gradients are added up before callbacks see them and the optimizer uses them.

Every process holds the whole model. Files are written by the first process, which alone prints.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from handlens.core.events import StopTraining
from handlens.core.loaders import Batch, Loader, Share
from handlens.errors import StorageError, TrainingError
from handlens.io.problems import reason_of

if TYPE_CHECKING:
    from handlens.core.learner import Learner
    from handlens.core.optimizer import Optimizer

__all__ = ["ALONE", "Alone", "Together", "processes"]

STARTED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""The variables of the environment by which torchrun says that a process is one of several."""

STOPPING, FAILING = 10.0, 1.0
"""Seconds that a process which stops, or fails, waits for the others to do so too, before it interrupts them."""

TIMEOUT = timedelta(minutes=30)
"""How long a process waits for one that is alive and does not come."""

Result = TypeVar("Result")


class Alone:
    """The only process of a training: everything is as it is.

    Example:
        >>> Alone().rank, Alone().count, Alone().first(lambda: 5)
        (0, 1, 5)
    """

    rank, count = 0, 1

    def batches(self, dl: Loader) -> Iterable[Batch]:
        """The batches that this process computes."""
        return dl

    def layers(self) -> contextlib.AbstractContextManager[Any]:
        """A block in which the layers of a model that is trained see the whole batch."""
        return _NO_CONTEXT

    def whole(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs and targets of the whole batch, from those of this process."""
        return outputs, targets

    def backward(self, loss: Tensor, optimizer: Optimizer) -> None:  # noqa: ARG002
        """The gradients of the loss over the whole batch."""
        loss.backward()

    def gathered(self, found: Iterable[tuple[Tensor, Tensor]], sizes: Sequence[int]) -> Iterable[tuple[Tensor, Tensor]]:  # noqa: ARG002
        """Outputs and targets of whole batches, in order, from those of the batches of this process."""
        return found

    def first(self, act: Callable[[], Result]) -> Result:
        """Let the first process act while the others wait: what it returns is theirs too, and so is its error."""
        return act()

    def share_model(self, model: nn.Module) -> None:
        """Make the numbers of the model those of the first process."""

    def training(self, learn: Learner) -> contextlib.AbstractContextManager[Any]:  # noqa: ARG002
        """A block in which the learner is trained."""
        return _NO_CONTEXT

    def leave(self, model: nn.Module, error: BaseException | None = None) -> None:
        """The training ends here, at its end or because of an error."""


class OwnRows(NamedTuple):
    """Which rows of a batch this process computes.

    Attributes:
        start, stop: the rows.
        counted: how many of them count: none where there are fewer rows than processes; one stands in then.
        total: how many rows the batch has.
        together: the processes.
    """

    start: int
    stop: int
    counted: int
    total: int
    together: Together


_rows: OwnRows | None = None


def current_rows() -> OwnRows | None:
    """Which rows of a batch this process computes now; None where it computes whole batches."""
    return _rows


class Together(Alone):
    """This process and the others of one training; made by `processes`.

    Args:
        rank: the position of this process, from 0.
        count: how many there are.

    Example:
        >>> Together(1, 2).rank, Together(1, 2).count
        (1, 2)
    """

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count
        self._group: Any = None  # of the present training; None is torch's own
        self._runs = 0
        self._broken = False

    @property
    def _dist(self) -> Any:
        import torch.distributed as dist

        return dist

    def batches(self, dl: Loader) -> Iterator[Batch]:
        global _rows
        self._share_random_numbers()
        share = Share(self.rank, self.count)
        batches = dl.batches(share) if hasattr(dl, "batches") else _cut(dl, share)
        try:
            for total, batch in zip(dl.sizes, batches, strict=True):
                part, held = share.rows(total), share_sizes(total, self.count)
                _rows = OwnRows(part.start, part.stop, held[self.rank], total, self)
                yield batch
        finally:
            _rows = None

    def layers(self) -> contextlib.AbstractContextManager[Any]:
        return _WholeBatchLayers()

    def whole(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        rows: Any = _rows
        held = share_sizes(rows.total, self.count)
        numbers, wanted = self._gather_rows([_wide(outputs.detach()), targets], rows.counted, held)
        return _OfAll.apply(outputs, numbers, rows.start, rows.counted, self.count), wanted

    def backward(self, loss: Tensor, optimizer: Optimizer) -> None:
        # A part of the loss that depends on the parameters alone, such as a penalty, is there once in each process.
        (loss / self.count).backward()
        for flat in optimizer.params:
            self._all_reduce(flat.grad)  # type: ignore[arg-type]

    def gathered(self, found: Iterable[tuple[Tensor, Tensor]], sizes: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        own = [(output, wanted, _rows.counted if _rows else 0) for output, wanted in found]
        outputs = torch.cat([output[:n] for output, _, n in own])
        targets = torch.cat([wanted[:n] for _, wanted, n in own])
        held = [share_sizes(total, self.count) for total in sizes]
        counts = [sum(each) for each in zip(*held, strict=True)]
        all_outputs, all_targets = self._gather_rows([outputs, targets], len(outputs), counts)
        starts = [sum(counts[:rank]) for rank in range(self.count)]
        for each in held:
            rows = torch.cat([torch.arange(start, start + n) for start, n in zip(starts, each, strict=True)])
            starts = [start + n for start, n in zip(starts, each, strict=True)]
            rows = rows.to(all_outputs.device)
            yield all_outputs[rows], all_targets[rows]

    def first(self, act: Callable[[], Result]) -> Result:
        if self._broken:  # after an error nobody waits for anybody
            return act() if self.rank == 0 else None  # type: ignore[return-value]
        result: Any = None
        error: Exception | None = None
        if self.rank == 0:
            try:
                result = act()
            except Exception as raised:
                error = raised
        result, storage, said = self._object((result, isinstance(error, StorageError), error and reason_of(error)))
        if error is not None:
            raise error
        if said is not None:
            raise (StorageError if storage else TrainingError)(f"the first process failed: {said}.")
        return result

    def share_model(self, model: nn.Module) -> None:
        if self._broken:
            return
        with torch.no_grad():
            kinds: dict[torch.dtype, list[Tensor]] = {}
            for value in (*model.parameters(), *model.buffers()):
                kinds.setdefault(value.dtype, []).append(value)
            for values in kinds.values():
                flat = torch.cat([value.detach().reshape(-1) for value in values])
                self._broadcast(flat)
                for value, new in zip(values, flat.split([v.numel() for v in values]), strict=True):
                    value.copy_(new.view_as(value))

    @contextlib.contextmanager
    def training(self, learn: Learner) -> Iterator[None]:
        self._meet()
        self._check_same(learn)
        self.share_model(learn.model)
        with contextlib.ExitStack() as stack:
            if self.rank:
                stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            try:
                yield
            finally:
                if not self._broken:
                    self._wait("done", STOPPING)
                self._broken = False
                self._abort()

    def leave(self, model: nn.Module, error: BaseException | None = None) -> None:
        """Tell the others that this process stops, and at which point; without an error all go on together.

        A process that stops waits a moment for the others: most stop all, in the same step. One that does not come is
        waiting in a later step for this process, and is interrupted: see `_interrupted`.
        """
        if error is not None:
            self._broken = True
            self._store.set(self._key("why"), f"{type(error).__name__}: {reason_of(error)}")
        self._wait("left", STOPPING if error is None else FAILING)
        self._abort()
        if error is None:
            self._meet()
            self.share_model(model)

    # What the processes send each other. Every message passes here, so that an error of another process is told.

    @property
    def _store(self) -> Any:
        """Where the processes leave notes, whatever becomes of the connections of a training."""
        return self._dist.distributed_c10d._get_default_store()

    def _key(self, name: str) -> str:
        return f"handlens/{self._runs}/{name}"

    def _wait(self, name: str, seconds: float) -> None:
        """Wait until all processes have come here, but no longer than so many seconds."""
        store, key, end = self._store, self._key(name), time.monotonic() + seconds
        store.add(key, 1)
        while store.add(key, 0) < self.count and time.monotonic() < end:
            time.sleep(0.002)

    def _meet(self) -> None:
        """Connections for the training that begins, which an error can end without ending torch's own."""
        self._abort()
        self._runs += 1
        self._group = self._dist.new_group(timeout=TIMEOUT)

    def _abort(self) -> None:
        if self._group is not None:
            group, self._group = self._group, None
            with contextlib.suppress(RuntimeError, AttributeError):
                group.abort()
            with contextlib.suppress(RuntimeError, ValueError):
                self._dist.destroy_process_group(group)

    def _interrupted(self, error: RuntimeError) -> BaseException:
        """What this process raises because another one ended the connection."""
        try:
            if self._group is None or not self._store.check([self._key("left")]):
                return TrainingError(
                    f"another process of the training is gone or cannot be reached: {reason_of(error)}. See what it "
                    "said, and start all of them again."
                )
            if not self._store.check([self._key("why")]):
                return StopTraining()
            why = self._store.get(self._key("why")).decode()
        except RuntimeError:  # the process that holds the store is gone
            return TrainingError("the first process of the training is gone. See what it said, and start all again.")
        return TrainingError(f"another process of the training stopped: {why}.")

    def _send(self, operation: str, *arguments: Any, **options: Any) -> None:
        if self._broken:
            raise TrainingError("the processes of this training are no longer connected, because one of them failed.")
        try:
            getattr(self._dist, operation)(*arguments, group=self._group, **options)
        except RuntimeError as error:
            raise self._interrupted(error) from error

    def _all_reduce(self, numbers: Tensor) -> None:
        self._send("all_reduce", numbers)

    def _broadcast(self, numbers: Tensor) -> None:
        self._send("broadcast", numbers, 0)

    def _all_gather(self, numbers: Tensor) -> Tensor:
        """Numbers of the same shape from each process, [processes, …]."""
        found = numbers.new_empty((self.count, *numbers.shape))
        self._send("all_gather_into_tensor", found.view(-1), numbers.contiguous().view(-1))
        return found

    def _object(self, something: Any) -> Any:
        """An object of the first process."""
        box = [something]
        self._send("broadcast_object_list", box, 0)
        return box[0]

    def _gather_rows(self, tensors: Sequence[Tensor], n: int, counts: Sequence[int]) -> list[Tensor]:
        """The first n rows of each tensor, followed by those of the other processes, which have `counts` rows."""
        columns = [t.detach().contiguous().reshape(len(t), math.prod(t.shape[1:])).view(torch.uint8) for t in tensors]
        message = columns[0].new_zeros((max(counts), sum(column.shape[1] for column in columns)))
        message[:n] = torch.cat(columns, 1)[:n]
        found = self._all_gather(message)
        rows = torch.cat([part[:count] for part, count in zip(found, counts, strict=True)])
        parts = rows.split([column.shape[1] for column in columns], 1)
        return [
            part.clone(memory_format=torch.contiguous_format).view(tensor.dtype).view(len(rows), *tensor.shape[1:])
            for part, tensor in zip(parts, tensors, strict=True)
        ]

    def _share_random_numbers(self) -> None:
        """The random numbers that follow are those of the first process."""
        if self._broken:
            return
        state = torch.get_rng_state()
        on_device = state if self._device.type == "cpu" else state.to(self._device)
        self._broadcast(on_device)
        torch.set_rng_state(on_device.cpu())
        if self._device.type == "cuda":
            state = torch.cuda.get_rng_state().to(self._device)
            self._broadcast(state)
            torch.cuda.set_rng_state(state.cpu())

    @property
    def _device(self) -> torch.device:
        """Where messages are: on the GPU if NCCL sends them."""
        if self._dist.get_backend() == "nccl":
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("cpu")

    def _check_same(self, learn: Learner) -> None:
        """Raise TrainingError unless all processes are about to do the same."""
        run, data = learn.run, learn.data
        parts = {
            "the training data": _hash(data.train_dl.sizes, data.train_ds.y.data),
            "the validation data": _hash(data.valid_dl.sizes, data.valid_ds.y.data if len(data.valid_dl) else None),
            "the model": _hash([(name, tuple(p.shape), p.requires_grad) for name, p in learn.model.named_parameters()]),
            "the epochs, rates or weight decay": _hash((run.epochs, run.wd, run.schedule.rates, run.schedule.momenta)),
            "the seed": _hash(run.seed),
        }
        own = torch.frombuffer(bytearray(b"".join(parts.values())), dtype=torch.uint8).view(len(parts), -1)
        found = self._all_gather(own.to(self._device))
        odd = [name for name, same in zip(parts, (found == found[0]).all(2).all(0).tolist(), strict=True) if not same]
        if odd:
            raise TrainingError(
                f"all processes of a training must do the same; {', '.join(odd)} differ from one to another. Give "
                "random splits a seed, such as split_by_rand_pct(0.2, seed=42), and read the same files everywhere."
            )


ALONE = Alone()
_NO_CONTEXT = contextlib.nullcontext()
_together: Together | None = None


def processes() -> Alone:
    """The processes that train together: those that torchrun started with this one, otherwise this alone.

    They are joined at the first call, by the address in the environment. No connection is opened unless the process was
    started as one of several.

    Raises:
        TrainingError: the other processes cannot be reached, or the environment is not as torchrun sets it.

    Example:
        >>> processes().count
        1
    """
    global _together
    import torch.distributed as dist

    if not dist.is_available():
        return ALONE
    if _together is not None and dist.is_initialized():
        return _together
    if not dist.is_initialized():
        if not all(os.environ.get(name) for name in STARTED) or os.environ["WORLD_SIZE"] == "1":
            return ALONE
        try:
            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=TIMEOUT)
        except (RuntimeError, ValueError) as error:
            said = ", ".join(f"{name}={os.environ[name]}" for name in STARTED)
            raise TrainingError(
                f"this process was started as one of several ({said}), and cannot join them: {reason_of(error)}. Start "
                "them by torchrun, and see that the hosts reach each other; without these variables it trains alone."
            ) from error
    if dist.get_world_size() == 1:
        return ALONE
    _together = Together(dist.get_rank(), dist.get_world_size())
    return _together


def share_sizes(total: int, count: int) -> list[int]:
    """How many rows of a batch each of `count` processes has.

    Example:
        >>> share_sizes(5, 2), share_sizes(1, 2)
        ([2, 3], [0, 1])
    """
    return [total * (rank + 1) // count - total * rank // count for rank in range(count)]


def _cut(dl: Loader, share: Share) -> Iterator[Batch]:
    """The rows of a share, from a loader that can only give whole batches."""
    for inputs, targets in dl:
        part = share.rows(len(targets))
        yield tuple(x[part] for x in inputs) if isinstance(inputs, tuple) else inputs[part], targets[part]


def _wide(x: Tensor) -> Tensor:
    """Numbers of 16 bits as those of 32: sums over processes lose less."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def _hash(*things: Any) -> bytes:
    found = hashlib.sha256()
    for thing in things:
        found.update(thing.cpu().numpy().tobytes() if isinstance(thing, Tensor) else _text(thing).encode())
    return found.digest()


def _text(thing: Any) -> str:
    if isinstance(thing, tuple):
        return repr([_text(part) for part in thing])
    return thing.tobytes().hex() if hasattr(thing, "tobytes") else repr(thing)


class _OfAll(torch.autograd.Function):
    """Outputs of the whole batch; the gradient goes to those of this process."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, of_all: Tensor, start: int, counted: int, count: int) -> Tensor:
        ctx.part, ctx.shape, ctx.dtype, ctx.count = (start, counted), own.shape, own.dtype, count
        return of_all.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        start, counted = ctx.part
        own = grad.new_zeros(ctx.shape)
        own[:counted] = grad[start : start + counted] * ctx.count  # the loss is divided by it
        return own.to(ctx.dtype), None, None, None, None


# Layers that depend on all rows of a batch


class Statistics(NamedTuple):
    """The mean and 1 / deviation of each channel over the whole batch, and how many numbers they are of."""

    mean: Tensor
    variance: Tensor
    inverse: Tensor
    n: float


def normalise(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running: tuple[Tensor | None, Tensor | None],
    momentum: float,
    eps: float,
    rows: OwnRows,
) -> tuple[Tensor, Statistics]:
    """Batch norm in training (Ioffe & Szegedy 2015), of the rows of this process by the statistics of all.

    Args:
        x: [rows, channels, …].
        weight, bias: [channels], or None.
        running: the running mean and variance, which are updated; None where there are none.
        momentum, eps: as in `torch.nn.BatchNorm1d`.
        rows: which rows they are.
    """
    mean, variance = torch.batch_norm_update_stats(_wide(x), None, None, 0.0)  # several times faster than var_mean
    n = x.numel() // x.shape[1] if rows.counted else 0
    found = rows.together._all_gather(torch.cat([mean, variance, mean.new_tensor([n])]).double())
    means, variances, counts = found[:, : len(mean)], found[:, len(mean) : -1], found[:, -1:]
    total = float(counts.sum())
    of_all = (counts * means).sum(0) / total
    spread = (counts * (variances + (means - of_all).square())).sum(0) / total
    if running[0] is not None and running[1] is not None:
        running[0].lerp_(of_all.to(running[0]), momentum)
        running[1].lerp_((spread * (total / max(total - 1, 1))).to(running[1]), momentum)
    mean, variance = of_all.to(mean), spread.to(variance)
    y = torch.batch_norm(x, weight, bias, mean, variance, False, 0.0, eps, False)
    return y, Statistics(mean, variance, (spread + eps).rsqrt().to(mean), total)


def back_through_norm(
    x: Tensor,
    weight: Tensor | None,
    grad: Tensor,
    found: Statistics,
    eps: float,
    rows: OwnRows,
    *,
    to_inputs: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `normalise` with respect to x, and to the weight and bias from the rows of this process."""
    within, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
        grad, x, weight, found.mean, found.variance, found.mean, found.inverse, False, eps, [True] * 3
    )
    if not to_inputs:
        return within, by_weight, by_bias
    sums = _wide(torch.stack([by_weight, by_bias]))
    rows.together._all_reduce(sums)
    if not rows.counted:
        return torch.zeros_like(within), by_weight, by_bias
    scale = found.inverse / found.n if weight is None else weight * found.inverse / found.n
    slope = -scale * found.inverse * sums[0]
    offset = -scale * sums[1] - slope * found.mean
    shape = [1, -1] + [1] * (x.dim() - 2)
    wide = _wide(within).addcmul_(_wide(x), slope.view(shape)).add_(offset.view(shape))
    return wide.to(within.dtype), by_weight, by_bias


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Any, bias: Any, running: Any, momentum: float, eps: float, rows: OwnRows
    ) -> Tensor:
        y, ctx.found = normalise(x, weight, bias, running, momentum, eps, rows)
        ctx.save_for_backward(x, weight)
        ctx.eps, ctx.rows = eps, rows
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        x, weight = ctx.saved_tensors
        by_x, by_weight, by_bias = back_through_norm(x, weight, grad, ctx.found, ctx.eps, ctx.rows)
        return by_x, *((None, None) if weight is None else (by_weight, by_bias)), None, None, None, None


class _WholeBatchLayers(TorchFunctionMode):
    """Answers torch's batch norm and dropout for the rows of this process, as parts of the whole batch."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        rows = _rows
        if rows is not None:
            if function is F.batch_norm:
                return _batch_norm(rows, *args, **options)
            if function is F.dropout:
                return _dropout(rows, *args, **options)
        return function(*args, **options)


def _batch_norm(
    rows: OwnRows,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not training:
        return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    norm: Tensor = _Norm.apply(input, weight, bias, (running_mean, running_var), momentum, eps, rows)
    return norm


def _dropout(rows: OwnRows, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    held = rows.stop - rows.start
    if not training or p == 0 or len(input) != held:
        return F.dropout(input, p, training, inplace)
    kept = F.dropout(input.new_ones((rows.total, *input.shape[1:])), p, True)[rows.start : rows.stop]
    return input * kept
