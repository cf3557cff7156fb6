"""The page in a real browser, by what it shows.

Needs the extra ``viewer-tests`` and Chromium: Debian's package ``chromium``, or any that the
variable ``AMCNET_CHROMIUM`` names. WebGL2 is drawn by the processor.
"""

import io
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amcnet.anatomy import hand_label_table
from amcnet.io import read_geometry, write_labels
from amcnet.viewer import PageServer, ViewerScene, page_resources, read_scene, redirect_file

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
SHAPE, SPACING_MM = (76, 64, 43), (2.236, 2.078, 1.056)  # of the case in conftest.py
SMALL = {"width": 840, "height": 560}  # the 3D view is drawn by the processor


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@contextmanager
def opened_page(browser, scene: ViewerScene, size: dict[str, int], **context) -> Iterator:
    """Show a scene as the command does: by a file that leads to a link."""
    with PageServer(page_resources(scene)) as server, redirect_file(server.new_link()) as redirect:
        opened = browser.new_context(viewport=size, **context).new_page()
        opened.set_default_timeout(PATIENCE_MS)
        opened.asked, opened.problems = [], []
        opened.home = server.page_address
        allowed = (f"http://127.0.0.1:{server.port}/", redirect.as_uri(), "data:", "blob:")
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.on("pageerror", lambda problem: opened.problems.append(str(problem)))
        opened.on(
            "console",
            lambda line: opened.problems.append(line.text) if line.type == "error" else None,
        )
        opened.route(  # whatever lies elsewhere is out of reach
            lambda url: not url.startswith(allowed), lambda route: route.abort()
        )
        opened.goto(redirect.as_uri())
        opened.wait_for_selector("body[data-state=ready], body[data-state=failed]")
        yield opened
        opened.context.close()


@pytest.fixture(scope="module")
def page(browser, hand_scene: ViewerScene) -> Iterator:
    with opened_page(browser, hand_scene, SMALL) as opened:
        yield opened


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


def slice_box(page, name: str) -> dict[str, float]:
    """Return where a slice is drawn, in pixels of the window."""
    left, top, width, height = page.evaluate(
        "name => viewer.picture.views[0].nv.screenSlices"
        ".find(one => one.axCorSag === ({transverse: 0, above: 1, along: 2, '3d': 4})[name])"
        ".leftTopWidthHeight.map(value => value / viewer.picture.views[0].nv.uiData.dpr)",
        name,
    )
    box = page.locator("#canvas").bounding_box()
    return {"x": box["x"] + left, "y": box["y"] + top, "width": width, "height": height}


def test_the_page_works_without_any_other_address(page) -> None:
    assert page.get_attribute("body", "data-state") == "ready"
    assert page.problems == []
    assert page.url == page.home  # the link and its word are gone from the address bar
    port = page.home.split("/")[2]
    assert all(url.startswith((f"http://{port}/", "file:", "data:", "blob:")) for url in page.asked)
    assert page.evaluate("document.cookie") == ""  # scripts cannot read it
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.reload()
    page.wait_for_selector("body[data-state=ready]")


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
    scan, lateral, depth = (
        round(-mm / size)
        for mm, size in zip(np.array(one.focus_mm)[[2, 0, 1]], SPACING_MM, strict=True)
    )
    assert f"scan {scan}, lateral {lateral}, depth {depth}" in place
    # The header of this file is turned, so it knows the patient.
    right, front, top = hand_scene.to_patient @ [scan, lateral, depth, 1]
    for value, plus, minus in ((right, "R", "L"), (front, "A", "P"), (top, "S", "I")):
        assert f"{minus if value < 0 else plus} {abs(value):.1f}" in place


