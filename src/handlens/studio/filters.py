"""Filters: which photos of a collection are meant, as conditions that are joined with `&`, `|` and `~`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictStr,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from handlens.errors import CollectionError
from handlens.studio.origins import Gesture, Kind

if TYPE_CHECKING:
    from handlens.studio.filtering import Facts

__all__ = [
    "Filter",
    "column",
    "disagreement",
    "duplicate",
    "label",
    "labelled",
    "left_out",
    "origin",
    "predicted",
    "sureness",
]

Mask = NDArray[np.bool_]

MOST_BYTES = 4000
"""A filter has at most so many bytes as JSON: it must fit into an address."""

MOST_LEVELS = 8
"""So many joins (all, any, not) may lie within each other, the condition counted."""

DuplicateKind = Literal["first", "exact", "near"]


class Filter(BaseModel):
    """Which photos are meant: a condition, or several joined with `&` (and), `|` (or) and `~` (not).

    `Collection.where` gives the photos.

    Example:
        >>> cars = label("car", "van") & ~(sureness(below=0.8) | origin("lasso"))
        >>> cars == Filter.from_json(cars.as_json())
        True
        >>> label("car", None).as_json()
        {'field': 'label', 'names': ['car', None]}
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    def __and__(self, other: Filter) -> Filter:
        """The photos that both mean."""
        return AllOf(all=_parts(AllOf, self, other)) if isinstance(other, Filter) else NotImplemented

    def __or__(self, other: Filter) -> Filter:
        """The photos that one or both mean."""
        return AnyOf(any=_parts(AnyOf, self, other)) if isinstance(other, Filter) else NotImplemented

    def __invert__(self) -> Filter:
        """All other photos."""
        return self.negated if isinstance(self, Not) else Not.model_validate({"not": self})

    def __bool__(self) -> bool:
        raise CollectionError("filters are joined with &, | and ~, not with “and”, “or” and “not”.")

    def as_json(self) -> dict[str, Any]:
        """The filter as a small tree of plain JSON: {"all": […]}, {"any": […]}, {"not": …}, or {"field": …, …}."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @staticmethod
    def from_json(tree: object) -> Filter:
        """Read what `as_json` made.

        Raises:
            CollectionError: it is not a filter, has more than 4,000 bytes, or more than 8 levels.
        """
        try:
            return _READER.validate_python(tree)
        except ValidationError as error:
            raise CollectionError(_sentence(error)) from None

    def with_labels(self, rename: Callable[[str], str]) -> Self:  # noqa: ARG002
        """The same filter with each label's name replaced by what `rename` gives for it."""
        return self

    def mask(self, facts: Facts) -> Mask:
        """Which photos are meant, bool [N] by id.

        Raises:
            CollectionError: it asks for what there is not: a label, a column, a search for duplicates.
            TrainingError: it asks for predictions, and there is no model.
        """
        raise NotImplementedError


class AllOf(Filter):
    """Photos that each of some filters means; {"all": […]}."""

    all: list[Tree] = Field(min_length=1)

    def with_labels(self, rename: Callable[[str], str]) -> Self:
        return self.model_copy(update={"all": [inner.with_labels(rename) for inner in self.all]})

    def mask(self, facts: Facts) -> Mask:
        return np.logical_and.reduce([inner.mask(facts) for inner in self.all])


class AnyOf(Filter):
    """Photos that at least one of some filters means; {"any": […]}."""

    any: list[Tree] = Field(min_length=1)

    def with_labels(self, rename: Callable[[str], str]) -> Self:
        return self.model_copy(update={"any": [inner.with_labels(rename) for inner in self.any]})

    def mask(self, facts: Facts) -> Mask:
        return np.logical_or.reduce([inner.mask(facts) for inner in self.any])


class Not(Filter):
    """All photos but those that a filter means; {"not": …}."""

    negated: Tree = Field(alias="not")

    def with_labels(self, rename: Callable[[str], str]) -> Self:
        return self.model_copy(update={"negated": self.negated.with_labels(rename)})

    def mask(self, facts: Facts) -> Mask:
        return ~self.negated.mask(facts)


Names = Annotated[list[StrictStr | None], Field(min_length=1)]


