"""The one model of a service, loaded once and shared by all volumes."""

from dataclasses import dataclass, replace
from typing import Any

from amcnet.anatomy import LabelTable
from amcnet.bundle.description import WEIGHTS_FILE
from amcnet.inference import Segmenter
from amcnet.inference.quality_presets import Quality
from amcnet.service.job_options import JobOptions
from amcnet.workflows.segment.options import SegmentOptions


@dataclass(frozen=True)
class ModelFacts:
    """What a client has to know of the model.

    Attributes:
        name: Name of the (first) bundle.
        notice: What its users must know.
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


class ServiceModel:
    """A loaded model with the options that hold for all volumes.

    Args:
        base: Model, backend, device and memory of the service.

    Raises:
        ModelError: If the model cannot be used.
    """

    def __init__(self, base: SegmentOptions) -> None:
        self._base = base
        self._segmenter = base.load()
        self._by_quality: dict[Quality, Segmenter] = {base.quality: self._segmenter}
        first = self._segmenter.bundle.description
        self.facts = ModelFacts(
            name=first.name,
            notice=self._segmenter.notice,
            channels=self._segmenter.channels,
            labels=first.label_table.to_dicts(),
            sha256=[one.description.sha256[WEIGHTS_FILE] for one in self._segmenter.bundles],
        )

    def segmenter(self, quality: Quality) -> Segmenter:
        """Return the model with a quality; all qualities share the loaded network."""
        if quality not in self._by_quality:
            self._by_quality[quality] = self._segmenter.with_quality(quality)
        return self._by_quality[quality]

    def options_for(self, wanted: JobOptions) -> SegmentOptions:
        """Return how a volume is segmented."""
        return replace(
            self._base,
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
