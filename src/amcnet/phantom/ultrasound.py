"""Ultrasound of a voxelised hand, slice by slice along the hand.

Following Wein et al. and COLE: attenuation accumulates along depth (:mod:`amcnet.phantom.beam`),
the scatterers are complex Gaussian noise, interfaces are mirrors, and both pass through a point
spread function (:mod:`amcnet.phantom.point_spread`); then come the artefacts
(:mod:`amcnet.phantom.artefacts`) and the machine (:mod:`amcnet.phantom.display`).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng
from numpy.typing import NDArray

from amcnet.phantom import artefacts, beam, display
from amcnet.phantom.acoustics import Acoustics
from amcnet.phantom.artefacts import FWHM_TO_SIGMA
from amcnet.phantom.grids import PhantomGrid
from amcnet.phantom.point_spread import Cascade, blur_stream
from amcnet.phantom.scan_fields import ScanFields
from amcnet.phantom.solids import Field
from amcnet.phantom.tissue import Tissue, Voxeliser

Bytes = NDArray[np.uint8]

_SLAB_SLICES = 16
_FEWEST_SLICES = 40  # slices of a part: each part renders some extra slices on either side
_SOFT_ECHO = 0.105  # amplitude of soft-tissue speckle relative to a perfect reflector
_NOISE_OFFSET = 1000  # keeps the seeds of slices before the first one non-negative


def render(
    voxeliser: Voxeliser, acoustics: Acoustics, seed: int, threads: int = 1
) -> tuple[Bytes, Bytes]:
    """Return the 8-bit image of a hand and its labels, both (scan, lateral, depth).

    The noise of a slice depends only on the seed and the slice index, not on the number of threads
    or on earlier calls.
    """
    grid = voxeliser.grid
    fields = ScanFields.draw(grid, acoustics, default_rng(SeedSequence(seed, spawn_key=(1,))))
    labels, tissue, image = (np.empty(grid.shape, np.uint8) for _ in range(3))
    skin_mm, bone_mm = (np.empty(grid.shape[:2], np.float32) for _ in range(2))
    with ThreadPoolExecutor(threads) as pool:

        def voxelise(start: int) -> None:
            stop = min(start + _SLAB_SLICES, grid.shape[0])
            slab = voxeliser.slab(start, stop)
            fields.carve_veins(slab)
            labels[start:stop], tissue[start:stop] = slab.labels, slab.tissue
            skin_mm[start:stop] = beam.first_face_mm(slab.tissue != Tissue.WATER, grid)
            bone_mm[start:stop] = beam.first_face_mm(beam.bone_mask(slab.tissue), grid)

        list(pool.map(voxelise, range(0, grid.shape[0], _SLAB_SLICES)))
        scan = _Scan(voxeliser, acoustics, fields, (tissue, skin_mm, bone_mm), seed)

        def image_part(start: int, stop: int) -> None:
            for index, plane in enumerate(scan.images(start, stop), start):
                image[index] = plane
                labels[index] = _shifted(labels[index], fields.shift_mm[index], grid)

        parts = max(1, min(threads, grid.shape[0] // _FEWEST_SLICES))
        ends = np.linspace(0, grid.shape[0], parts + 1).astype(int)
        list(pool.map(image_part, ends[:-1], ends[1:]))
    return image, labels


class _Scan:
    """One scan of one hand: data shared by all slices, and the rendering of each slice."""

    def __init__(
        self,
        voxeliser: Voxeliser,
        acoustics: Acoustics,
        fields: ScanFields,
        anatomy: tuple[Bytes, Field, Field],
        seed: int,
    ) -> None:
        grid = voxeliser.grid
        self.voxeliser, self.acoustics, self.fields = voxeliser, acoustics, fields
        self.tissue, self.skin_mm, self.bone_mm = anatomy
        self.seed, self.grid = seed, grid
        self._set_beam(acoustics, grid)
        self._set_blur(acoustics, grid)
        self.gain = display.time_gain(grid, acoustics)
        rows = default_rng(SeedSequence(seed, spawn_key=(4,)))
        self.dotted_rows = rows.random(acoustics.dot_rows, dtype=np.float32)

    def _set_beam(self, a: Acoustics, grid: PhantomGrid) -> None:
        skin_cosine = beam.facing(self.skin_mm, grid)
        bone_cosine = beam.facing(self.bone_mm, grid)
        self.skin_gain = beam.specular_gain(skin_cosine, a) * beam.grazing_dropout(skin_cosine)
        self.inner_gain = beam.specular_gain(bone_cosine, a) * self.fields.patches
        self.edge_loss_db = np.float32(a.edge_loss_db) * (1 - skin_cosine) ** 2
        self.loss_db = beam.loss_table_db(a, grid)
        self.skin_echo = beam.specular_table(a, "skin")
        self.inner_echo = beam.specular_table(a, "inner")
        below = np.maximum(grid.axis_mm(2) - np.float32(a.support_depth_mm), 0)
        self.support = np.float32(a.support_echo / 2) * (
            1 - np.cos(below * np.float32(2 * np.pi / a.support_period_mm))
        )

    def _set_blur(self, a: Acoustics, grid: PhantomGrid) -> None:
        elevational, lateral, axial = (
            width * FWHM_TO_SIGMA / spacing
            for width, spacing in zip(
                (a.psf_elevational_mm, a.psf_lateral_mm, a.psf_axial_mm),
                grid.spacing_mm,
                strict=True,
            )
        )
        widening = 1 + a.psf_lateral_growth_per_cm * grid.axis_mm(2) / 10
        self.axial = Cascade.gaussian(axial)
        self.lateral = Cascade.gaussian(lateral * widening)
        self.elevational = Cascade.gaussian(elevational)
        self.softening = Cascade.gaussian(a.shadow_softening_mm / grid.spacing_mm[1])
        # White noise keeps its variance and a plane face its height at any voxel size.
        cascades = (self.axial, self.lateral, self.elevational)
        noise = np.prod([np.broadcast_to(c.noise_gain(), grid.shape[2]) for c in cascades], axis=0)
        self.scatter_scale = (_SOFT_ECHO / noise).astype(np.float32)
        self.face_scale = np.float32(1 / self.axial.kernel().max())

    def images(self, start: int, stop: int) -> Iterator[Bytes]:
        """Yield the images of some slices, each (lateral, depth)."""
        reach = self.elevational.reach
        echoes = (self._echoes(index) for index in range(start - reach, stop + reach))
        for index, plane in enumerate(blur_stream(self.elevational, echoes), start):
            yield self._image(index, plane)

    def _echoes(self, index: int) -> Field:
        """Return the complex echoes of one slice, ([real, imaginary], lateral, depth).

        Slices beyond the volume copy the border slice, with different noise.
        """
        inside = min(max(index, 0), self.grid.shape[0] - 1)
        pairs = beam.pairs_of(self.tissue[inside])
        weight = self._weight(inside, pairs)
        strength = self._scatter(inside)
        strength *= weight
        lateral, depth, echo = self._faces(inside, pairs, weight)
        strength += artefacts.clutter(
            strength, (lateral, depth, echo / _SOFT_ECHO), self.grid, self.acoustics
        )
        strength *= self.scatter_scale
        rng = default_rng(SeedSequence(self.seed, spawn_key=(2, index + _NOISE_OFFSET)))
        noise = _uniform_noise(rng, (2, *strength.shape))
        noise *= strength
        noise[0, lateral, depth] += echo * self.face_scale
        self.lateral.apply_rows(noise, before=self.axial)
        return noise

    def _weight(self, index: int, pairs: Bytes) -> Field:
        loss_db = self.loss_db.take(pairs, mode="wrap")
        rows = np.nonzero(self.skin_mm[index] < self.grid.extent_mm[2])[0]
        top = np.round(self.skin_mm[index, rows] / self.grid.spacing_mm[2]).astype(int)
        loss_db[rows, top] += self.edge_loss_db[index, rows]
        return beam.echo_weight(loss_db, self.softening)

    def _scatter(self, index: int) -> Field:
        """Return the strength of the scatterers: tissue, texture, layers, haze and support."""
        a = self.acoustics
        tissue = self.tissue[index]
        strength: Field = np.asarray(a.scatter, np.float32).take(tissue, mode="wrap")
        strength *= self.fields.layers_of(self.voxeliser.skin_mm(index, index + 1)[0])
        outside = (tissue == Tissue.WATER).astype(np.float32)
        if a.haze > 0:
            haze = self.voxeliser.beside_slopes(index, index + 1, a.haze_mm)[0]
            haze *= outside
            haze *= np.float32(a.haze)
            strength += haze
        first = int(np.argmax(self.support > 0))
        strength[:, first:] += outside[:, first:] * self.support[first:]
        strength *= self.fields.texture_of(index)
        return strength

    def _faces(self, index: int, pairs: Bytes, weight: Field) -> artefacts.Faces:
        """Return the specular echoes of a slice."""
        tissue = self.tissue[index]
        lateral, above = np.nonzero(tissue[:, 1:] != tissue[:, :-1])
        depth = above + 1
        pair = pairs[lateral, depth]
        echo = self.skin_echo[pair] * self.skin_gain[index, lateral]
        echo += self.inner_echo[pair] * self.inner_gain[index, lateral]
        # The weight above the face: the voxel below includes the loss at the face itself.
        return lateral, depth, echo * weight[lateral, above]

    def _image(self, index: int, echoes: Field) -> Bytes:
        """Return one slice as intensities: envelope, artefacts, time gain, noise, compression."""
        a, grid = self.acoustics, self.grid
        np.square(echoes, out=echoes)
        envelope: Field = np.sqrt(echoes[0] + echoes[1])
        skin_mm, bone_mm = self.skin_mm[index], self.bone_mm[index]
        skin_gain, bone_gain = self.skin_gain[index], self.inner_gain[index]
        artefacts.add_bone_reverberation(envelope, (skin_mm, bone_mm), bone_gain, grid, a)
        artefacts.add_skin_reverberation(envelope, skin_mm, skin_gain, grid, a)
        artefacts.add_ghost_arcs(envelope, skin_mm, skin_gain, grid, a)
        envelope = _shifted(envelope, self.fields.shift_mm[index], grid)
        envelope *= self.gain
        rng = default_rng(SeedSequence(self.seed, spawn_key=(3, index)))
        display.add_noise(envelope, rng, a)
        floor = display.noise_level(a)
        artefacts.add_dotted_rows(envelope, self.dotted_rows, floor, a, rng)
        return display.to_grey(envelope, float(self.fields.flicker_db[index]), a)


def _uniform_noise(rng: Generator, shape: tuple[int, ...]) -> Field:
    """Return white noise of 256 equally likely values, mean 0 and deviation 1.

    The point spread function covers so many scatterers that their sum is Gaussian anyway.
    """
    values = np.frombuffer(rng.bytes(int(np.prod(shape))), np.int8).reshape(shape)
    noise = np.add(values, 0.5, dtype=np.float32)
    noise *= np.float32(np.sqrt(12 / (256**2 - 1)))
    return noise


def _shifted(plane: NDArray[Any], shift_mm: Field, grid: PhantomGrid) -> NDArray[Any]:
    """Return a slice displaced by a few tenths of a millimetre, to the nearest voxel."""
    moved = plane
    for axis, (shift, spacing) in enumerate(zip(shift_mm, grid.spacing_mm[1:], strict=True)):
        size = moved.shape[axis]
        source = np.clip(np.arange(size) - round(float(shift / spacing)), 0, size - 1)
        moved = moved.take(source, axis=axis)
    return moved