class LabelIs(Filter):
    """Photos with one of some labels; null: photos without a label."""

    field: Literal["label"] = "label"
    names: Names

    def with_labels(self, rename: Callable[[str], str]) -> Self:
        return self.model_copy(update={"names": _renamed(self.names, rename)})

    def mask(self, facts: Facts) -> Mask:
        names = facts.labels.names
        _check_known(
            [name for name in self.names if name is not None], names, "no label is called {}", "The labels are:"
        )
        return np.isin(facts.labels.codes, [-1 if name is None else names.index(name) for name in self.names])


class PredictedIs(Filter):
    """Photos of which the model in use predicts one of some labels; null: photos without a prediction."""

    field: Literal["predicted"] = "predicted"
    names: Names

    def with_labels(self, rename: Callable[[str], str]) -> Self:
        return self.model_copy(update={"names": _renamed(self.names, rename)})

    def mask(self, facts: Facts) -> Mask:
        names = facts.predictions.names
        wanted = [name for name in self.names if name is not None]
        _check_known(wanted, names, "the model in use does not know the label {}", "It knows:")
        return np.isin(facts.predictions.codes, [-1 if name is None else names.index(name) for name in self.names])


Share = Annotated[float, Field(ge=0, le=1)]


class SurenessIs(Filter):
    """Photos whose prediction has at least the probability `at_least`, and less than `below`."""

    field: Literal["sureness"] = "sureness"
    at_least: Share | None = None
    below: Share | None = None

    @model_validator(mode="after")
    def _check(self) -> SurenessIs:
        return _check_range(self, self.at_least, self.below, "at_least", "below")

    def mask(self, facts: Facts) -> Mask:
        return _within(facts.predictions.probability, self.at_least, self.below)


class Disagrees(Filter):
    """Labelled photos that are predicted to be something else, by a model that had not seen them where there is one."""

    field: Literal["disagreement"] = "disagreement"

    def mask(self, facts: Facts) -> Mask:
        return facts.disagreement


class OriginIs(Filter):
    """Photos whose label was given by one of some gestures, or is of one of some kinds."""

    field: Literal["origin"] = "origin"
    names: Annotated[list[Gesture | Kind], Field(min_length=1)]

    def mask(self, facts: Facts) -> Mask:
        return facts.given_by(lambda change: not {change.origin.gesture, change.origin.kind}.isdisjoint(self.names))


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise _refused("a time must lie within the years 1 to 9999, in UTC too") from None


Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class LabelledWhen(Filter):
    """Photos whose label was given at `since` or later, and earlier than `before`."""

    field: Literal["labelled"] = "labelled"
    since: Time | None = None
    before: Time | None = None

    @model_validator(mode="after")
    def _check(self) -> LabelledWhen:
        return _check_range(self, self.since, self.before, "since", "before")

    def mask(self, facts: Facts) -> Mask:
        since, before = self.since, self.before
        return facts.given_by(
            lambda change: (since is None or change.at >= since) and (before is None or change.at < before)
        )


Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class ColumnIs(Filter):
    """Photos with one of some values in a column of the attached CSV (null: without one), or within a range there."""

    field: Literal["column"] = "column"
    column: StrictStr
    values: Annotated[list[StrictStr | Number | None], Field(min_length=1)] | None = None
    at_least: Number | None = None
    below: Number | None = None

    @model_validator(mode="after")
    def _check(self) -> ColumnIs:
        if self.values is None:
            return _check_range(self, self.at_least, self.below, "values, at_least", "below")
        if self.at_least is not None or self.below is not None:
            raise _refused("a condition on a column has either values or a range; both arrived")
        return self

    def mask(self, facts: Facts) -> Mask:
        found = facts.column(self.column)
        numbers = found.dtype.kind == "f"
        if self.values is None:
            if not numbers:
                raise CollectionError(f"the column “{self.column}” holds text, so it has no range. Choose values.")
            return _within(found.to_numpy(np.float64), self.at_least, self.below)
        wanted = [value for value in self.values if value is not None]
        unknown = [value for value in wanted if isinstance(value, str) == numbers or not (found == value).any()]
        if unknown:
            raise CollectionError(f"the column “{self.column}” has no value “{unknown[0]}”. Choose one that it has.")
        mask = found.isin(wanted).to_numpy(bool)
        return mask | found.isna().to_numpy(bool) if None in self.values else mask


