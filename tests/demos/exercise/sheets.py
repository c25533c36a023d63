"""What the tests of the exercises write into files."""
from demos.book.source import source
from demos.exercise.catalogue import find_exercises
from demos.exercise.sheet import write_sheet

EXERCISES = find_exercises()
PLAIN = [name for name, exercise in EXERCISES.items() if not exercise.fault]
FAULTY = [name for name, exercise in EXERCISES.items() if exercise.fault]


def write(folder, name, code=None):
    """Write the sheet of an exercise, with another backward if code is given; return its path."""
    path, text = folder / f"{name}.py", write_sheet(EXERCISES[name])
    if code is not None:
        start = text.index(f"def {EXERCISES[name].pair.backward.name}(")
        text = text[:text.rindex("@door", 0, start)] + code
    path.write_text(text, encoding="utf-8")
    return path


def solution(name):
    return source(EXERCISES[name].pair.backward.function)
