"""The omitted digit: what is never shown, where the shift is chosen, and what it does."""
import numpy as np
import pytest

from demos.distillation import omitted_digit as demo
from demos.distillation import teaching
from tests.demos.calls import call, results
from tinycaps.data import load_digits


@pytest.mark.parametrize("words, omit, only", [
    ([], 3, [7, 8]), (["--omit", 5, "--only", 9, 0, 9], 5, [0, 9])])
def test_students_never_see_what_is_left_out_nor_what_is_set_aside(empty, monkeypatch, words, omit,
                                                                   only):
    seen, chosen_on, train_student, judge = [], [], teaching.train_student, demo.judge

    def watched(name, arguments, data, *rest, hard_weight):
        seen.append(data)
        assert hard_weight == 0                                         # no label is shown
        return train_student(name, arguments, data, *rest, hard_weight)

    def judged(lesson, test, not_shown):
        chosen_on.append(not_shown)
        return judge(lesson, test, not_shown)
    monkeypatch.setattr(teaching, "train_student", watched)
    monkeypatch.setattr(demo, "judge", judged)
    assert call(demo, "--quick", "--hidden", 12, "--teacher-hidden", 20, *words) == 0
    labels, aside = load_digits().train_labels[::5][:256], np.arange(256) % 5 == 0
    transfer = labels[~aside]
    assert np.array_equal(seen[0].train_labels, transfer[transfer != omit])
    assert np.array_equal(seen[1].train_labels, transfer[np.isin(transfer, only)])
    for shown, answers in zip((labels != omit, np.isin(labels, only)), chosen_on, strict=True):
        not_shown = aside | ~shown
        assert np.array_equal(answers.labels, labels[not_shown])
        assert np.array_equal(answers.counts, np.where(shown, 5, 1)[not_shown])
    assert results(demo)["set_aside"] == 52


def test_what_cannot_be_judged_is_refused():
    arguments, labels = demo.build_parser().parse_args([]), np.arange(10)
    assert len(demo.plan(arguments, labels, np.array([3, 7]), labels)) == 2

    def refused(line, aside, tested):
        with pytest.raises(ValueError, match=f"^data: got no {line}, wanted some$"):
            demo.plan(arguments, labels, aside, tested)
    refused("3 to judge it for the student never shown a 3", labels, np.array([7, 8, 9]))
    refused("7 or 8 to choose the shift for the student shown only 7 8", np.array([3, 4]), labels)
    arguments.only = [3, 7]
    refused("0 or 1 or .* or 9 to judge it for the student shown only 3 7", labels,
            np.array([3, 7]))


def test_errors_by_hand():
    logits = np.array([[2, 0, 0], [3, 0, 2], [0, 5, 4], [0, 5, 1.0]])
    labels, lesson = np.array([0, 2, 2, 1]), demo.Lesson("", [0, 1], [2], [2])
    test = demo.Answers(logits, labels, np.ones(4, int))
    one = demo.Answers(logits[1:2], labels[1:2], np.array([1]))
    found = [demo.count_wrong(test, lesson, shift) for shift in (0, 1.5, 3, 5)]
    assert found == [(2, 2), (0, 0), (1, 0), (2, 0)]
    counted = test._replace(counts=np.array([7, 5, 1, 1]))
    assert demo.count_wrong(counted, lesson, 3) == (7, 0)
    found = demo.judge(lesson, test, one)
    assert found[demo.BEFORE] == {"shift": 0.0, "wrong": 2, "wrong of those never shown": 2}
    assert 1 < found[demo.PAPER]["shift"] < 2 and found[demo.PAPER]["wrong"] == 0
    assert found[demo.CHOSEN]["shift"] > 3          # the one image not shown sets no upper bound


def test_an_image_that_counts_nine_times():
    # The first, a 2, is misclassified up to a shift of 2, the second, a 0, from a shift of 1 on:
    # one of them is always wrong.
    lesson, labels = demo.Lesson("", [0, 1], [2], [2]), np.array([2, 0])
    logits = np.array([[2, 0, 0], [3, 0, 2.0]])
    one, nine = (demo.Answers(logits, labels, np.array(counts)) for counts in ([1, 1], [1, 9]))
    found = demo.judge(lesson, one, nine)
    assert found[demo.CHOSEN]["shift"] <= 1
    other = nine._replace(counts=np.array([9, 1]))
    assert demo.judge(lesson, one, other)[demo.CHOSEN]["shift"] > 2
    curves = demo.panel(lesson, found, {"training": nine})["curves"]
    shift, error = curves["training, all"][0]
    assert shift < 1 and error == 0.1 and curves["training, never shown"][0] == (shift, 1.0)


def test_a_shift_brings_back_what_was_never_shown(empty):
    words = ["--teacher-hidden", 150, 150, "--teacher-epochs", 40, "--epochs", 30]
    assert call(demo, *words, "--min-accuracy", 0.94) == 0
    found = results(demo)
    first, second = found["students"].values()
    assert second[demo.BEFORE]["wrong"] > 250 > 180 > second[demo.CHOSEN]["wrong"]
    assert first[demo.CHOSEN]["shift"] > 0 > second[demo.CHOSEN]["shift"]
    missed = [first[case]["wrong of those never shown"] for case in (demo.BEFORE, demo.CHOSEN)]
    assert missed[0] > missed[1]
    assert found["error"] == first[demo.CHOSEN]["wrong"] / 360
    assert found["baseline"] == first[demo.BEFORE]["wrong"] / 360
