"""Pair images with their label files, in common folder layouts."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from amcnet.data.problems import Problem
from amcnet.errors import InputError
from amcnet.io import IMAGE_EXTENSIONS, LABEL_EXTENSIONS, find_extension
from amcnet.io.plain_names import composed_text

IMAGE_FOLDERS = ("images", "imagestr", "image", "volumes")
LABEL_FOLDERS = ("labels", "labelstr", "label", "masks", "mask", "segmentations", "segmentation")

EXPECTED = (
    "expected the nnU-Net raw layout (dataset.json, imagesTr, labelsTr), folders 'images' and "
    "'labels', pairs such as X.nrrd and X_label.nrrd, or a folder for each case with image.nrrd "
    "and label.nrrd"
)

_SEGMENTATION = ".seg.nrrd"
_EXTENSIONS = tuple(dict.fromkeys((*LABEL_EXTENSIONS, *IMAGE_EXTENSIONS)))
_LABEL_SUFFIX = re.compile(r"[-_. ](labels?|seg|segmentation|mask)$", re.IGNORECASE)
_CHANNEL_SUFFIX = re.compile(r"_([0-9]{4})$")
_CASE_IMAGE = re.compile(r"image(_[0-9]{4})?", re.IGNORECASE)
_CASE_LABEL = re.compile(r"labels?|seg|segmentation|mask", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """One labelled volume.

    Attributes:
        name: Unique name within the data set.
        images: One file per channel.
        labels: The label file.

    Example:
        >>> from pathlib import Path
        >>> case = Case("hand_1", (Path("images/hand_1.nrrd"),), Path("labels/hand_1.nrrd"))
        >>> len(case.images)
        1
    """

    name: str
    images: tuple[Path, ...]
    labels: Path


@dataclass(frozen=True)
class FoundCases:
    """The complete cases of a folder, sorted by name, and problems with the other files."""

    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]


def stem_of(path: Path) -> str:
    """Return a file's name without its extension, including compound ones such as ``.nii.gz``."""
    extension = find_extension(path, _EXTENSIONS)
    return composed_text(path.name[: -len(extension)] if extension else path.name)


def nnunet_pairs(folder: Path, ending: str, channels: int | None) -> FoundCases:
    """Pair ``imagesTr/CASE_0000.ENDING`` (``_0001``, ...) with ``labelsTr/CASE.ENDING``.

    Labels may be 3D Slicer segmentations (``CASE.seg.nrrd``) whatever the format of the images.

    Args:
        folder: Folder of the data set.
        ending: Extension of all files.
        channels: Number of images per case; None for the largest number of any case.
    """
    images: dict[str, dict[int, list[Path]]] = {}
    problems = []
    for path in _files(folder / "imagesTr", (ending,)):
        stem = composed_text(path.name[: -len(ending)])
        channel = _CHANNEL_SUFFIX.search(stem)
        if channel is None:
            problems.append(
                _error(stem, f"imagesTr/{path.name} has no channel, expected {stem}_0000{ending}")
            )
        else:
            by_channel = images.setdefault(stem[: channel.start()], {})
            by_channel.setdefault(int(channel[1]), []).append(path)
    labels: dict[str, list[Path]] = {}
    for path in _files(folder / "labelsTr", (ending, _SEGMENTATION)):
        is_segmentation = find_extension(path, (_SEGMENTATION,)) is not None
        name = stem_of(path) if is_segmentation else composed_text(path.name[: -len(ending)])
        labels.setdefault(name, []).append(path)
    missing = {name: f"labelsTr/{name}{ending}" for name in images}
    found = _match(_Files(folder, images, labels, missing), channels)
    return FoundCases(found.cases, (*problems, *found.problems))


def plain_pairs(folder: Path) -> FoundCases:
    """Pair the files of a folder that is not in the nnU-Net layout, in one of three ways.

    Folders for images and for labels with the same file names (the label's may end with ``_label``,
    ``-seg`` and so on), both kinds in one folder, or a folder for each case.

    Raises:
        InputError: If the folder holds no such files, or several folders of images.
    """
    images, labels = _folder_of(folder, IMAGE_FOLDERS), _folder_of(folder, LABEL_FOLDERS)
    if images and labels:
        found = _pairs_of(folder, _files(images), _files(labels))
    elif files := _files(folder):
        label_files = [path for path in files if _is_label(path)]
        found = _pairs_of(folder, [path for path in files if path not in label_files], label_files)
    else:
        found = _case_folders(folder)
    if not found.cases and not found.problems:
        raise InputError(f"{folder}: found no images and labels, {EXPECTED}")
    return found


@dataclass(frozen=True)
class _Files:
    """Image files by case and channel, label files by case, and names of missing label files."""

    folder: Path
    images: Mapping[str, Mapping[int, list[Path]]]
    labels: Mapping[str, list[Path]]
    missing: Mapping[str, str]