class DuplicateIs(Filter):
    """Photos that are in a group of duplicates: as its first one, an exact copy of it, or one near it."""

    field: Literal["duplicate"] = "duplicate"
    kinds: Annotated[list[DuplicateKind], Field(min_length=1)] = list(get_args(DuplicateKind))

    def mask(self, facts: Facts) -> Mask:
        return np.isin(facts.duplicate_kinds, [get_args(DuplicateKind).index(kind) for kind in self.kinds])


class IsLeftOut(Filter):
    """Photos that cannot be used: their files cannot be read or are gone."""

    field: Literal["left_out"] = "left_out"

    def mask(self, facts: Facts) -> Mask:
        return facts.left_out


_JOINS: dict[str, type[Filter]] = {"all": AllOf, "any": AnyOf, "not": Not}
_FIELDS = [
    *("label", "predicted", "sureness", "disagreement", "origin", "labelled", "column", "duplicate", "left_out"),
]


def _which(value: object) -> str | None:
    """Which kind of filter this is, None for none."""
    if isinstance(value, Filter):
        return next((name for name, kind in _JOINS.items() if isinstance(value, kind)), getattr(value, "field", None))
    if not isinstance(value, dict):
        return None
    names: list[object] = [value["field"]] if "field" in value else [name for name in _JOINS if name in value]
    return next((name for name in [*_FIELDS, *_JOINS] if name in names), None)


Tree = Annotated[
    Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")]
    | Annotated[LabelIs, Tag("label")]
    | Annotated[PredictedIs, Tag("predicted")]
    | Annotated[SurenessIs, Tag("sureness")]
    | Annotated[Disagrees, Tag("disagreement")]
    | Annotated[OriginIs, Tag("origin")]
    | Annotated[LabelledWhen, Tag("labelled")]
    | Annotated[ColumnIs, Tag("column")]
    | Annotated[DuplicateIs, Tag("duplicate")]
    | Annotated[IsLeftOut, Tag("left_out")],
    Discriminator(
        _which,
        custom_error_type="filter",
        custom_error_message='a filter must be {"all": […]}, {"any": […]}, {"not": …}, or a condition with a "field": '
        + ", ".join(_FIELDS),
    ),
]
for _kind in (AllOf, AnyOf, Not):
    _kind.model_rebuild()


def _check_size(tree: object) -> object:
    """Refuse a tree that is too deep or too large, before anything descends into it."""
    level, levels = [tree], 0
    while level:
        levels += 1
        if levels > MOST_LEVELS:
            raise _refused(f"a filter must have at most {MOST_LEVELS} levels; more arrived")
        inner = []
        for node in level:
            plain = node.as_json() if isinstance(node, Filter) else node
            if isinstance(plain, dict):
                for name in _JOINS:
                    found = plain.get(name, [])
                    inner += found if isinstance(found, list) else [found]
        level = inner
    try:
        plain = tree.as_json() if isinstance(tree, Filter) else tree
        size = len(json.dumps(plain, ensure_ascii=False, default=str, separators=(",", ":")).encode())
    except (ValueError, RecursionError):
        raise _refused("a filter must be plain JSON in UTF-8") from None
    if size > MOST_BYTES:
        raise _refused(f"a filter must be at most {MOST_BYTES:,} bytes of JSON; more arrived. Name fewer values")
    return tree


RootFilter = Annotated[Tree, BeforeValidator(_check_size)]
"""A whole filter, within the limits of depth and size."""

_READER: TypeAdapter[Any] = TypeAdapter(RootFilter)


# --- the conditions --------------------------------------------------------------------------------


def label(*names: str | None) -> Filter:
    """Photos with one of these labels; None stands for photos without a label.

    Example:
        >>> label("car") | label(None) == label("car") | label(None)
        True
    """
    return _made(LabelIs, names=list(names))


def predicted(*names: str | None) -> Filter:
    """Photos of which the model in use predicts one of these labels; None stands for photos without a prediction.

    Example:
        >>> predicted("car").as_json()
        {'field': 'predicted', 'names': ['car']}
    """
    return _made(PredictedIs, names=list(names))


def sureness(*, at_least: float | None = None, below: float | None = None) -> Filter:
    """Photos whose predicted label has a probability within a range.

    Args:
        at_least: the least probability, 0–1.
        below: the first one that is too large, 0–1.

    Example:
        >>> sureness(below=0.8).as_json()
        {'field': 'sureness', 'below': 0.8}
    """
    return _made(SurenessIs, at_least=at_least, below=below)


