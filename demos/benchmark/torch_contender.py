"""What the contenders in PyTorch have in common, and PyTorch's own matrix product."""
import os

import torch

from demos.benchmark.contender import Contender, Stopwatch, peak_memory

SAME = (lambda a: a), (lambda a: a)
"""There and back, from tinycaps' layout of a parameter to PyTorch's: of a bias."""
TRANSPOSED = (lambda a: a.t()), (lambda a: a.t())
"""Of the weights of a linear layer."""


class TorchContender(Contender):
    """PyTorch as it is installed, or tuned: a fused optimiser, and on a GPU cuDNN's own search.

    A subclass has ``network``, which makes the model from a config, ``optimiser``, and
    ``_differentiate()``, which leaves gradients and returns the loss. ``model.named()`` yields for
    each parameter its name in tinycaps, and functions that change the layout from there and back.
    """

    tuned = False

    def __init__(self, task):
        self.device, on_gpu = task.device, task.device == "gpu"
        self.where = torch.device("cuda" if on_gpu else "cpu")
        if on_gpu:
            torch.cuda.init()
            torch.backends.cudnn.allow_tf32 = False                     # float32 for everyone
            torch.backends.cudnn.benchmark = self.tuned
        self.model = self.network(task.config).to(self.where)
        with torch.no_grad():
            for name, parameter, there, _ in self.model.named():
                parameter.copy_(there(torch.from_numpy(task.params[name])))
        self.fused = {"fused": True} if self.tuned else {}
        self.watch = Stopwatch(torch.cuda.synchronize if on_gpu else None)
        self.peak = torch.cuda.max_memory_reserved if on_gpu else peak_memory

    def about(self):
        """Return what a reader of the numbers wants to know."""
        return {"version": torch.__version__, "threads": torch.get_num_threads(),
                "cpu": torch.backends.cpu.get_cpu_capability(),
                "malloc": {name: value for name, value in os.environ.items()
                           if name.startswith("MALLOC_")}}

    def gradients(self):
        """Return the loss and the gradients by tinycaps' names and in its layouts, on the host."""
        self.watch.start(False)
        loss = self._differentiate().item()
        grads = {name: back(parameter.grad).contiguous().cpu().numpy()
                 for name, parameter, _, back in self.model.named()}
        self.optimiser.zero_grad()
        return loss, grads

    def step(self, parts):
        """Train for one step; return its seconds, and if wanted those of its parts."""
        self.watch.start(parts)
        self._differentiate()
        self._update()
        return self.watch.stop("optimiser")

    def _update(self):
        self.optimiser.step()
        self.optimiser.zero_grad()


class Multiply:
    """PyTorch's product of large float32 matrices, as `tinycaps.environment.sgemm_rate` does it."""

    def __init__(self, task):
        self.device = "cuda" if task.device == "gpu" else "cpu"

    def rate(self, seconds=0.3):
        """Return the GFLOP/s of the fastest product."""
        size = 4096 if self.device == "cuda" else 2048
        a, b = torch.rand(2, size, size, device=self.device)
        out = torch.mm(a, b)
        watch = Stopwatch(torch.cuda.synchronize if self.device == "cuda" else None)
        fastest, spent = float("inf"), 0.0
        while spent < seconds:
            watch.start(False)
            torch.mm(a, b, out=out)
            fastest = min(fastest, watch.stop("")["step"])
            spent += fastest
        return 2e-9 * size ** 3 / fastest