def _match(files: _Files, channels: int | None) -> FoundCases:
    """Make cases of the complete and unambiguous files and report the others."""
    if channels is None:
        channels = max((max(by_channel) for by_channel in files.images.values()), default=0) + 1
    cases, problems = [], []
    for name in sorted({*files.images, *files.labels}):
        wrong = _mismatches(files, name, channels)
        problems += [_error(name, what) for what in wrong]
        if not wrong:
            images = tuple(files.images[name][channel][0] for channel in range(channels))
            cases.append(Case(name, images, files.labels[name][0]))
    problems += differ_only_in_case(case.name for case in cases)
    return FoundCases(tuple(cases), tuple(problems))


def _mismatches(files: _Files, name: str, channels: int) -> list[str]:
    images, labels = files.images.get(name, {}), files.labels.get(name, [])

    def text(paths: Iterable[Path]) -> str:
        return ", ".join(path.relative_to(files.folder).as_posix() for path in paths)

    every_image = [path for channel in sorted(images) for path in images[channel]]
    if not images:
        return [f"{text(labels)} has no image, expected the image to which its labels belong"]
    wrong = []
    if not labels:
        missing = files.missing.get(name, "its label file")
        wrong.append(f"{missing} is missing, expected the labels of {text(every_image)}")
    if len(labels) > 1:
        wrong.append(f"has the label files {text(labels)}, expected one")
    repeated = [paths for paths in images.values() if len(paths) > 1]
    wrong += [f"has the images {text(paths)}, expected one" for paths in repeated]
    if sorted(images) != list(range(channels)):
        found = ", ".join(f"{channel:04d}" for channel in sorted(images))
        expected = "0000" if channels == 1 else f"0000 to {channels - 1:04d}"
        wrong.append(f"has the channels {found}, expected {expected}")
    return wrong


def _pairs_of(folder: Path, images: list[Path], labels: list[Path]) -> FoundCases:
    """Pair by name, if necessary without the label's suffix or the image's channel."""
    stems = {stem_of(path) for path in images}
    cases = stems | {_without(_CHANNEL_SUFFIX, stem) for stem in stems}
    by_name: dict[str, list[Path]] = {}
    for path in labels:
        stem = stem_of(path)
        name = stem if stem in cases else _without(_LABEL_SUFFIX, stem)
        by_name.setdefault(name, []).append(path)
    grouped: dict[str, dict[int, list[Path]]] = {}
    for path in images:
        name, channel = stem_of(path), 0
        match = _CHANNEL_SUFFIX.search(name)
        if match and name not in by_name and name[: match.start()] in by_name:
            name, channel = name[: match.start()], int(match[1])
        grouped.setdefault(name, {}).setdefault(channel, []).append(path)
    return _match(_Files(folder, grouped, by_name, {}), None)


def _case_folders(folder: Path) -> FoundCases:
    """Treat every folder that holds ``image.*`` or ``label.*`` (``seg.*``, ...) as a case."""
    images: dict[str, dict[int, list[Path]]] = {}
    labels: dict[str, list[Path]] = {}
    for case in sorted(path for path in folder.iterdir() if path.is_dir()):
        for path in _files(case):
            stem = stem_of(path)
            if _CASE_LABEL.fullmatch(stem):
                labels.setdefault(case.name, []).append(path)
            elif match := _CASE_IMAGE.fullmatch(stem):
                channel = int((match[1] or "_0")[1:])
                images.setdefault(case.name, {}).setdefault(channel, []).append(path)
    return _match(_Files(folder, images, labels, {}), None)


def _is_label(path: Path) -> bool:
    """Return whether a file among images is a label file, judging by its name."""
    is_segmentation = find_extension(path, _EXTENSIONS) == _SEGMENTATION
    return is_segmentation or _LABEL_SUFFIX.search(stem_of(path)) is not None


def _without(suffix: re.Pattern[str], stem: str) -> str:
    match = suffix.search(stem)
    return stem[: match.start()] if match else stem


def _folder_of(folder: Path, names: tuple[str, ...]) -> Path | None:
    """Return the only folder with one of the names, ignoring letter case."""
    found = sorted(p for p in folder.iterdir() if p.is_dir() and p.name.lower() in names)
    if len(found) > 1:
        listed = " and ".join(f"'{path.name}'" for path in found)
        raise InputError(f"{folder}: has the folders {listed}, expected one of them")
    return found[0] if found else None


def _files(folder: Path, extensions: tuple[str, ...] = _EXTENSIONS) -> list[Path]:
    """List the volumes of a folder, without hidden files."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file()
        and not path.name.startswith(".")
        and find_extension(path, tuple(e.lower() for e in extensions))
    )


def differ_only_in_case(names: Iterable[str]) -> list[Problem]:
    """Return a problem for names that are identical on some systems."""
    by_small_name: dict[str, list[str]] = {}
    for name in names:
        by_small_name.setdefault(name.casefold(), []).append(name)
    return [
        _error(same[0], f"the cases {', '.join(same)} differ only in letter case")
        for same in by_small_name.values()
        if len(same) > 1
    ]


def _error(case: str, what: str) -> Problem:
    return Problem("error", case, what)
