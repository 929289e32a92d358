"""The manifest of an archived segment."""

import json

import pytest
from hypothesis import strategies as st

from logsrv.linelog.archive.names import (
    archived_segment_names,
    manifest_object_name,
    store_identities,
)
from logsrv.linelog.store.notes.digest import FileDigest
from logsrv.linelog.store.notes.manifest import (
    Manifest,
    NewerFormat,
    decode_manifest,
    encode_manifest,
    frame_checksum,
)
from logsrv.linelog.store.times import Times
from tests.parts.archived_stores import STORE

NAME = "0000000007-20261120T061842Z"
TIME = "2026-11-20T06:18:42.123456Z"
SHA = "cd" * 32
FILES = {".log.zst": FileDigest(5, SHA), ".log.zst.idx": FileDigest(6, SHA)}
MADE = Manifest(STORE, NAME, FILES, 100, 3, Times(TIME, TIME, True), (frame_checksum(b"a"),))

digests = st.text("0123456789abcdef", min_size=64, max_size=64)
files = st.builds(FileDigest, st.integers(0, 1 << 10), digests)


@pytest.mark.parametrize("words", [{}, {".log.zst.words": FileDigest(0, SHA)}])
@pytest.mark.parametrize("times", [MADE.times, Times(None, None, False)])
@pytest.mark.parametrize("frames", [(), tuple(map(frame_checksum, (b"", b"a")))])
def test_a_manifest_is_read_as_it_was_written(words, times, frames):
    made = Manifest(STORE, NAME, FILES | words, 1 << 60, 3, times, frames)
    assert decode_manifest(encode_manifest(made)) == made
    assert encode_manifest(made).count(b"\n") == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 0),
        ("format", "1"),
        ("store", "../../../../../../../etc/passwd....."),
        ("store", STORE + "\n"),
        ("name", "../" + NAME),
        ("name", NAME + "\n"),
        ("name", "0000000001-20269999T999999Z"),
        ("files", {}),
        ("files", {**FILES, "/../../x": FILES[".log.zst"]}),
        ("files", {**FILES, ".log.zst": [-1, SHA]}),
        ("files", {**FILES, ".log.zst": [True, SHA]}),
        ("times", ["yesterday", None, True]),
        ("frames", ["x"]),
        ("text", -1),
    ],
)
def test_names_that_could_lead_elsewhere_are_refused(key, value):
    """It may come from anybody who can write into the archive."""
    found = {**json.loads(encode_manifest(MADE)), key: value}
    with pytest.raises(ValueError, match="no manifest"):
        decode_manifest(json.dumps(found).encode())


@pytest.mark.parametrize("more", [{}, {"files": []}, {"new": True}])
def test_a_manifest_of_a_newer_version_is_told_from_a_damaged_one(more):
    found = {**json.loads(encode_manifest(MADE)), "format": 2, **more}
    with pytest.raises(NewerFormat, match="has format 2, and this logsrv reads up to 1"):
        decode_manifest(json.dumps(found).encode())


def test_the_files_of_a_manifest_come_in_the_order_of_putting():
    words = MADE._replace(files={**FILES, ".log.zst.words": FileDigest(7, SHA)})
    text = f"{STORE}/{NAME}.log.zst"
    assert list(words.objects) == [f"{text}.words", f"{text}.idx", text]
    assert manifest_object_name(STORE, f"{NAME}.log.zst") == f"{STORE}/{NAME}.json"
    assert (words.number, words.segment.name) == (7, f"{NAME}.log.zst")


def test_only_manifests_tell_of_segments():
    other = "12" * 16
    names = [
        f"{STORE}/0000000009-20261120T061842Z.json",
        f"{STORE}/{NAME}.json",
        f"{STORE}/0000000008-20261120T061842Z.log.zst",
        f"{other}/{NAME}.json",
        f"{STORE}/x/{NAME}.json",
        f"{STORE}/{NAME}.json.tmp",
        f"{STORE}/0999999999-20261120T061842Z.json",
        "README",
    ]
    assert archived_segment_names(names, STORE) == [NAME, "0000000009-20261120T061842Z"]
    assert store_identities([STORE, "lost+found", other]) == [other, STORE]


@pytest.mark.parametrize(
    ("behind", "size"),
    [(".log.zst", 1 << 61), (".log.zst.idx", 1 << 20), (".log.zst.words", 1 << 30)],
)
def test_sizes_that_the_frames_do_not_make_are_refused(behind, size):
    files = {**FILES, behind: FileDigest(size, SHA)}
    with pytest.raises(ValueError, match="too large for the number of frames"):
        decode_manifest(encode_manifest(MADE._replace(files=files)))


def test_a_manifest_that_would_take_many_times_its_size_is_refused():
    whole = encode_manifest(MADE).rstrip(b"}\n")
    for value in (b"[]", b"{}", b'""', b"0"):
        with pytest.raises(ValueError, match="values"):
            decode_manifest(whole + b',"more":[' + b",".join([value] * 10_000) + b"]}")
