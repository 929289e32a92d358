"""A reader whom a store is closed to is told which group it is open to."""

import grp

from logsrv.linelog.store.segments.rights import hint_at_reading_group

DENIED = PermissionError(13, "Permission denied")


def test_the_group_that_may_read_a_store_or_its_parent_directory_is_named(tmp_path):
    outer, store = tmp_path / "outer", tmp_path / "outer/lines"
    store.mkdir(parents=True)
    group = grp.getgrgid(store.stat().st_gid).gr_name
    store.chmod(0o750)
    assert hint_at_reading_group(str(store), DENIED) == f"; the group {group} may read it"
    store.chmod(0o755)
    outer.chmod(0o750)
    assert hint_at_reading_group(str(store), DENIED) == f"; the group {group} may read it"


def test_nobody_is_told_of_a_group_that_may_not(tmp_path):
    tmp_path.chmod(0o700)
    assert hint_at_reading_group(str(tmp_path), DENIED) == ""
    tmp_path.chmod(0o755)
    assert hint_at_reading_group(str(tmp_path), DENIED) == ""
    assert (
        hint_at_reading_group(str(tmp_path), FileNotFoundError(2, "No such file or directory"))
        == ""
    )