def disagreement() -> Filter:
    """Labelled photos of which the model in use predicts another label.

    Of photos that were held out in training, the prediction of a model that had not seen them counts; of the others
    that of the model in use, which has learned from most of them and so agrees more often.

    Example:
        >>> (disagreement() & label("car")).as_json()
        {'all': [{'field': 'disagreement'}, {'field': 'label', 'names': ['car']}]}
    """
    return Disagrees()


def origin(*names: Gesture | Kind) -> Filter:
    """Photos whose label was given in one of these ways.

    Args:
        names: gestures, such as "lasso" or "review", and kinds, such as "checked" or "certified", as in
            `Collection.origins`.

    Example:
        >>> origin("lasso", "certified").as_json()
        {'field': 'origin', 'names': ['lasso', 'certified']}
    """
    return _made(OriginIs, names=list(names))


def labelled(*, since: datetime | None = None, before: datetime | None = None) -> Filter:
    """Photos whose label was given within a time.

    Args:
        since: the beginning, with a time zone.
        before: the end, which is no longer part of it, with a time zone.

    Example:
        >>> labelled(since=datetime(2026, 1, 1, tzinfo=UTC)).as_json()
        {'field': 'labelled', 'since': '2026-01-01T00:00:00Z'}
    """
    return _made(LabelledWhen, since=since, before=before)


def column(name: str, *values: str | float | None, at_least: float | None = None, below: float | None = None) -> Filter:
    """Photos by a column of the attached CSV: by its values, or by a range of its numbers.

    Args:
        name: of the column.
        values: one or more of its values; None stands for photos without a value.
        at_least: instead of values, the least number.
        below: and the first number that is too large.

    Example:
        >>> column("camera", "left", None).as_json()
        {'field': 'column', 'column': 'camera', 'values': ['left', None]}
    """
    return _made(ColumnIs, column=name, values=list(values) or None, at_least=at_least, below=below)


def duplicate(*kinds: DuplicateKind) -> Filter:
    """Photos that `Collection.duplicates` has found.

    Args:
        kinds: "first" (of a group), "exact" or "near"; all of these unless given.

    Example:
        >>> duplicate("exact").as_json()
        {'field': 'duplicate', 'kinds': ['exact']}
    """
    return _made(DuplicateIs, kinds=list(kinds or get_args(DuplicateKind)))


def left_out() -> Filter:
    """Photos that cannot be used: their files cannot be read or are gone.

    Example:
        >>> (~left_out()).as_json()
        {'not': {'field': 'left_out'}}
    """
    return IsLeftOut()


# --- inside ----------------------------------------------------------------------------------------

T = TypeVar("T", bound=Filter)


def _made(kind: type[T], **values: object) -> T:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise CollectionError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"a filter does not fit: {where + ': ' if where else ''}{first['msg']}."


def _refused(text: str) -> PydanticCustomError:
    return PydanticCustomError("filter", text.replace("{", "{{"))


def _parts(kind: type[AllOf] | type[AnyOf], *filters: Filter) -> list[Any]:
    """The filters that are joined, without joins of the same kind within."""
    parts: list[Any] = []
    for one in filters:
        parts += getattr(one, "all" if kind is AllOf else "any") if isinstance(one, kind) else [one]
    return parts


def _renamed(names: list[str | None], rename: Callable[[str], str]) -> list[str | None]:
    return list(dict.fromkeys(None if name is None else rename(name) for name in names))


def _check_known(wanted: list[str], known: list[str], refusal: str, those: str) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        have = ", ".join(f"“{name}”" for name in known[:20]) + (", …" if len(known) > 20 else "")
        raise CollectionError(f"{refusal.format(f'“{unknown[0]}”')}. {those} {have or 'none yet'}.")


def _check_range(of: T, low: Any, high: Any, first: str, second: str) -> T:
    if low is None and high is None:
        raise _refused(f"{first} or {second} must be given; none arrived")
    if low is not None and high is not None and low >= high:
        raise _refused(f"{second} must be more than {first.split(', ')[-1]}; {high} and {low} arrived")
    return of


def _within(values: NDArray[np.floating], low: float | None, high: float | None) -> Mask:
    """Which values lie within a range; NaN does not."""
    mask = ~np.isnan(values)
    if low is not None:
        mask &= values >= low
    if high is not None:
        mask &= values < high
    return np.asarray(mask, bool)
