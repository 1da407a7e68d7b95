from ebb.photo.suffixes import PHOTO_SUFFIXES, RAW_SUFFIXES


def test_endings_are_lower_case_with_a_dot() -> None:
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in PHOTO_SUFFIXES)
    assert RAW_SUFFIXES < PHOTO_SUFFIXES
    assert {".jpg", ".heic", ".cr2"} <= PHOTO_SUFFIXES
