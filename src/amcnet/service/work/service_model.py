"""The one model of a service, loaded once and shared by all volumes."""

from dataclasses import dataclass, replace
from typing import Any

from amcnet.anatomy import LabelTable
from amcnet.bundle import load_bundle
from amcnet.bundle.description import WEIGHTS_FILE
from amcnet.inference import Segmenter
from amcnet.inference.quality_presets import Quality
from amcnet.service.job_options import JobOptions
from amcnet.workflows.segment.options import SegmentOptions


@dataclass(frozen=True)
class ModelFacts:
    """Facts about the model that clients need.

    Attributes:
        name: Name of the (first) bundle.
        notice: Notice to its users.
        channels: Number of input channels.
        labels: The label table, as :meth:`amcnet.anatomy.LabelTable.to_dicts` gives it.
        sha256: Hashes of the weights, one for each member of an ensemble.
    """

    name: str
    notice: str
    channels: int
    labels: list[dict[str, Any]]
    sha256: list[str]

    @property
    def table(self) -> LabelTable:
        """The label table."""
        return LabelTable.from_dicts(self.labels)


def read_facts(options: SegmentOptions) -> ModelFacts:
    """Return the facts of a model without loading its network.

    Raises:
        ModelError: If it is missing or damaged.
    """
    bundles = [load_bundle(model) for model in options.models or (None,)]
    descriptions = [bundle.description for bundle in bundles]
    return ModelFacts(
        name=descriptions[0].name,
        notice="\n".join(dict.fromkeys(one.notice for one in descriptions)),
        channels=descriptions[0].architecture.in_channels,
        labels=descriptions[0].label_table.to_dicts(),
        sha256=[one.sha256[WEIGHTS_FILE] for one in descriptions],
    )


def options_for(base: SegmentOptions, wanted: JobOptions) -> SegmentOptions:
    """Return the segmentation options of a job.

    Args:
        base: Model, backend, device and memory of the service.
        wanted: Options of the job.
    """
    return replace(
        base,
        quality=wanted.quality,
        axes=wanted.axes,
        spacing_mm=wanted.spacing_mm,
        series=wanted.series,
        colour=wanted.colour,
        only=wanted.only,
        cleanup=wanted.cleanup,
        probabilities=wanted.probabilities,
        overwrite=True,
        measure=True,
    )


class LoadedModel:
    """The model in this process, loaded once; all qualities share the network.

    Args:
        base: Model, backend, device and memory.

    Raises:
        ModelError: If the model cannot be used.
    """

    def __init__(self, base: SegmentOptions) -> None:
        self._by_quality: dict[Quality, Segmenter] = {base.quality: base.load()}
        self._first = base.quality

    def segmenter(self, quality: Quality) -> Segmenter:
        """Return the model with a quality."""
        if quality not in self._by_quality:
            loaded = self._by_quality[self._first]
            self._by_quality[quality] = loaded.with_quality(quality)
        return self._by_quality[quality]
