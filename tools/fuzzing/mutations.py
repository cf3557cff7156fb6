"""Ways to damage a file: truncate it, flip bits, move blocks, falsify its header."""

import gzip
import re
import struct
from collections.abc import Callable

from numpy.random import Generator

_HEADER_BYTES = 400
_NUMBERS = (
    "0", "-1", "1", "3", "nan", "inf", "-inf", "1e308", "1e-308", "255", "65536", "100000",
    "2147483647", "2147483648", "4294967296", "9223372036854775807", "99999999999999999999", "",
    "x", "0.5", "\u0665", "none", "(1,0,0)", "()",
)  # fmt: skip
_WORDS = (
    "uchar", "short", "float", "double", "block", "unsigned long long", "MET_DOUBLE", "MET_FLOAT",
    "MET_STRING", "MET_UCHAR_ARRAY", "raw", "gzip", "bzip2", "ascii", "hex", "True", "False", "big",
    "little", "LOCAL", "LIST", "LIST 2", "../../etc/passwd", "v%d.raw 1 3 1", "/dev/zero", "v.nrrd",
    "left-posterior-superior", "scanner-xyz-time", "null", "[]", "{}", "[[1]]", "true", '"', "\x00",
)  # fmt: skip
# Offset and `struct` format of fields of a NIfTI-1 header.
_NIFTI = (
    (0, "i"), (40, "h"), (42, "h"), (44, "h"), (46, "h"), (48, "h"), (70, "h"), (72, "h"),
    (76, "f"), (80, "f"), (84, "f"), (88, "f"), (108, "f"), (112, "f"), (116, "f"), (123, "b"),
    (252, "h"), (254, "h"), (256, "f"), (264, "f"), (268, "f"), (280, "f"), (300, "f"), (320, "f"),
)  # fmt: skip
_INTEGERS = (0, 1, -1, 2, 3, 4, 7, 8, 16, 64, 127, 128, 255, 256, 768, 1024, 1792, 2048, 32767)
_FLOATS = (0.0, -1.0, 1e-30, 1e30, 3e38, float("nan"), float("inf"), 352.0, 353.5, 1e9, -352.0)
_ELEMENTS = (  # (group, element) of DICOM attributes that state sizes and positions
    (0x0028, 0x0010), (0x0028, 0x0011), (0x0028, 0x0008), (0x0028, 0x0002), (0x0028, 0x0100),
    (0x0028, 0x0101), (0x0028, 0x0102), (0x0028, 0x0103), (0x0028, 0x0004), (0x0028, 0x0030),
    (0x0020, 0x0032), (0x0020, 0x0037), (0x0018, 0x0050), (0x0020, 0x000E), (0x0008, 0x0016),
    (0x0002, 0x0010), (0x7FE0, 0x0010), (0x0062, 0x0002), (0x0062, 0x0004), (0x0062, 0x000A),
    (0x5200, 0x9229), (0x5200, 0x9230), (0x0020, 0x9301), (0x0020, 0x9302),
)  # fmt: skip

Mutation = Callable[[bytes, Generator], bytes]


def mutate(content: bytes, name: str, rng: Generator) -> tuple[str, bytes]:
    """Return the kind of damage to the content of a named file, and the damaged content."""
    kind = str(rng.choice(["cut", "bits", "blocks", "header", "header"]))
    is_packed = content[:2] == b"\x1f\x8b"
    if is_packed and (kind == "header" or rng.random() < 0.4):
        inner = gzip.decompress(content)
        return f"{kind} inside", gzip.compress(_KINDS[kind](inner, name, rng), 1)
    return kind, _KINDS[kind](content, name, rng)


def _cut(content: bytes, name: str, rng: Generator) -> bytes:
    limit = min(len(content), _HEADER_BYTES) if rng.random() < 0.3 else len(content)
    return content[: int(rng.integers(0, limit))]


