import pytest
import torch
from torch import nn

from amcnet.anatomy import LabelTable
from amcnet.bundle import Bundle, BundleDescription, Provenance
from amcnet.bundle.bundle_writing import write_bundle
from amcnet.data import Preprocessing
from amcnet.errors import ConfigError
from amcnet.networks import Architecture, build_network
from amcnet.training.transfer import start_from

KNOWN = LabelTable.from_names(["femur", "tibia", "patella"])


@pytest.fixture(scope="module", params=[(1, 1, 1), (2, 1, 2)])
def model(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> tuple[Bundle, nn.Module]:
    torch.manual_seed(0)
    architecture = Architecture(num_classes=4, width=4, space_to_depth=request.param)
    network = build_network(architecture)
    description = BundleDescription(
        name="knee",
        notice="Untrained.",
        architecture=architecture,
        preprocessing=Preprocessing(),
        window=8,
        labels=KNOWN.to_dicts(),
        provenance=Provenance(training_data="nothing", configuration={}),
        sha256={},
    )
    folder = tmp_path_factory.mktemp("models") / "knee"
    return write_bundle(folder, network, description), network.eval()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("names", [["femur", "tibia", "patella"], ["patella", "fibula", "femur"]])
def test_shared_structures_keep_their_logits(
    model: tuple[Bundle, nn.Module], channels: int, names: list[str]
) -> None:
    """The same image in every channel gives what the model gave, for structures that it knows."""
    bundle, network = model
    architecture = bundle.description.architecture.model_copy(
        update={"num_classes": len(names) + 1, "in_channels": channels}
    )
    table = LabelTable.from_names(names)
    other = build_network(architecture).eval()
    origin = start_from(other, architecture, table, bundle)
    image = torch.randn(1, 1, 16, 32, 64)
    with torch.no_grad():
        before = network(image)[0]
        after = other(image.expand(-1, channels, -1, -1, -1))[0]
    torch.testing.assert_close(after[0], before[0], rtol=0.02, atol=0.02)
    for structure in table:
        if structure.name == "fibula":
            mean = before[1:].mean(dim=0)
            torch.testing.assert_close(after[structure.value], mean, rtol=0.02, atol=0.02)
        else:
            value = next(s.value for s in KNOWN if s.name == structure.name)
            torch.testing.assert_close(after[structure.value], before[value], rtol=0.02, atol=0.02)
    assert bundle.description.sha256["model.safetensors"] in origin


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 5}, r"network\.width = 5, expected 4 to start from"),
        ({"width": 4, "name": "vnet"}, r"network\.name = 'vnet', expected 'amcnet' to start from"),
    ],
)
def test_other_networks_and_sizes_are_refused(
    model: tuple[Bundle, nn.Module], values: dict[str, object], message: str
) -> None:
    architecture = Architecture.model_validate({"num_classes": 4, **values})
    with pytest.raises(ConfigError, match=message):
        start_from(build_network(architecture), architecture, KNOWN, model[0])
