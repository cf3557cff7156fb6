"""The page in a real browser, by what it shows.

Needs the extra ``viewer-tests`` and Chromium: Debian's package ``chromium``, or any that the
variable ``AMCNET_CHROMIUM`` names. WebGL2 is drawn by the processor.
"""

import io
import os
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from PIL import Image

from amcnet.viewer import PageServer, ViewerScene, page_resources

CHROMIUM = os.environ.get("AMCNET_CHROMIUM") or shutil.which("chromium") or shutil.which("chrome")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is missing: pip install 'amcnet[viewer-tests]'"
)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: apt-get install chromium"),
    pytest.mark.timeout(300),
]
ARGUMENTS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 120_000
AXIAL, CORONAL, SAGITTAL = "0", "1", "2"
SMALL = {"width": 840, "height": 560}  # the 3D view is drawn by the processor


@pytest.fixture(scope="module")
def page(hand_scene: ViewerScene) -> Iterator:
    with PageServer(page_resources(hand_scene)) as server, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        opened = browser.new_page(viewport=SMALL)
        opened.set_default_timeout(PATIENCE_MS)
        opened.asked, opened.problems = [], []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.on("pageerror", lambda problem: opened.problems.append(str(problem)))
        opened.on(
            "console",
            lambda line: opened.problems.append(line.text) if line.type == "error" else None,
        )
        opened.route(  # whatever lies elsewhere is out of reach
            lambda url: not url.startswith((server.address, "data:", "blob:")),
            lambda route: route.abort(),
        )
        opened.goto(server.address)
        opened.wait_for_selector("body[data-state=ready], body[data-state=failed]")
        opened.home = server.address
        yield opened
        browser.close()


def picture(page) -> np.ndarray:
    """Return what the canvas shows, (row, column, RGB)."""
    png = page.locator("#picture").screenshot(timeout=PATIENCE_MS)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def changed(before: np.ndarray, after: np.ndarray) -> float:
    return float((np.abs(before - after).max(axis=2) > 20).mean())


def doubtful_of(scene: ViewerScene) -> list[int]:
    return [one.structure.value for one in scene.labelled.structures if one.severity > 0]


def selected(page) -> int:
    return int(page.get_attribute("#structures .selected", "data-label"))


def test_the_page_works_without_any_other_address(page) -> None:
    assert page.get_attribute("body", "data-state") == "ready"
    assert page.problems == []
    assert page.asked
    assert all(url.startswith((page.home, "data:", "blob:")) for url in page.asked)


def test_picture_and_list_are_complete(page, hand_scene: ViewerScene) -> None:
    shown = picture(page)
    assert (shown.max(axis=2) > 60).mean() > 0.05  # no black canvas
    names = page.locator("#structures li button").all_inner_texts()
    assert names == [one.structure.name for one in hand_scene.labelled.structures]
    assert len(names) == 38
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= SMALL["width"]
    cut = "e => e.filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)"
    assert page.locator("#structures li button").evaluate_all(cut) == []


def test_a_click_in_the_list_moves_the_picture_and_shows_the_sizes(page, hand_scene) -> None:
    one = hand_scene.labelled.structures[12]
    before = picture(page)
    page.locator(f'#structures [data-label="{one.structure.value}"] button').click()
    assert changed(before, picture(page)) > 0.005
    details = page.inner_text("#details")
    assert one.structure.name in details
    assert f"{one.measurement.length_mm:.1f} mm" in details
    assert f"{one.measurement.volume_mm3:.1f} mm³" in details
    assert str(one.severity) in details
    place = page.inner_text("#place")
    assert place.endswith(one.structure.name)
    right, front, top = one.focus_mm
    for value, plus, minus in ((right, "R", "L"), (front, "A", "P"), (top, "S", "I")):
        assert f"{minus if value < 0 else plus} {abs(value):.1f}" in place


def test_n_steps_through_the_doubtful_ones(page, hand_scene: ViewerScene) -> None:
    doubtful = doubtful_of(hand_scene)
    page.locator('#structures [data-label="38"] button').click()
    steps = []
    for _ in doubtful:
        page.keyboard.press("n")
        steps.append(selected(page))
        message = hand_scene.labelled.structures[steps[-1] - 1].messages[0]
        assert message in page.inner_text("#details")
    assert steps == doubtful or sorted(steps) == doubtful
    page.keyboard.press("p")
    assert selected(page) == (steps[-2] if len(steps) > 1 else steps[-1])


