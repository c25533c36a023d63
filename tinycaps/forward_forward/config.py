"""The sizes and choices of a forward-forward network, in one place."""
import dataclasses

from ..checks import check_count
from .goodness import GOALS
from .length_normalisation import SCALES


@dataclasses.dataclass(frozen=True)
class FFConfig:
    """A stack of relu layers, each with its own objective, and a linear softmax predictor beside it.

    Parameters
    ----------
    image_shape : (h, w, c)
        Room for the label included.
    classes : int
    hidden : tuple of int
        Units of each layer.
    theta : float, optional
        Threshold on goodness; by default each layer's number of units.
    goal : "maximise" or "minimise"
        The goodness of positive data.
    scale : "mean square" or "length"
        What length normalisation makes one.
    label_strength : float
        Value of the label pixel that is on.
    peer_weight : float
        λ of peer normalisation; 0 for none.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or a choice is none of those named.
    """

    image_shape: tuple = (28, 28, 1)
    classes: int = 10
    hidden: tuple = (1000, 1000, 1000)
    theta: float | None = None
    goal: str = "maximise"
    scale: str = "mean square"
    label_strength: float = 1.0
    peer_weight: float = 0.03

    def __post_init__(self):
        object.__setattr__(self, "image_shape", tuple(self.image_shape))
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if len(self.hidden) < 2:
            raise ValueError(f"hidden: got {self.hidden}, wanted at least two layers: the first one is left out of the decision")
        if len(self.image_shape) != 3:
            raise ValueError(f"image_shape: got {self.image_shape}, wanted (h, w, c)")
        for name in "image_shape", "hidden":
            check_count(**{f"{name}[{k}]": size for k, size in enumerate(getattr(self, name))})
        check_count(classes=self.classes)
        if self.classes > self.pixels:
            raise ValueError(f"classes: got {self.classes}, wanted at most the {self.pixels} pixels of an image: each class needs one")
        for name, choices in ("goal", GOALS), ("scale", SCALES):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, wanted {' or '.join(choices)}")
        for name, value in ("theta", 1.0 if self.theta is None else self.theta), ("label_strength", self.label_strength):
            if value is None or not 0 < value < float("inf"):
                raise ValueError(f"{name}: got {value!r}, wanted a finite number above 0")
        if not 0 <= self.peer_weight < float("inf"):
            raise ValueError(f"peer_weight: got {self.peer_weight!r}, wanted a finite number of at least 0")

    @property
    def pixels(self):
        """Numbers in an image."""
        h, w, c = self.image_shape
        return h * w * c
