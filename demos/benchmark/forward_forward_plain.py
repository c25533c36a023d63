"""The contender "plain": forward-forward as it stands in `tinycaps.forward_forward`."""
from demos.benchmark.contender import TinyCaps
from demos.benchmark.forward_forward import PARTS, UPDATE, gumbel
from tinycaps.forward_forward import ff_update, learning, supervised_gradients


class Plain(TinyCaps):
    """The functions to read."""

    ends = {learning: {"predictor_gradients": (None, PARTS[0])}}

    def __init__(self, task):
        super().__init__(task)
        self.seed, self.steps = task.seed, 0

    def _differentiate(self):
        rng = gumbel(self.seed, self.steps)
        loss, grads = supervised_gradients(self.params, self.images, self.labels, rng, self.config)
        self.watch.lap("layers")
        return loss, grads

    def _update(self, grads):
        ff_update(self.params, grads, self.state, **UPDATE)
        self.steps += 1