def test_hiding_and_fading_take_the_colours_away(page) -> None:
    before = picture(page)
    page.click("#hide-all")
    without = picture(page)
    assert changed(before, without) > 0.002
    assert page.locator("#structures input:checked").count() == 0
    page.click("#show-all")
    assert changed(before, picture(page)) < 0.001
    page.locator("#labels-opacity").fill("0")
    assert changed(without, picture(page)) < 0.001
    page.locator("#labels-opacity").fill("60")


def test_one_structure_alone(page) -> None:
    page.locator('#structures [data-label="5"] button').click()
    page.click("#show-one")
    assert page.locator("#structures input:checked").count() == 1
    alone = picture(page)
    page.locator('#structures [data-label="5"] input').click()
    assert changed(alone, picture(page)) > 0.0002
    page.click("#show-all")


def test_a_click_on_a_bone_in_a_slice_selects_it(page, hand_scene: ViewerScene) -> None:
    one = hand_scene.labelled.structures[13]
    label = one.structure.value
    page.locator('#structures [data-label="11"] button').click()
    page.select_option("#arrangement", SAGITTAL)
    box = page.locator(f'#structures [data-label="{label}"] input')
    before = picture(page)
    box.uncheck()
    is_bone = np.abs(before - picture(page)).max(axis=2) > 20
    box.check()
    assert selected(page) == 11
    row, column = np.argwhere(is_bone)[is_bone.sum() // 2]
    page.locator("#canvas").click(position={"x": float(column), "y": float(row)})
    assert selected(page) == label
    assert f"{one.measurement.length_mm:.1f} mm" in page.inner_text("#details")
    assert page.inner_text("#place").endswith(one.structure.name)
    page.select_option("#arrangement", "3")


def test_a_drag_turns_3d_and_selects_nothing(page, hand_scene: ViewerScene) -> None:
    absent = next(one for one in hand_scene.labelled.structures if one.near is not None)
    page.locator(f'#structures [data-label="{absent.structure.value}"] button').click()
    before = picture(page)
    box = page.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4  # 3D is the upper half
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y)
    page.mouse.up()
    turned = picture(page)
    assert changed(before, turned) > 0.01
    assert selected(page) == absent.structure.value
    page.mouse.wheel(0, -100)
    page.wait_for_function("state.nv.scene.volScaleMultiplier !== zoom3D")
    assert changed(turned, picture(page)) > 0.01


def test_a_bone_is_drawn_on_the_side_that_the_letters_say(page, hand_case) -> None:
    """The file is turned and stored in other axes; slices lie along the patient's all the same."""
    image = sitk.ReadImage(str(hand_case.labels))
    label = 31  # far from the middle along every axis
    place = np.argwhere(sitk.GetArrayFromImage(image) == label).mean(axis=0)[::-1]
    middle = (np.array(image.GetSize()) - 1) / 2
    left, back, top = np.subtract(
        *(image.TransformContinuousIndexToPhysicalPoint(one.tolist()) for one in (place, middle))
    )
    page.locator(f'#structures [data-label="{label}"] button').click()
    box = page.locator(f'#structures [data-label="{label}"] input')
    for arrangement, right_mm, down_mm in (
        (AXIAL, left, back),
        (CORONAL, left, -top),
        (SAGITTAL, -back, -top),
    ):
        page.select_option("#arrangement", arrangement)
        shown = picture(page)
        box.uncheck()
        is_bone = np.abs(shown - picture(page)).max(axis=2) > 5
        box.check()
        assert is_bone.sum() > 8
        down, right = np.argwhere(is_bone).mean(axis=0) - (np.array(is_bone.shape) - 1) / 2
        expected = np.array([right_mm, down_mm]) / np.hypot(right_mm, down_mm)
        assert np.array([right, down]) / np.hypot(right, down) == pytest.approx(expected, abs=0.15)
        assert np.abs(expected).min() > 0.2  # or a mirrored picture would pass
    page.select_option("#arrangement", "3")
