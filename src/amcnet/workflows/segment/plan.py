"""Plan a run: pair inputs with outputs, and check everything that can be checked in advance."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from amcnet.anatomy import LabelTable
from amcnet.bundle import load_bundle
from amcnet.errors import ConfigError, OutputError
from amcnet.io import LABEL_EXTENSIONS, find_extension, is_dicom, make_folder
from amcnet.io.image_writing import check_free
from amcnet.io.path_lists import AnyPath, path_list
from amcnet.labelmaps.selection import find_structures
from amcnet.workflows.segment.file_names import (
    check_distinct,
    find_inputs,
    is_folder_of_files,
    output_name,
    plan_outputs,
    takes_many,
)
from amcnet.workflows.segment.masks import MASK_EXTENSION, check_mask_folder
from amcnet.workflows.segment.options import Job, SegmentOptions, probabilities_path
from amcnet.workflows.segment.side_outputs import with_report_pages, with_second_file


def plan_files(
    inputs: AnyPath | Iterable[AnyPath],
    output: AnyPath,
    options: SegmentOptions,
    also: AnyPath | None = None,
    report: AnyPath | None = None,
) -> list[Job]:
    """Pair every volume with its outputs, and check everything that can be checked in advance.

    Args:
        inputs: Files and folders of files, or one of them, see
            :func:`amcnet.workflows.segment.file_names.find_inputs`.
        output: File for one volume, or a folder. A new folder is created in an existing parent if
            there are several volumes or masks.
        options: Segmentation options.
        also: A second file for the labels of a single volume.
        report: The report page of a single volume, or a folder for the pages.

    Raises:
        ModelError: If the model cannot be used.
        ConfigError: If the extension is unknown, ``output`` is a file that has its own, or options
            contradict each other.
        InputError: If a folder holds no images, a channel has no name, or ``only`` is unknown.
        OutputError: If an output cannot be written, is an input or shared by two volumes, or is
            DICOM while its volume is not.

    Example:
        >>> import numpy as np
        >>> from amcnet.io import Geometry, write_image
        >>> image = np.zeros((4, 4, 4), np.uint8)
        >>> write_image("scan.nrrd", image, Geometry.canonical(image.shape, (1.0, 1.0, 1.0)))
        >>> (job,) = plan_files([Path("scan.nrrd")], Path("scan.seg.nrrd"), SegmentOptions())
        >>> job.target.name
        'scan.seg.nrrd'
    """
    description = load_bundle(options.models[0] if options.models else None).description
    model = description.architecture.in_channels, description.label_table
    return plan_for_model(inputs, output, options, model, also, report)


def plan_for_model(
    inputs: AnyPath | Iterable[AnyPath],
    output: AnyPath,
    options: SegmentOptions,
    model: tuple[int, LabelTable],
    also: AnyPath | None = None,
    report: AnyPath | None = None,
) -> list[Job]:
    """Like :func:`plan_files`, for a model that need not be on this machine.

    Args:
        inputs: Files and folders of files.
        output: File for one volume, or a folder.
        options: Segmentation options; their models are not used.
        model: Number of input channels and label table of the model.
        also: A second file for the labels of a single volume.
        report: The report page of a single volume, or a folder for the pages.

    Raises:
        AmcnetError: See :func:`plan_files`.
    """
    if options.skip_existing and options.overwrite:
        raise ConfigError(
            "--skip-existing: cannot be combined with --overwrite, expected only one of them"
        )
    channels, table = model
    if options.only:
        find_structures(table, options.only)
    sources, place = path_list(inputs), Path(output)
    many = takes_many(sources, place)
    _check_extension(options, many or options.separate, place)
    if options.separate:
        pairs = _mask_folders(sources, place, channels)
        many = any(folder != place for _, folder in pairs)
        _check_masks(pairs, place, table, options)
    else:
        pairs = plan_outputs(
            sources,
            place,
            options.overwrite,
            channels,
            options.extension,
            options.skip_existing,
        )
    jobs = [Job(source, target) for source, target in pairs]
    replaces = options.overwrite or options.skip_existing
    if also is not None:
        jobs = [with_second_file(jobs, Path(also), replaces)]
    _check_dicom(jobs, options)
    if report is not None:
        jobs = with_report_pages(jobs, Path(report), replaces)
    if options.probabilities:
        for path in map(probabilities_path, jobs):
            if path.parent.exists():  # otherwise it will be created
                check_free(path, replaces)
    if many:
        make_folder(place)
    return jobs


def _check_dicom(jobs: Sequence[Job], options: SegmentOptions) -> None:
    for job in jobs:
        own = options.extension if options.separate else find_extension(job.target, (".dcm",))
        second = None if job.also is None else find_extension(job.also, (".dcm",))
        if ".dcm" not in (own, second):
            continue
        output = job.target if own == ".dcm" else job.also
        if not is_dicom(job.source):
            raise OutputError(
                f"{output}: a DICOM segmentation refers to DICOM images but {job.source} is not "
                "DICOM, expected another output such as .seg.nrrd"
            )
        if options.spacing_mm is not None:
            raise OutputError(
                f"{output}: a DICOM segmentation uses the positions of its images, which "
                "--spacing overrides, expected another output such as .seg.nrrd"
            )


def _check_extension(options: SegmentOptions, in_folder: bool, output: Path) -> None:
    if options.extension is None:
        return
    if options.extension not in LABEL_EXTENSIONS:
        allowed = " ".join(LABEL_EXTENSIONS)
        raise ConfigError(f"--format: found '{options.extension}', expected one of {allowed}")
    if not in_folder:
        raise ConfigError(f"--format: is for files in a folder, found the output '{output}'")


def _mask_folders(inputs: Sequence[Path], output: Path, channels: int) -> list[tuple[Path, Path]]:
    """Pair each input with its folder: the output itself for one input, a subfolder for several."""
    if find_extension(output, LABEL_EXTENSIONS) is not None:
        raise OutputError(f"{output}: is the name of a file, expected a folder for the masks")
    files = find_inputs(inputs, channels)
    if len(inputs) == 1 and not is_folder_of_files(inputs[0]):
        pairs = [(files[0], output)]
    else:
        pairs = [(file, output / output_name(file)) for file in files]
    check_distinct(pairs, channels)
    return pairs


def _check_masks(
    pairs: Sequence[tuple[Path, Path]], output: Path, table: LabelTable, options: SegmentOptions
) -> None:
    for _, folder in pairs:
        if folder == output or output.is_dir():  # otherwise it will be created
            extension = options.extension or MASK_EXTENSION
            replaces = options.overwrite or options.skip_existing
            check_mask_folder(folder.absolute(), table, extension, replaces)
