import pytest
from pydantic import ValidationError

from amcnet.training.transforms.settings import AugmentationConfig


@pytest.mark.parametrize(
    "settings",
    [
        {"mirror_probability": 1.5},
        {"scale": 1},
        {"noise": -0.1},
        {"mirror_scan": 0.5},
        {"mirror_axes": ["up"]},
        {"elastic_mm": 6},
        {"shadow": 1.1},
    ],
)
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        AugmentationConfig(**settings)


def test_settings_survive_json():
    settings = AugmentationConfig(mirror_axes=("scan", "depth"), elastic_mm=2, shadow=0.5)
    assert AugmentationConfig.model_validate_json(settings.model_dump_json()) == settings


def test_settings_of_older_models_are_still_read():
    names = (
        "mirror_probability spatial_probability rotation_deg scale shift gain offset gamma noise"
    )
    settings = AugmentationConfig(**dict.fromkeys(names.split(), 0.5))
    assert settings.rotation_deg == settings.noise == 0.5
    assert settings.mirror_axes == ("lateral",)