def test_n_steps_through_the_doubtful_ones(page, hand_scene: ViewerScene) -> None:
    doubtful = doubtful_of(hand_scene)
    page.locator('#structures [data-label="38"] button').click()
    steps = []
    for _ in doubtful:
        page.keyboard.press("n")
        steps.append(selected(page))
        one = hand_scene.labelled.structures[steps[-1] - 1]
        message = one.messages[0]
        reason = message.removeprefix(f"{one.structure.name}: ")
        assert message in page.inner_text("#details")
        row = page.locator(f'#structures [data-label="{steps[-1]}"]')
        assert reason in row.locator(".reason").inner_text()  # below it in the list as well
        focused = page.evaluate("document.activeElement.closest('li')?.dataset.label")
        assert focused == str(steps[-1])
        described = page.evaluate("document.activeElement.getAttribute('aria-describedby')")
        assert reason in page.inner_text(f"#{described}")
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
    page.select_option("#layout", "along")
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
    page.select_option("#layout", "grid")


def test_a_drag_turns_3d_and_selects_nothing(page, hand_scene: ViewerScene) -> None:
    absent = next(one for one in hand_scene.labelled.structures if one.near is not None)
    page.locator(f'#structures [data-label="{absent.structure.value}"] button').click()
    before = picture(page)
    box = slice_box(page, "3d")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y)
    page.mouse.up()
    turned = picture(page)
    assert changed(before, turned) > 0.002
    assert selected(page) == absent.structure.value
    page.mouse.wheel(0, -100)
    page.wait_for_function("viewer.picture.views[0].nv.scene.volScaleMultiplier !== 1.05")
    assert changed(turned, picture(page)) > 0.002


def test_a_bone_is_drawn_where_its_indices_say(page, hand_case) -> None:
    """Scan index 0 is at the top, depth 0 at the top or left, lateral runs to the right."""
    label = 31  # far from the middle along every axis
    middle = (np.array(SHAPE) - 1) / 2
    offset = (np.argwhere(hand_case.voxels == label).mean(axis=0) - middle) * SPACING_MM
    scan, lateral, depth = offset
    page.locator(f'#structures [data-label="{label}"] button').click()
    box = page.locator(f'#structures [data-label="{label}"] input')
    for layout, right_mm, down_mm in (
        ("transverse", lateral, depth),
        ("above", lateral, scan),
        ("along", depth, scan),
    ):
        page.select_option("#layout", layout)
        shown = picture(page)
        box.uncheck()
        is_bone = np.abs(shown - picture(page)).max(axis=2) > 5
        box.check()
        assert is_bone.sum() > 8
        down, right = np.argwhere(is_bone).mean(axis=0) - (np.array(is_bone.shape) - 1) / 2
        expected = np.array([right_mm, down_mm]) / np.hypot(right_mm, down_mm)
        assert np.array([right, down]) / np.hypot(right, down) == pytest.approx(expected, abs=0.15)
        assert np.abs(expected).min() > 0.1  # or a mirrored picture would pass
    page.select_option("#layout", "grid")


def test_slices_say_what_they_are_and_where_the_scan_begins(page, hand_scene) -> None:
    marks = page.inner_text(".marks")
    for words in ("Transverse · scan ", "From above · depth ", "Along the hand · lateral ", "3D"):
        assert words in marks
    # This header knows the patient: letters say which side each of these is.
    towards = np.array(hand_scene.to_patient)[:, :3] * -1
    for axis, words in ((0, "scan 0 · "), (2, "depth 0 · probe · ")):
        along = towards[:, axis]
        most = int(np.abs(along).argmax())
        assert words + ("RAS" if along[most] > 0 else "LPI")[most] in marks


def test_a_finger_and_a_kind_have_one_switch_each(page, hand_scene: ViewerScene) -> None:
    def shown() -> set[int]:
        return {
            int(one.get_attribute("data-label"))
            for one in page.locator("#structures li:has(input:checked)").element_handles()
        }

    structures = {one.structure.value: one for one in hand_scene.labelled.structures}
    there = {value for value, one in structures.items() if one.measurement.present}
    assert shown() == there
    thumb = page.locator('[data-group="thumb"] h3 input')
    thumb.uncheck()
    assert shown() == {one for one in there if structures[one].structure.group != "thumb"}
    epiphyses = page.get_by_label("epiphyses", exact=True)
    assert epiphyses.evaluate("one => one.indeterminate")
    bones = page.get_by_label("bones", exact=True)
    bones.check()  # it was half checked
    bones.uncheck()
    assert {structures[one].structure.kind for one in shown()} == {"epiphysis"}
    page.click("#show-all")
    assert shown() == there
    assert thumb.is_checked()
    assert bones.is_checked()


