"""The contenders "torch" and "torch tuned": the same CapsNet in PyTorch, eager.

It is written with care for speed: the votes are one batched product, laid out so that every round
of routing is a batched matrix product too; relu works in place. Capsules stand in tinycaps' order
(row, column, type), the parameters in PyTorch's own layouts.
"""
import torch
from torch import nn
from torch.nn import functional as F

from demos.benchmark.torch_contender import SAME, TRANSPOSED, TorchContender

TINY = 1e-30
"""Under a square root: nothing to float32 values, but its derivative at zero is finite."""


def squash(s):
    """S17 Eq. 1 along the last axis."""
    squared = s.square().sum(dim=-1, keepdim=True)
    return s * ((squared + TINY).sqrt() / (1 + squared))


class CapsNet(nn.Module):
    """The network of a CapsNetConfig; ``lap(part)`` is called when a part is over, both ways."""

    def __init__(self, config):
        super().__init__()
        types, dims = config.primary_types, config.primary_dims
        self.config = config
        self.conv1 = nn.Conv2d(config.image_shape[2], config.conv_channels, config.conv_kernel)
        self.primary = nn.Conv2d(config.conv_channels, types * dims, config.primary_kernel,
                                 config.primary_stride)
        poses = config.classes * config.class_dims
        self.digit = nn.Parameter(torch.empty(config.primary_capsules, dims, poses))
        h, w, c = config.image_shape
        sizes = (poses, *config.decoder_hidden, h * w * c)
        self.decoder = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x, truth, lap):
        """Return the loss of images (n, c, h, w) whose classes are one-hot."""
        def end(t, part):
            lap(f"{part} forward")
            return t

        h = end(F.relu(self.conv1(x), inplace=True), "conv1")
        u = end(self.capsules(self.primary(h)), "primary")
        u_hat = end(self.votes(u), "predictions")
        v = end(self.route(u_hat), "routing")
        loss = end(self.loss(v, x, truth), "decoder and losses")
        parts = (v, "decoder and losses"), (u_hat, "routing"), (u, "predictions"), (h, "primary")
        for tensor, part in parts:
            tensor.register_hook(lambda gradient, part=part: lap(f"{part} backward"))
        return loss

    def capsules(self, h):
        """Read channels as capsules: u (i, n, p)."""
        types, dims = self.config.primary_types, self.config.primary_dims
        s = h.view(len(h), types, dims, -1).permute(3, 1, 0, 2).reshape(-1, len(h), dims)
        return squash(s)

    def votes(self, u):
        """Multiply, and lay out for the rounds: û (n, j, i, q)."""
        j, q = self.config.classes, self.config.class_dims
        u_hat = torch.bmm(u, self.digit).view(*u.shape[:2], j, q)
        return u_hat.permute(1, 2, 0, 3).contiguous()

    def route(self, u_hat):
        """S17 Procedure 1, the gradient through all rounds."""
        b = u_hat.new_zeros(u_hat.shape[:3])
        for t in range(self.config.iterations):
            c = F.softmax(b, dim=1)
            v = squash(torch.matmul(c.unsqueeze(2), u_hat).squeeze(2))
            if t < self.config.iterations - 1:
                b = b + torch.matmul(u_hat, v.unsqueeze(3)).squeeze(3)
        return v

    def loss(self, v, x, truth):
        """Margin loss and reconstruction, mean over samples."""
        length = (v.square().sum(dim=-1) + TINY).sqrt()
        margin = (truth * F.relu(0.9 - length).square()
                  + 0.5 * (1 - truth) * F.relu(length - 0.1).square())
        h = (v * truth.unsqueeze(2)).flatten(1)
        for layer in self.decoder[:-1]:
            h = F.relu(layer(h), inplace=True)
        pixels = x.permute(0, 2, 3, 1).flatten(1)
        error = (torch.sigmoid(self.decoder[-1](h)) - pixels).square().sum()
        return (margin.sum() + self.config.reconstruction_weight * error) / len(v)

    def named(self):
        """Yield each parameter's name in tinycaps, itself, and functions to its layout and back."""
        i, j, q = self.digit.shape[0], self.config.classes, self.config.class_dims
        kernel = (lambda W: W.permute(3, 2, 0, 1)), (lambda W: W.permute(2, 3, 1, 0))
        yield ("digit.W", self.digit, lambda W: W.reshape(i, j * q, -1).transpose(1, 2),
               lambda W: W.transpose(1, 2).reshape(i, j, q, -1))
        layers = {"conv1": self.conv1, "primary": self.primary}
        layers |= {f"decoder.{k}": layer for k, layer in enumerate(self.decoder)}
        for name, layer in layers.items():
            layout = TRANSPOSED if isinstance(layer, nn.Linear) else kernel
            yield f"{name}.W", layer.weight, *layout
            yield f"{name}.bias", layer.bias, *SAME


class AsInstalled(TorchContender):
    """The network and Adam."""

    network = CapsNet

    def __init__(self, task):
        super().__init__(task)
        images, labels = (torch.from_numpy(array).to(self.where)
                          for array in (task.images, task.labels))
        self.x = images.permute(0, 3, 1, 2).contiguous()
        self.truth = F.one_hot(labels, task.config.classes).to(self.x.dtype)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.001, **self.fused)

    def _differentiate(self):
        loss = self.model(self.x, self.truth, self.watch.lap)
        loss.backward()
        self.watch.lap("conv1 backward")
        return loss


class Tuned(AsInstalled):
    """The same, tuned."""

    tuned = True
