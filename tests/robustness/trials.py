"""What a trial may end with: an answer, or an error of one line."""
from contextlib import contextmanager


@contextmanager
def one_line(*errors, said, names=""):
    """Let one of these errors pass if it is one line with what came and what was wanted.

    Parameters
    ----------
    *errors : exception classes
    said : str
        The trial, to repeat it.
    names : str
        What the line must name.
    """
    try:
        yield
    except errors as error:
        text = str(error)
        good = "got" in text and "wanted" in text and "\n" not in text and str(names) in text
        assert good, f"{said}: {type(error).__name__}: {text!r}"
    except Exception as error:
        raise AssertionError(f"{said}: {type(error).__name__}: {error}") from error
