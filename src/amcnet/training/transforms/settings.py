"""Settings of the random transforms of training windows; free of PyTorch."""

from pydantic import BaseModel, ConfigDict, Field

from amcnet.io import CanonicalAxis


class AugmentationConfig(BaseModel):
    """Probabilities and strengths of the transforms; 0 switches a transform off.

    Strengths are half-widths of ranges unless stated otherwise. Intensities are those of the
    network's input: 1 is one standard deviation of the volume if it is normalised by its z-score.

    Attributes:
        mirror_probability: For each of the ``mirror_axes``.
        mirror_axes: Axes that may be mirrored. A lateral mirror turns a right hand into a left one
            and keeps every name; reversing the scan keeps them too (a
            hand scanned from the wrist is the mirror image of the other hand, scanned from the
            fingertips). Along depth, a hand has no such mirror image.
        spatial_probability: Of rotation, scaling, shift and elastic deformation, all together.
        rotation_deg: Rotation about the scan axis.
        yaw_deg: Rotation about the depth axis: the hand points in another direction.
        pitch_deg: Rotation about the lateral axis: the fingertips rise or sink.
        scale: Change of each axis, as a fraction.
        shift: Along lateral and depth, as a fraction of the window.
        elastic_mm: Largest displacement within the transverse plane, by a smooth random field.
        elastic_scan_mm: Likewise along the scan axis: bones of other lengths.
        label_to_image_probability: Of blending in, with a random weight, a synthetic image of the
            labels with random intensities, as in an ultrasound of bones. Compensates for training
            data of one device.
        scan_variation_probability: Of changes that imitate other scanners: other intensities of
            tissue, another gain along the depth, a sector instead of a rectangle, and less or no
            water above the skin.
        speckle: Largest standard deviation of the multiplicative noise.
        shadow_probability: Of an acoustic shadow: a soft band along depth that darkens below a
            random depth, several slices long.
        shadow: Largest fraction of the brightness that a shadow removes.
        shading: Largest deviation, in natural logarithms, of a brightness that changes slowly over
            the window, as with another time-gain compensation.
        blur_mm: Largest standard deviation of a blur, drawn for each axis: another beam.
        tone: Strength of a random monotonic intensity curve (another compression). At 1, one part
            of the curve may be seven times as steep as another.
        gamma: Exponent, in natural logarithms.
        contrast: Factor about the mean of the window, as a fraction.
        gain: Factor, as a fraction.
        offset: Added to the intensity.
        noise: Largest standard deviation of the added noise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mirror_probability: float = Field(0.5, ge=0, le=1)
    mirror_axes: tuple[CanonicalAxis, ...] = ("lateral",)
    spatial_probability: float = Field(0.5, ge=0, le=1)
    rotation_deg: float = Field(8.0, ge=0, le=45)
    yaw_deg: float = Field(0.0, ge=0, le=45)
    pitch_deg: float = Field(0.0, ge=0, le=45)
    scale: float = Field(0.1, ge=0, lt=1)
    shift: float = Field(0.06, ge=0, lt=1)
    elastic_mm: float = Field(1.0, ge=0, le=5)  # more could fold the plane
    elastic_scan_mm: float = Field(0.0, ge=0, le=5)
    label_to_image_probability: float = Field(0.0, ge=0, le=1)
    scan_variation_probability: float = Field(0.0, ge=0, le=1)
    speckle: float = Field(0.2, ge=0, le=1)
    shadow_probability: float = Field(0.15, ge=0, le=1)
    shadow: float = Field(0.8, ge=0, le=1)
    shading: float = Field(0.0, ge=0, le=2)
    blur_mm: float = Field(0.0, ge=0, le=3)
    tone: float = Field(0.0, ge=0, le=1)
    gamma: float = Field(0.25, ge=0, lt=1)
    contrast: float = Field(0.15, ge=0, lt=1)
    gain: float = Field(0.25, ge=0, lt=1)
    offset: float = Field(0.2, ge=0)
    noise: float = Field(0.15, ge=0)