def _bits(content: bytes, name: str, rng: Generator) -> bytes:
    damaged = bytearray(content)
    limit = min(len(content), _HEADER_BYTES) if rng.random() < 0.6 else len(content)
    for _ in range(int(rng.choice([1, 1, 2, 4, 16]))):
        damaged[int(rng.integers(0, limit))] ^= 1 << int(rng.integers(0, 8))
    return bytes(damaged)


def _blocks(content: bytes, name: str, rng: Generator) -> bytes:
    start, stop = sorted(int(rng.integers(0, len(content) + 1)) for _ in range(2))
    block = content[start:stop][:4096]
    what = rng.integers(0, 5)
    if what == 0:  # leave out
        return content[:start] + content[start + len(block) :]
    if what == 1:  # twice
        return content[:start] + block + content[start:]
    if what == 2:  # noise
        noise = rng.bytes(len(block))
        return content[:start] + noise + content[start + len(block) :]
    if what == 3:  # zeros
        return content[:start] + bytes(len(block)) + content[start + len(block) :]
    return content + rng.bytes(int(rng.integers(1, 5000)))


def _header(content: bytes, name: str, rng: Generator) -> bytes:
    if name.endswith((".nii", ".nii.gz")):
        return _nifti_header(content, rng)
    if name.endswith(".dcm"):
        return _dicom_header(content, rng)
    if name.endswith(".zip"):
        return _bits(content, name, rng)
    return _text_header(content, rng)


def _nifti_header(content: bytes, rng: Generator) -> bytes:
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        offset, kind = _NIFTI[int(rng.integers(len(_NIFTI)))]
        if kind == "f":
            value = float(rng.choice(_FLOATS))
        else:
            value = int(rng.choice(_INTEGERS))
            value = max(min(value, 127), -128) if kind == "b" else value
        struct.pack_into("<" + kind, damaged, offset, value)
    return bytes(damaged)


def _dicom_header(content: bytes, rng: Generator) -> bytes:
    """Change the length or the beginning of the value of an attribute."""
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 3))):
        group, element = _ELEMENTS[int(rng.integers(len(_ELEMENTS)))]
        tag = struct.pack("<HH", group, element)
        places = [match.start() for match in re.finditer(re.escape(tag), content)]
        if not places:
            continue
        place = places[int(rng.integers(len(places)))]
        is_long = content[place + 4 : place + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT")
        value_at = place + (12 if is_long else 8)
        if rng.random() < 0.3:
            large = int(rng.choice([0, 1, 7, 0xFFFE, 0xFFFF]))
            if is_long:
                large = int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF]))
            struct.pack_into(
                "<I" if is_long else "<H", damaged, value_at - (4 if is_long else 2), large
            )
        else:
            text = bytes(
                rng.choice([b"\xff\xff", b"\0\0", b"\x01\0", b"99", b"-1", b"1e", b"\\\\"])
            )
            damaged[value_at : value_at + len(text)] = text
    return bytes(damaged)


def _text_header(content: bytes, rng: Generator) -> bytes:
    """Replace, repeat or remove words of a header of lines, or of JSON."""
    end = content.find(b"\n\n")
    local = content.find(b"ElementDataFile")
    if local >= 0:
        end = content.find(b"\n", local)
    end = min(len(content), 20_000) if end < 0 else end
    head, rest = content[:end].decode("latin-1"), content[end:]
    for _ in range(int(rng.integers(1, 4))):
        words = list(re.finditer(r"[^\s:=,\[\]{}()]+", head))
        if not words:
            break
        word = words[int(rng.integers(len(words)))]
        new = str(rng.choice([*_NUMBERS, *_WORDS, word[0] * 2, word[0] + "0000000"]))
        head = head[: word.start()] + new + head[word.end() :]
    if rng.random() < 0.2:
        lines = head.split("\n")
        index = int(rng.integers(len(lines)))
        lines[index : index + 1] = [] if rng.random() < 0.5 else [lines[index]] * 2
        head = "\n".join(lines)
    return head.encode("utf-8") + rest


_KINDS = {"cut": _cut, "bits": _bits, "blocks": _blocks, "header": _header}