def test_the_window_follows_presets_numbers_and_the_right_button(page) -> None:
    page.select_option("#layout", "above")
    full = picture(page)
    page.select_option("#window-preset", "Bone")
    narrow = picture(page)
    assert changed(full, narrow) > 0.05
    level, width = (float(page.input_value(f"#window-{name}")) for name in ("level", "width"))
    box = slice_box(page, "above")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x + 40, y + 80)
    page.mouse.up(button="right")
    perpixel = 255 / 400
    assert float(page.input_value("#window-level")) == pytest.approx(level + 80 * perpixel, 0.01)
    assert float(page.input_value("#window-width")) == pytest.approx(width + 40 * perpixel, 0.01)
    assert page.input_value("#window-preset") == "Own"
    page.fill("#window-width", "-5")
    page.press("#window-width", "Enter")
    assert float(page.input_value("#window-width")) > 0  # nonsense is not taken
    page.select_option("#window-preset", "Full range")
    assert changed(full, picture(page)) < 0.01
    page.select_option("#layout", "grid")


def test_a_line_measures_mm_of_the_slice(page) -> None:
    page.select_option("#layout", "above")
    page.locator("#canvas").focus()
    page.keyboard.press("m")
    box = slice_box(page, "above")
    mm_per_pixel = SHAPE[1] * SPACING_MM[1] / box["width"]
    assert SHAPE[0] * SPACING_MM[0] / box["height"] == pytest.approx(mm_per_pixel, rel=0.02)
    x, y = box["x"] + 20, box["y"] + 30
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 10)
    page.mouse.move(x + 60, y + 80)
    page.mouse.up()
    measured = page.inner_text("#measured")
    assert float(measured.removesuffix(" mm")) == pytest.approx(100 * mm_per_pixel, rel=0.02)
    canvas = page.locator("#canvas").bounding_box()
    ends = page.locator(".view svg line").evaluate(
        "one => ['x1', 'y1', 'x2', 'y2'].map(name => Number(one.getAttribute(name)))"
    )
    start = [x - canvas["x"], y - canvas["y"]]
    assert ends == pytest.approx([*start, start[0] + 60, start[1] + 80], abs=1)
    page.keyboard.press("Escape")
    assert page.inner_text("#measured") == ""
    assert page.locator(".view svg line").count() == 0
    page.keyboard.press("c")
    page.select_option("#layout", "grid")


def test_arrow_keys_move_the_crosshair_by_voxels(page) -> None:
    page.locator('#structures [data-label="13"] button').click()

    def place() -> list[int]:
        return [
            int(number)
            for number in re.findall(r"(?:scan|lateral|depth) (\d+)", page.inner_text("#place"))
        ]

    before = np.array(place())
    page.locator("#canvas").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "PageDown", "PageDown", "PageUp"):
        page.keyboard.press(key)
    assert (np.array(place()) - before).tolist() == [2, 1, 1]


def test_everything_that_can_be_used_has_a_name(page) -> None:
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input, select, canvas')].filter(one => !("
        "one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length"
        ")).map(one => one.outerHTML)"
    )
    assert nameless == []


@pytest.mark.parametrize("layout", ["grid", "large-transverse", "large-above", "large-along"])
def test_slices_use_the_window(page, layout: str) -> None:
    """The picture has all that the list does not need, and no tile could be larger in its place."""
    page.select_option("#layout", layout)
    view = page.locator("#picture").bounding_box()
    assert view["width"] + page.locator("aside").bounding_box()["width"] >= SMALL["width"] - 2
    for title in page.locator(".marks .plane").all():
        box = title.bounding_box()
        assert view["x"] <= box["x"]
        assert box["x"] + box["width"] <= view["x"] + view["width"]
    if layout != "grid":
        box = slice_box(page, layout.removeprefix("large-"))
        assert box["width"] > 0.55 * view["width"] or box["height"] > 0.98 * view["height"]
    page.select_option("#layout", "grid")


