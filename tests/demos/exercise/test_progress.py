"""The file that remembers what was done."""
import json

import pytest

from demos.exercise.progress import note, read_progress


def test_checks_and_hints_add_up_and_what_is_done_stays_done(tmp_path):
    assert read_progress(tmp_path) == {}
    assert note(tmp_path, "squash") == {"state": "tried", "checks": 0, "hints": 0}
    note(tmp_path, "squash", hints=1)
    note(tmp_path, "squash", checks=1, done=True)
    assert note(tmp_path, "squash", checks=1) == {"state": "done", "checks": 2, "hints": 1}
    note(tmp_path, "relu", checks=1)
    assert read_progress(tmp_path).keys() == {"squash", "relu"}
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"squash": 3}', '{"squash": {"state": "done"}}',
                                  '{"squash": {"state": "eaten", "checks": 1, "hints": 0}}',
                                  json.dumps({"relu": dict(state="new", checks="1", hints=2)})])
def test_another_file_is_refused_and_left_alone(text, tmp_path):
    path = tmp_path / "progress.json"
    path.write_text(text)
    for call in (lambda: read_progress(tmp_path)), (lambda: note(tmp_path, "relu")):
        with pytest.raises(ValueError, match=r"^progress: got .*progress.json with other content"):
            call()
    assert path.read_text() == text
