"""The settings of the service that commands go by."""

from logsrv.cli.settings_of_service import names_configuration, settings


def test_the_configuration_of_the_service_of_this_machine(tmp_path, monkeypatch):
    """Unless another is named, by an option or its variable."""
    for name in ("usual", "other"):
        text = f'directory = "/srv/{name}"\n[[listener]]\nlisten = "tcp:1234"\n'
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("logsrv.cli.settings_of_service.CONFIGURATION", str(tmp_path / "usual"))
    monkeypatch.delenv("LOGSRV_CONFIG", raising=False)
    assert str(settings({}).directory) == "/srv/usual"
    assert str(settings({"config": [str(tmp_path / "other")]}).directory) == "/srv/other"
    assert not names_configuration({})
    assert str(settings({"directory": ["/srv/given"]}, usual=False).directory) == "/srv/given"
    monkeypatch.setenv("LOGSRV_CONFIG", str(tmp_path / "other"))
    assert names_configuration({})
    assert str(settings({}).directory) == "/srv/other"