def test_two_segmentations_stand_side_by_side(browser, hand_case, tmp_path: Path) -> None:
    other = hand_case.voxels.copy()
    other[other == 13] = 0
    table = hand_label_table()
    geometry = read_geometry(hand_case.labels)
    write_labels(tmp_path / "truth.seg.nrrd", other, geometry, table)
    scene = read_scene(hand_case.volume, hand_case.labels, compared=tmp_path / "truth.seg.nrrd")
    with opened_page(browser, scene, {"width": 1100, "height": 560}) as page:
        assert page.problems == []
        titles = page.locator(".view .title").all_inner_texts()
        assert titles == ["scan.seg.nrrd", "truth.seg.nrrd"]
        page.locator('#structures [data-label="13"] button').click()
        row = page.locator('#structures [data-label="13"]')
        assert row.locator(".dice").inner_text() == "0.00"
        assert page.locator('#structures [data-label="14"] .dice').inner_text() == "1.00"
        assert "truth.seg.nrrd" in page.inner_text("#details thead")
        places = page.evaluate("viewer.picture.views.map(one => [...one.nv.scene.crosshairPos])")
        assert places[0] == pytest.approx(places[1], abs=1e-5)
        left, right = (
            np.asarray(Image.open(io.BytesIO(one.screenshot(timeout=PATIENCE_MS))).convert("RGB"))
            for one in page.locator(".view").element_handles()
        )
        height, width = min(left.shape[0], right.shape[0]), min(left.shape[1], right.shape[1])
        differ = np.abs(left[40:height, :width].astype(int) - right[40:height, :width]).max(axis=2)
        assert (differ > 20).mean() > 1e-4  # the bone is in one of them only


def test_a_touch_screen_selects_and_measures(browser, hand_scene: ViewerScene) -> None:
    size = {"width": 1024, "height": 700}
    with opened_page(browser, hand_scene, size, has_touch=True, is_mobile=True) as page:
        row = page.locator('#structures [data-label="12"] button')
        row.tap()
        assert selected(page) == 12
        box = page.locator("#next-doubtful").bounding_box()
        assert box["height"] >= 36
        page.locator('[data-tool="measure"]').tap()
        place = slice_box(page, "above")
        points = [{"x": place["x"] + 20 + step, "y": place["y"] + 40} for step in (0, 20, 50)]
        touch = page.context.new_cdp_session(page)
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
        for point in points[1:]:
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        expected = 50 * SHAPE[1] * SPACING_MM[1] / place["width"]
        measured = page.inner_text("#measured")
        assert float(measured.removesuffix(" mm")) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("label", [10, 20, 30, 38])
def test_the_details_of_a_structure_do_not_cover_it_in_the_list(page, label: int) -> None:
    page.evaluate("viewer.list.select(1)")
    page.evaluate("document.getElementById('details').replaceChildren()")
    page.evaluate("document.getElementById('structures').scrollTop = 0")
    page.evaluate(f"viewer.list.select({label})")
    row = page.locator(f'#structures [data-label="{label}"]').bounding_box()
    shown = page.locator("#structures").bounding_box()
    assert shown["y"] <= row["y"]
    assert row["y"] + row["height"] <= shown["y"] + shown["height"] + 1


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_common_screens_show_everything_without_scrolling(
    browser, hand_scene: ViewerScene, size: tuple[int, int]
) -> None:
    width, height = size
    with opened_page(browser, hand_scene, {"width": width, "height": height}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.documentElement.scrollHeight") <= height
        picture_box = page.locator("#picture").bounding_box()
        assert picture_box["width"] * picture_box["height"] > 0.6 * width * height
        buttons = [button.bounding_box()["y"] for button in page.locator("#buttons button").all()]
        assert max(buttons) - min(buttons) < 1  # in one row
        for name in ("#details", "#next-doubtful", "#place", "footer", "#labels-opacity"):
            box = page.locator(name).bounding_box()
            assert min(box["x"], box["y"]) >= 0
            assert box["x"] + box["width"] <= width + 1
            assert box["y"] + box["height"] <= height + 1
