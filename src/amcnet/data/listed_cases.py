"""Data sets whose ``dataset.json`` lists their files one by one.

nnU-Net v2 lists them under ``dataset``, the Medical Segmentation Decathlon and nnU-Net v1 under
``training``.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from amcnet.data.pairing import Case, FoundCases, differ_only_in_case, stem_of
from amcnet.data.problems import Problem
from amcnet.errors import InputError, count_text

_FORBIDDEN = re.compile(r'[/\\\0:*?"<>|]|^\.')


def listed_cases(path: Path, description: dict[str, Any]) -> FoundCases:
    """Return the cases that a ``dataset.json`` lists under ``dataset``, as nnU-Net v2 writes them.

    Args:
        path: The ``dataset.json``; relative file names are relative to its folder.
        description: Its content, ``{"dataset": {NAME: {"images": [...], "label": ...}}}``.

    Raises:
        InputError: If the list has another form or is empty.
    """
    listed = description["dataset"]
    if not isinstance(listed, dict) or not listed:
        raise InputError(f"{path}: 'dataset' is {_short(listed)}, expected cases by name")
    cases, problems = [], []
    for name, entry in sorted(listed.items()):
        files = entry if isinstance(entry, dict) else {}
        images, labels = files.get("images"), files.get("label")
        if not isinstance(images, list) or not _are_texts(images) or not isinstance(labels, str):
            raise InputError(
                f"{path}: dataset.{name} is {_short(entry)}, expected 'images' (a list of files) "
                "and 'label' (a file)"
            )
        case = Case(name, tuple(path.parent / image for image in images), path.parent / labels)
        found = list(_problems_of(path, case))
        problems += found
        cases += [] if found else [case]
    problems += differ_only_in_case(case.name for case in cases)
    problems += _outside(path, cases)
    return FoundCases(tuple(cases), tuple(problems))


def decathlon_cases(path: Path, description: dict[str, Any]) -> FoundCases:
    """Return the cases that a ``dataset.json`` lists under ``training``.

    The Decathlon names the image files themselves (``./imagesTr/X.nii.gz``), nnU-Net v1 omits the
    channel in their names: ``imagesTr/X_0000.nii.gz``, ``X_0001.nii.gz``, ... are found as well.

    Args:
        path: The ``dataset.json``; file names are relative to its folder.
        description: Its content, ``{"training": [{"image": ..., "label": ...}]}``.

    Raises:
        InputError: If the list has another form or is empty.
    """
    listed = description["training"]
    if not isinstance(listed, list) or not listed:
        raise InputError(f"{path}: 'training' is {_short(listed)}, expected a list of cases")
    cases: dict[str, Case] = {}
    problems = []
    for number, entry in enumerate(listed):
        files = entry if isinstance(entry, dict) else {}
        image, labels = files.get("image"), files.get("label")
        if not isinstance(image, str) or not isinstance(labels, str):
            raise InputError(
                f"{path}: training[{number}] is {_short(entry)}, expected 'image' and 'label'"
            )
        first = path.parent / image
        case = Case(stem_of(first), _channels_of(first), path.parent / labels)
        found = list(_problems_of(path, case))
        if case.name in cases:
            found.append(Problem("error", case.name, f"{path.name} lists it twice, expected once"))
        problems += found
        if not found:
            cases[case.name] = case
    problems += differ_only_in_case(cases)
    problems += _outside(path, cases.values())
    problems += _unlisted(path, {stem_of(path.parent / entry["image"]) for entry in listed})
    return FoundCases(tuple(cases[name] for name in sorted(cases)), tuple(problems))


def _channels_of(image: Path) -> tuple[Path, ...]:
    """Return a listed image, or its channels ``X_0000``, ``X_0001``, ... if they exist."""
    if image.exists():
        return (image,)
    stem = stem_of(image)
    ending = image.name.removeprefix(stem)
    found: list[Path] = []
    while (channel := image.with_name(f"{stem}_{len(found):04d}{ending}")).exists():
        found.append(channel)
    return tuple(found) or (image,)


def _problems_of(path: Path, case: Case) -> Iterator[Problem]:
    if not case.name or _FORBIDDEN.search(case.name):
        yield Problem("error", case.name, f"{path.name} lists {case.name!r}, expected a plain name")
    for file in (*case.images, case.labels):
        if not file.is_file():
            found = "is not a regular file" if file.exists() else "is missing"
            what = f"{file} {found}, expected a file that {path.name} lists"
            yield Problem("error", case.name, what.replace(f"{path.parent}/", ""))


def _outside(path: Path, cases: Iterable[Case]) -> Iterator[Problem]:
    """Warn about files outside the data set: nnU-Net allows them, but they may be a mistake."""
    folder = path.parent.resolve()
    files = [file for case in cases for file in (*case.images, case.labels)]
    outside = [file for file in files if not file.resolve().is_relative_to(folder)]
    if outside:
        count = count_text(len(outside), "file")
        text = f"found {count} outside the data set's folder, such as {outside[0]}"
        yield Problem("warning", "", f"{text}: {path.name} lists them")


def _unlisted(path: Path, names: set[str]) -> Iterator[Problem]:
    """Warn of labelled images that the list does not mention."""
    labels = path.parent / "labelsTr"
    files = sorted(labels.iterdir()) if labels.is_dir() else []
    extra = [f.name for f in files if not f.name.startswith(".") and stem_of(f) not in names]
    if extra:
        count = count_text(len(extra), "file")
        text = f"{path.name} does not list {count} of labelsTr, such as {extra[0]}"
        yield Problem("warning", "", text)


def _are_texts(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(value, str) for value in values)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
