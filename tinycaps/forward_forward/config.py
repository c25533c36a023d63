"""The sizes and choices of a forward-forward network, in one place."""
import dataclasses

from ..checks import (check_choice, check_count, check_not_negative, check_positive,
                      plain_fields)
from .goodness import GOALS

FIRST_HEARD = 1
"""The first layer that takes part in the decision.

Layer 0 sees the label's pixels too directly: its goodness and its activities are left out.
"""


@dataclasses.dataclass(frozen=True)
class FFConfig:
    """A stack of relu layers, each with its own objective, and a linear softmax predictor.

    Parameters
    ----------
    image_shape : (h, w, c)
        Room for the label included.
    classes : int
    hidden : tuple of int
        Units of each layer, at least two layers.
    theta : float, optional
        Threshold on goodness; by default each layer's number of units.
    goal : "maximise" or "minimise"
        The goodness of positive data.
    label_strength : float
        Value of the label pixel that is on.
    peer_weight : float
        λ of peer normalisation; 0 for none.

    Notes
    -----
    The defaults are those of Hinton's Matlab; the paper's supervised network has four layers of
    2000 units.
    """

    image_shape: tuple = (28, 28, 1)
    classes: int = 10
    hidden: tuple = (1000, 1000, 1000)
    theta: float | None = None
    goal: str = "maximise"
    label_strength: float = 1.0
    peer_weight: float = 0.03

    def __post_init__(self):
        plain_fields(self)
        object.__setattr__(self, "image_shape", tuple(self.image_shape))
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if len(self.hidden) < 2:
            raise ValueError(f"hidden: got {self.hidden}, wanted at least two layers: the first "
                             "is left out of the decision")
        if len(self.image_shape) != 3:
            raise ValueError(f"image_shape: got {self.image_shape}, wanted (h, w, c)")
        for name in "image_shape", "hidden":
            check_count(**{f"{name}[{k}]": size for k, size in enumerate(getattr(self, name))})
        check_count(classes=self.classes)
        check_choice(GOALS, goal=self.goal)
        if self.theta is not None:
            check_positive(theta=self.theta)
        check_positive(label_strength=self.label_strength)
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
        return {key: shape for k, (f, m) in layers
                for key, shape in ((f"{k}.W", (f, m)), (f"{k}.bias", (m,)))}

    @property
    def mean_shapes(self):
        """Names and shapes of the running means that peer normalisation keeps."""
        return {f"{k}.mean_activity": (m,) for k, m in enumerate(self.hidden)}

    @property
    def predictor_shapes(self):
        """Names and shapes of the predictor's parameters."""
        features = sum(self.hidden[FIRST_HEARD:])
        return {"softmax.W": (features, self.classes), "softmax.bias": (self.classes,)}
