from PIL import Image

from tools import architecture_picture


def test_the_picture_shows_the_imports_of_the_code() -> None:
    """If this fails, draw it again: python tools/architecture_picture.py."""
    with Image.open(architecture_picture.PICTURE) as picture:
        drawn = picture.text["Description"]
    assert drawn == architecture_picture.description(architecture_picture.imports())
