"""The settings of ``amcnet serve``."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from amcnet.errors import ConfigError
from amcnet.memory import GIB
from amcnet.service.network_addresses import DicomNode, HttpAddress
from amcnet.workflows.segment.options import SegmentOptions


@dataclass(frozen=True)
class DicomSettings:
    """The DICOM node of a service.

    Attributes:
        title: Its AE title.
        port: Its port; 0 for any that is free.
        peers: Nodes that may send. Without any, every node of this machine may, and no other.
        quiet_seconds: A series is complete when its association was released and no image has
            arrived for this time.

    Example:
        >>> DicomSettings("AMCNET", 11112, (DicomNode("ECHO1", "10.0.0.7"),)).quiet_seconds
        10.0
    """

    title: str
    port: int
    peers: tuple[DicomNode, ...] = ()
    quiet_seconds: float = 10.0


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of a service.

    Attributes:
        data: Folder of the queue and of all files.
        http: Address for HTTP.
        token_file: Tokens of its users; None if no token is needed.
        dicom: Its DICOM node, if it has one.
        forward: Destination of DICOM segmentations, if any.
        forward_report: Whether the report is sent too, as an encapsulated PDF.
        dask: Address of a Dask scheduler, if volumes are segmented on a cluster.
        training_hours: Longest training that users may request; 0 if the service does not train.
        keep_hours: How long jobs are kept after their end.
        most_bytes: Largest upload.
        reserve_bytes: Space that new jobs leave free on the disk.
        segment: Model, backend, device and memory.

    Example:
        >>> ServiceSettings(Path("data"), HttpAddress("127.0.0.1", 8042)).check()
        >>> ServiceSettings(Path("data"), HttpAddress("0.0.0.0", 8042)).check()
        Traceback (most recent call last):
        ...
        amcnet.errors.ConfigError: --http: 0.0.0.0 can be reached from other machines, expected \
--token-file, and a server in front that adds TLS (docs/serving.md)
    """

    data: Path
    http: HttpAddress
    token_file: Path | None = None
    dicom: DicomSettings | None = None
    forward: DicomNode | str | None = None
    forward_report: bool = False
    dask: str | None = None
    training_hours: float = 0.0
    keep_hours: float = 72.0
    most_bytes: int = 8 * GIB
    reserve_bytes: int = 2 * GIB
    segment: SegmentOptions = field(default_factory=SegmentOptions)

    def check(self) -> None:
        """Check that the settings do not contradict each other.

        Raises:
            ConfigError: If they do not.
        """
        if not self.http.is_loopback and self.token_file is None:
            raise ConfigError(
                f"--http: {self.http.host} can be reached from other machines, expected "
                "--token-file, and a server in front that adds TLS (docs/serving.md)"
            )
        if self.forward_report and self.forward is None:
            raise ConfigError("--forward-report: found no destination, expected --forward too")
        if not 0 <= self.training_hours < math.inf:
            raise ConfigError(
                f"--training: found {self.training_hours:g}, expected a number of hours"
            )
        if not self.keep_hours > 0:
            raise ConfigError(f"--keep-hours: found {self.keep_hours:g}, expected more than 0")
        if not self.most_bytes > 0:
            raise ConfigError("--max-upload: found 0 GiB, expected more")
