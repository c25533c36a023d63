"""The sizes and choices of a forward-forward network, in one place."""
import dataclasses

from ..checks import check_count, check_not_negative, check_positive
from .goodness import GOALS


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
    label_strength : float
        Value of the label pixel that is on.
    peer_weight : float
        λ of peer normalisation; 0 for none.

    Raises
    ------
    ValueError
        If a size is not a positive integer, or a choice is none of those named.

    Notes
    -----
    The defaults are those of Hinton's Matlab code; the paper's supervised network has four layers of 2000 units.
    """

    image_shape: tuple = (28, 28, 1)
    classes: int = 10
    hidden: tuple = (1000, 1000, 1000)
    theta: float | None = None
    goal: str = "maximise"
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
        if self.goal not in GOALS:
            raise ValueError(f"goal: got {self.goal!r}, wanted {' or '.join(GOALS)}")
        check_positive(label_strength=self.label_strength, **({} if self.theta is None else {"theta": self.theta}))
        check_not_negative(peer_weight=self.peer_weight)

    @property
    def pixels(self):
        """Numbers in an image."""
        h, w, c = self.image_shape
        return h * w * c

    @property
    def thetas(self):
        """Threshold of each layer."""
        return [m if self.theta is None else self.theta for m in self.hidden]

    @property
    def shapes(self):
        """Names and shapes of the layers' parameters."""
        layers = enumerate(zip((self.pixels, *self.hidden), self.hidden))
        return {key: shape for k, (f, m) in layers for key, shape in ((f"{k}.W", (f, m)), (f"{k}.bias", (m,)))}
