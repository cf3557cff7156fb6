"""``amcnet serve``: a service for a department."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amcnet.cli.options import ModelOption
from amcnet.cli.segment_options import (
    BackendChoice,
    BackendOption,
    DaskOption,
    DeviceOption,
    MemoryOption,
)

if TYPE_CHECKING:
    from amcnet.service.service_settings import DicomSettings


def serve(
    http: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen for HTTP.")
    ] = "127.0.0.1:8042",
    data: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder of the queue and of all files."),
    ] = Path("amcnet-data"),
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with a line 'NAME TOKEN' for each user; required unless --http is a "
            "loopback address.",
            show_default=False,
        ),
    ] = None,
    dicom: Annotated[
        str | None,
        typer.Option(
            metavar="AET:PORT",
            help="Run a DICOM storage node too.",
            show_default=False,
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AET@ADDRESS",
            help="A node that may send images; once for each [default: all on this machine].",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="A series is complete this long after the end of its association and the last "
            "image.",
        ),
    ] = 10.0,
    forward: Annotated[
        str | None,
        typer.Option(
            metavar="AET@HOST:PORT|URL",
            help="Send DICOM segmentations to this node or DICOMweb service.",
            show_default=False,
        ),
    ] = None,
    forward_report: Annotated[
        bool, typer.Option("--forward-report", help="Send the report too, as an encapsulated PDF.")
    ] = False,
    dask: DaskOption = None,
    training: Annotated[
        float,
        typer.Option(
            metavar="HOURS",
            help="Train models on the data sets of users, at most this long each; needs the "
            "extra 'train'. 0: do not train.",
        ),
    ] = 0.0,
    keep_hours: Annotated[
        float, typer.Option(help="Delete jobs and their files this long after they ended.")
    ] = 72.0,
    max_upload: Annotated[float, typer.Option(metavar="GIB", help="Size limit of a volume.")] = 8.0,
    reserve: Annotated[
        float,
        typer.Option(metavar="GIB", help="Disk space kept free for the results of accepted jobs."),
    ] = 2.0,
    model: ModelOption = None,
    backend: BackendOption = BackendChoice.auto,
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Segment the scans that scanners, archives, 3D Slicer and scripts send, until Ctrl-C."""
    from amcnet.cli.console import stdout
    from amcnet.service.department_service import run_service
    from amcnet.service.network_addresses import parse_destination, parse_http_address
    from amcnet.service.service_log import begin_log
    from amcnet.service.service_settings import ServiceSettings
    from amcnet.workflows.segment.options import SegmentOptions

    gib = 2**30
    settings = ServiceSettings(
        data=data,
        http=parse_http_address(http),
        token_file=token_file,
        dicom=_dicom_settings(dicom, accept or [], quiet),
        forward=None if forward is None else parse_destination(forward),
        forward_report=forward_report,
        dask=dask,
        training_hours=training,
        keep_hours=keep_hours,
        most_bytes=int(max_upload * gib),
        reserve_bytes=int(reserve * gib),
        segment=SegmentOptions(
            models=tuple(model or ()), backend=backend.value, device=device, memory_gb=memory
        ),
    )
    settings.check()
    begin_log()
    console = stdout()

    def started(url: str) -> None:
        console.print(url)
        if not settings.http.is_loopback:
            console.print("This address is plain HTTP: put a server that adds TLS in front of it.")

    run_service(settings, started)


def _dicom_settings(node: str | None, accept: list[str], quiet: float) -> "DicomSettings | None":
    from amcnet.errors import ConfigError
    from amcnet.service.network_addresses import parse_own_node, parse_peer
    from amcnet.service.service_settings import DicomSettings

    if node is None:
        if accept:
            raise ConfigError("--accept: names DICOM senders, expected --dicom too")
        return None
    title, port = parse_own_node(node)
    return DicomSettings(title, port, tuple(map(parse_peer, accept)), quiet)
