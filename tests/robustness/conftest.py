"""The number of trials: a sample by default, all of them with --long."""
import pytest

LONG = 50
"""Times the trials of the sample."""


@pytest.fixture
def trials(request):
    """Return a function that turns the trials of the sample into those of this run."""
    return lambda count: count * (LONG if request.config.getoption("--long") else 1)
