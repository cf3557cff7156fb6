"""The registry of networks.

A network is one file in :mod:`amcnet.networks.catalogue`, named after the network, with a class
decorated by :func:`register_network`. Custom networks can be registered from any module.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec as find_module
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from amcnet.errors import ConfigError
from amcnet.networks.any_size import AnySize, Core
from amcnet.networks.architecture import Architecture, AxisSizes, NetworkNeeds
from amcnet.networks.segmentation_network import SegmentationNetwork

Sees = Literal["2d", "3d", "2d+3d"]
N = TypeVar("N", bound=type[nn.Module])


class NetworkOptions(BaseModel):
    """Base class for the options of a network, in addition to channels, classes and width."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class NetworkSpec:
    """Everything about a network except its layers.

    Attributes:
        name: Name in configurations and bundles.
        title: Name in tables.
        source: The paper.
        code: Where the code comes from, and its licence.
        sees: ``2d`` sees transverse slices one by one, ``3d`` all slices of a window at once,
            ``2d+3d`` mixes both.
        width: Channels of the first stage as chosen by the authors.
        bytes_per_width: Memory of the running network per voxel and channel of the first stage
            (measured by ``benchmarks/networks.py``).
        bytes_per_class: Memory of the running network per voxel and class.
        divisor: Divisor of the input size, (scan, lateral, depth); other inputs are padded.
        width_step: The width must be a multiple of this.
        options: Model of the network's options.
        new_parts: Options that add a part to the network; training may start from a model without
            that part.
        supervises_stages: Whether ``loss.deep_supervision`` has an effect.
        check: Raises ValueError for impossible sizes.
        needs: Computes the requirements if they do not follow from the figures above.
    """

    name: str
    title: str
    source: str
    code: str
    sees: Sees
    width: int
    bytes_per_width: float
    bytes_per_class: float
    divisor: AxisSizes = (1, 1, 1)
    width_step: int = 1
    options: type[NetworkOptions] = NetworkOptions
    new_parts: tuple[str, ...] = ()
    supervises_stages: bool = False
    check: Callable[[Architecture], None] | None = None
    needs: Callable[[Architecture], NetworkNeeds] | None = None


@dataclass(frozen=True)
class _Entry:
    spec: NetworkSpec
    network: type[nn.Module]


_ENTRIES: dict[str, _Entry] = {}
_CATALOGUE = "amcnet.networks.catalogue"


def register_network(spec: NetworkSpec) -> Callable[[N], N]:
    """Return a class decorator that registers a network under ``spec.name``.

    The class is called with ``in_channels``, ``num_classes``, ``width`` and the options. It is
    either a :class:`amcnet.networks.any_size.Core`, which may restrict its input size, or a
    complete :class:`amcnet.networks.segmentation_network.SegmentationNetwork`.

    Example:
        >>> @register_network(
        ...     NetworkSpec(
        ...         name="pointwise", title="Pointwise", source="an example", code="Apache-2.0",
        ...         sees="2d", width=4, bytes_per_width=8, bytes_per_class=6,
        ...     )
        ... )
        ... class Pointwise(Core):
        ...     def __init__(self, in_channels: int, num_classes: int, width: int) -> None:
        ...         super().__init__()
        ...         self.head = nn.Conv2d(in_channels, num_classes, kernel_size=1)
        ...     def forward(self, image):
        ...         return self.head(image)
        >>> build_network(Architecture(name="pointwise", num_classes=3)).architecture.width
        4
    """

    def register(network: N) -> N:
        _ENTRIES[spec.name] = _Entry(spec, network)
        return network

    return register


def network_names() -> list[str]:
    """Return the names of all networks, without importing them.

    Example:
        >>> "vnet" in network_names()
        True
    """
    package = find_module(_CATALOGUE)
    folders = None if package is None else package.submodule_search_locations
    shipped = (module.name for module in pkgutil.iter_modules(folders or []))
    return sorted({*shipped, *_ENTRIES})


def find_spec(name: str) -> NetworkSpec:
    """Return the specification of a network.

    Raises:
        ConfigError: If there is no such network.
    """
    return _find(name).spec


def complete(architecture: Architecture) -> Architecture:
    """Validate an architecture and return it with all options filled in.

    Raises:
        pydantic.ValidationError: If an option is unknown or has a value that is not allowed.
        ValueError: If there is no such network, or its sizes do not fit together.

    Example:
        >>> complete(Architecture(name="vnet")).width
        16
    """
    if architecture.name not in network_names():
        names = ", ".join(f"'{name}'" for name in network_names())
        raise ValueError(f"found name '{architecture.name}', expected one of {names}")
    spec = find_spec(architecture.name)
    options = spec.options.model_validate(architecture.options).model_dump(mode="json")
    common: dict[str, Any] = architecture.model_dump(include=set(Architecture.model_fields))
    common["width"] = spec.width if architecture.width is None else architecture.width
    if common["width"] % spec.width_step:
        raise ValueError(f"found width {common['width']}, expected a multiple of {spec.width_step}")
    completed = Architecture.model_validate({**common, **options})
    if spec.check is not None:
        spec.check(completed)
    return completed


def build_network(architecture: Architecture) -> SegmentationNetwork:
    """Build the network that an architecture describes, with fresh weights.

    Returns:
        A module that maps float images (batch, channel, scan, lateral, depth) of any size to logits
        (batch, class, scan, lateral, depth). Its attribute ``architecture`` is the complete
        description.

    Raises:
        ConfigError: If there is no such network, or an option is not allowed.

    Example:
        >>> import torch
        >>> network = build_network(Architecture(name="unet3d", num_classes=3, width=2))
        >>> tuple(network(torch.zeros(1, 1, 5, 9, 12)).shape)
        (1, 3, 5, 9, 12)
    """
    architecture = _completed(architecture)
    entry = _find(architecture.name)
    arguments = architecture.model_dump(exclude={"name"})
    network: Any = entry.network(**arguments)
    if isinstance(network, Core):
        network = AnySize(network, entry.spec.divisor, by_slice=entry.spec.sees == "2d")
    network.architecture = architecture
    built: SegmentationNetwork = network
    return built


def needs_of(architecture: Architecture) -> NetworkNeeds:
    """Return the requirements of a network on input size and memory.

    Raises:
        ConfigError: If there is no such network, or an option is not allowed.

    Example:
        >>> needs_of(Architecture(name="vnet")).divisor
        (16, 16, 32)
    """
    architecture = _completed(architecture)
    spec = find_spec(architecture.name)
    if spec.needs is not None:
        return spec.needs(architecture)
    return NetworkNeeds(
        divisor=spec.divisor,
        least_shape=spec.divisor,
        bytes_per_voxel=feature_bytes(spec, architecture),
    )


def feature_bytes(spec: NetworkSpec, architecture: Architecture) -> float:
    """Return the memory of a network's features per voxel."""
    width = spec.width if architecture.width is None else architecture.width
    return spec.bytes_per_width * width + spec.bytes_per_class * architecture.num_classes


def _completed(architecture: Architecture) -> Architecture:
    try:
        return complete(architecture)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, ("network", *problem["loc"])))
        raise ConfigError(f"{key}: {problem['msg'].removeprefix('Value error, ')}") from error
    except ValueError as error:
        raise ConfigError(f"network: {error}") from error


def _find(name: str) -> _Entry:
    if name not in _ENTRIES and name in network_names():
        import_module(f"{_CATALOGUE}.{name}")
    if name not in _ENTRIES:
        raise ConfigError(f"network '{name}', expected one of {', '.join(network_names())}")
    return _ENTRIES[name]
