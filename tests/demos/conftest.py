"""What a demo is tested in: an empty folder, without the time that figures take."""
import pytest


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr("tinycaps.plot.save", lambda figure, path: None)


@pytest.fixture
def empty(tmp_path, monkeypatch, no_figures):
    """An empty current folder, and no figures."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
