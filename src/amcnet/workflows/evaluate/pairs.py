"""Pair the label files of two folders by name."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from amcnet.errors import InputError
from amcnet.io import READABLE_EXTENSIONS, find_extension, report_passed_over
from amcnet.io.path_lists import AnyPath
from amcnet.io.plain_names import comparable_text

# Suffixes that programs append to the name of a case: the first channel, words for labels.
_SUFFIX = re.compile(r"(_0000)?([-_. ](labels?|seg|segmentation|mask))?$", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """A case to evaluate.

    Attributes:
        name: Name of the reference file without its extension.
        reference: The reference file.
        prediction: The predicted file; None if there is none.

    Example:
        >>> Pair("hand_7", Path("truth/hand_7.nii.gz"), None).prediction is None
        True
    """

    name: str
    reference: Path
    prediction: Path | None


@dataclass(frozen=True)
class FoundPairs:
    """Pairs of label files in two folders.

    Attributes:
        pairs: The cases, sorted by name.
        ambiguous: Case name -> reason why the case could not be paired.
        unmatched: Predictions without a reference.

    Example:
        >>> found = FoundPairs((), unmatched=(Path("predictions/hand_9.nrrd"),))
        >>> found.unmatched[0].name
        'hand_9.nrrd'
    """

    pairs: tuple[Pair, ...]
    ambiguous: dict[str, str] = field(default_factory=dict)
    unmatched: tuple[Path, ...] = ()


def find_pairs(references: AnyPath, predictions: AnyPath) -> FoundPairs:
    """Pair the label files of two folders by name.

    Extensions are ignored, so ``hand_7.nii.gz`` belongs to ``hand_7.seg.nrrd``. If no prediction
    has the name of a reference, ``_0000`` and a word for labels at the end (``_label``, ``-seg``,
    ``_segmentation``, ``_mask``), letter case and how accents are stored are ignored too. Hidden
    files and files of other types are skipped.

    Raises:
        InputError: If a path is not a folder, or there is no label file in the first one.

    Example:
        >>> for folder in ("truth", "found"):
        ...     Path(folder).mkdir()
        ...     (Path(folder) / "hand_1.nrrd").touch()
        >>> [pair.name for pair in find_pairs(Path("truth"), Path("found")).pairs]
        ['hand_1']
    """
    truth_folder, found_folder = Path(references), Path(predictions)
    truths, judged = _files_by_stem(truth_folder), _files_by_stem(found_folder)
    if not truths:
        inner = truth_folder / "labelsTr"
        hint = f"; did you mean {inner}?" if inner.is_dir() else ""
        raise InputError(
            f"{truth_folder}: holds no label files, expected some that end in "
            f"{' '.join(READABLE_EXTENSIONS)}{hint}"
        )
    plain: dict[str, list[str]] = {}
    for stem in judged:
        if stem not in truths:
            plain.setdefault(_plain(stem), []).append(stem)
    rivals = Counter(_plain(stem) for stem in truths if stem not in judged)
    pairs, ambiguous, used = [], {}, set()
    for stem, files in truths.items():
        stems = [stem] if stem in judged else plain.get(_plain(stem), [])
        used.update(stems)
        found = [path for name in stems for path in judged[name]]
        if len(files) > 1:
            ambiguous[stem] = f"{truth_folder}: has {_names(files)} for '{stem}', expected one"
        elif len(found) > 1:
            ambiguous[stem] = f"{found_folder}: has {_names(found)} for '{stem}', expected one"
        elif found and stem not in judged and rivals[_plain(stem)] > 1:
            several = f"matches {rivals[_plain(stem)]} references, '{stem}' among them"
            ambiguous[stem] = f"{found[0]}: {several}, expected one"
        else:
            pairs.append(Pair(stem, files[0], found[0] if found else None))
    unmatched = (path for stem, files in judged.items() if stem not in used for path in files)
    return FoundPairs(tuple(pairs), ambiguous, tuple(unmatched))


def _files_by_stem(folder: Path) -> dict[str, list[Path]]:
    """Return the label files of a folder by their name without extension, sorted."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder, expected one with label files")
    files: dict[str, list[Path]] = {}
    report_passed_over(folder, READABLE_EXTENSIONS)
    for path in sorted(folder.iterdir()):
        extension = find_extension(path, READABLE_EXTENSIONS)
        if extension and path.is_file() and not path.name.startswith("."):
            files.setdefault(path.name[: -len(extension)], []).append(path)
    return dict(sorted(files.items()))


def _plain(stem: str) -> str:
    return comparable_text(_SUFFIX.sub("", stem, count=1))


def _names(files: Iterable[Path]) -> str:
    return " and ".join(path.name for path in files)
