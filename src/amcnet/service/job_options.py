"""Options of a submitted volume as query fields, named like those of ``amcnet segment``."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from amcnet.errors import ConfigError
from amcnet.io import Geometry
from amcnet.workflows.segment.options import AXES_SEARCH

_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
_MOST_CHARACTERS = 200
_Text = Annotated[str, Field(max_length=_MOST_CHARACTERS)]
_Size = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class JobOptions(BaseModel):
    """Options of a submitted volume.

    Attributes:
        quality: ``fast``, ``balanced`` or ``best``.
        axes: What the file's x, y and z mean, see ``amcnet segment --axes``.
        spacing_mm: Voxel size in (scan, lateral, depth) instead of the file's own.
        series: UID or number of the series in a DICOM input that holds several.
        colour: ``luma`` turns colours into intensities, ``refuse`` refuses them.
        only: Structures to write; empty for all.
        cleanup: Whether the labels are cleaned up.
        probabilities: Whether the probabilities are stored too.
        report: Whether the report page is made.
        forward: Whether the DICOM segmentation is forwarded, if the service does that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quality: Literal["fast", "balanced", "best"] = "balanced"
    axes: _Text = "auto"
    spacing_mm: tuple[_Size, _Size, _Size] | None = None
    series: _Text | None = None
    colour: Literal["luma", "refuse"] = "luma"
    only: tuple[_Text, ...] = ()
    cleanup: bool = True
    probabilities: bool = False
    report: bool = True
    forward: bool = False

    def to_query(self) -> dict[str, str]:
        """Return the query fields that differ from the defaults."""
        changed = self.model_dump(exclude_defaults=True)
        return {
            name: ",".join(map(str, value))
            if isinstance(value, tuple)
            else str(value).lower()
            if isinstance(value, bool)
            else str(value)
            for name, value in changed.items()
        }


def options_from_query(fields: Iterable[tuple[str, str]]) -> JobOptions:
    """Return the options in the fields of a query.

    Args:
        fields: Names and values; lists are separated by commas.

    Raises:
        ConfigError: If a field is unknown, occurs twice or has a value that is not allowed.

    >>> options_from_query([("quality", "fast"), ("only", "thumb,index finger")]).only
    ('thumb', 'index finger')
    """
    values: dict[str, Any] = {}
    for name, text in fields:
        if name in values:
            raise ConfigError(f"{name}: was found twice, expected it once")
        values[name] = _parsed(name, text)
    return checked_options(values)


def checked_options(values: Mapping[str, Any]) -> JobOptions:
    """Return the options that a mapping holds.

    Raises:
        ConfigError: If a field is unknown or has a value that is not allowed.
        InputError: If the axes are malformed.
    """
    try:
        options = JobOptions(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "options"
        raise ConfigError(f"{name}: found {first['input']!r}, {_expected(name, first)}") from None
    if options.axes not in ("auto", AXES_SEARCH):
        Geometry.canonical((1, 1, 1), (1.0, 1.0, 1.0)).with_axes(options.axes)
    return options


def _parsed(name: str, text: str) -> Any:  # noqa: ANN401  pydantic checks it
    field = JobOptions.model_fields.get(name)
    if field is not None and field.annotation is bool:
        return True if text.lower() in _TRUE else False if text.lower() in _FALSE else text
    if name == "only":
        return [part.strip() for part in text.split(",") if part.strip()]
    if name == "spacing_mm":
        return text.split(",")
    return text


def _expected(name: str, problem: Any) -> str:  # noqa: ANN401  pydantic's own type
    if problem["type"] == "extra_forbidden":
        return f"expected one of {', '.join(JobOptions.model_fields)}"
    if name == "spacing_mm":
        return "expected three sizes in mm above 0 (scan,lateral,depth)"
    if str(problem["type"]).startswith("bool"):
        return "expected true or false"
    message = str(problem["msg"])
    return message.replace("Input should be", "expected").replace("String should", "expected to")
