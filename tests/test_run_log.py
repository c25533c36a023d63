"""The log of a run: it can be read at once, and after a resume it is as if nothing had happened."""
import json
from pathlib import Path

import pytest

from tinycaps.run_log import RunLog


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def begun(path):
    """The lines of steps 1, 2 and 3."""
    log = RunLog(path, 0)
    for step in 1, 2, 3:
        log.write(step=step, loss=1 / step)
    return log.lines


def test_lines_are_kept_and_on_the_disk_at_once(tmp_path):
    path = tmp_path / "new" / "log.jsonl"
    log = RunLog(path, 0)
    assert log.lines == [] and not path.exists() and path.parent.is_dir()
    log.write(step=1, loss=0.5)
    assert read(path) == log.lines == [{"step": 1, "loss": 0.5}]
    log.write(step=2, error=0.25)
    assert read(path) == log.lines == [{"step": 1, "loss": 0.5}, {"step": 2, "error": 0.25}]


def test_resumed_at_a_step_it_has_no_later_lines_and_goes_on(tmp_path):
    path = tmp_path / "log.jsonl"
    lines = begun(path)
    log = RunLog(path, 2)
    assert read(path) == log.lines == lines[:2]
    log.write(step=3, loss=0.0)
    assert read(path) == log.lines == lines[:2] + [{"step": 3, "loss": 0.0}]
    assert [file.name for file in tmp_path.iterdir()] == ["log.jsonl"]


def test_begun_anew_it_is_empty(tmp_path):
    begun(tmp_path / "log.jsonl")
    assert RunLog(tmp_path / "log.jsonl", 0).lines == [] == read(tmp_path / "log.jsonl")


def test_a_torn_last_line_is_dropped(tmp_path):
    path = tmp_path / "log.jsonl"
    lines = begun(path)
    for cut in 1, 2, 9, 20:         # the end of the line first, which leaves it whole
        path.write_text("".join(json.dumps(line) + "\n" for line in lines)[:-cut])
        log = RunLog(path, 3)
        assert read(path) == log.lines == (lines if cut == 1 else lines[:2])
        log.write(step=4, loss=0.0)
        assert read(path) == log.lines


def test_bytes_that_are_no_text_end_what_can_be_read(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"step": 1}\n\xff\x00\xfe\n{"step": 2}\n')
    assert RunLog(path, 3).lines == read(path) == [{"step": 1}]


@pytest.mark.parametrize("cut, left", [(0, 3), (1, 3), (2, 2), (75, 0)])
def test_lines_that_are_missing_are_said(tmp_path, caplog, cut, left):
    path = tmp_path / "log.jsonl"
    begun(path)
    path.write_bytes(path.read_bytes()[:-cut or None])
    assert len(RunLog(path, 3, 3).lines) == left
    said = [f"log: got {left} lines in {path}, wanted the 3 up to step 3: the others are lost, the "
            "training goes on"]
    assert caplog.messages == said * (left < 3)


@pytest.mark.parametrize("line", ["7", "[1]", '{"loss": 2}', '{"step": "1"}', "[" * 10 ** 5])
def test_a_line_that_is_none_of_ours_ends_what_can_be_read(tmp_path, line):
    path = tmp_path / "log.jsonl"
    path.write_text(f'{{"step": 1}}\n{line}\n{{"step": 2}}\n')
    assert RunLog(path, 3).lines == [{"step": 1}]


def test_a_full_disk_is_named_with_its_file(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    log = RunLog(tmp_path / "new.jsonl", 0)
    log.path = tmp_path / "log.jsonl"
    with pytest.raises(OSError, match="No space left on device: '.*log.jsonl'"):
        log.write(step=1)
