"""The contenders "torch" and "torch tuned": the same forward-forward step in PyTorch, eager.

Each layer has a loss of its own, that autograd takes down to its weights and no further, for its
input is detached. It is written with care for speed: positive and negative samples go through a
layer in one product; relu and normalisation work in place; the goodness of a layer is also the
square of the length that its activities are divided by; peer normalisation is one sum of the total
inputs' gradient and an outer product. It is the published experiment and no other: goodness
maximised, a mean square of one, hard negatives.
"""
import torch
from torch import nn
from torch.nn import functional as F

from demos.benchmark.forward_forward import PARTS, UPDATE, gumbel
from demos.benchmark.torch_contender import SAME, TRANSPOSED, TorchContender

TINY = 1e-30
"""The least sum of squares to divide by: activities with less are zero, and stay so."""
DECAY = 0.9
"""Of the running means of peer normalisation."""


def normalise_(y, squares):
    """Make, in place, the mean square of each row one; the sums of its squares are known."""
    return y.mul_((y.shape[1] / squares.clamp_min(TINY)).sqrt().unsqueeze(1))


class Layer(nn.Linear):
    """A relu layer; its running means have their next values for a gradient, as in tinycaps."""

    def __init__(self, inputs, units, theta, peer_weight):
        super().__init__(inputs, units)
        self.theta, self.peer_weight = theta or units, peer_weight
        self.register_buffer("mean_activity", torch.empty(units))

    def learn(self, x, positive):
        """Leave gradients; return the loss, detached activities, and the sums of their squares."""
        n = len(x) // 2
        z = self(x)
        # Peer normalisation: relus that are off are pulled too.
        z.register_hook(lambda gradient: torch.addr(gradient, positive, pull))
        y = F.relu(z, inplace=True)
        goodness = y.square().sum(dim=1)
        loss = F.softplus((1 - 2 * positive) * (goodness - self.theta)).sum() / n
        running = DECAY * self.mean_activity + (1 - DECAY) * y.detach()[:n].mean(dim=0)
        apart = running - running.mean()
        pull = 2 * self.peer_weight / n * apart
        self.mean_activity.grad = running
        loss.backward()
        peers = self.peer_weight / (1 - DECAY) * apart.square().sum()
        return loss.detach() + peers, y.detach(), goodness.detach()


class Network(nn.Module):
    """The network of an FFConfig."""

    def __init__(self, config):
        super().__init__()
        sizes = (config.pixels, *config.hidden)
        self.classes, self.label_strength = config.classes, config.label_strength
        self.layers = nn.ModuleList(Layer(a, b, config.theta, config.peer_weight)
                                    for a, b in zip(sizes, sizes[1:]))
        self.softmax = nn.Linear(sum(sizes[2:]), config.classes)

    def predict(self, images, labels):
        """Leave the predictor's gradients; return its logits of images (n, f), label neutral."""
        x, heard = images.clone(), []
        x[:, :self.classes] = self.label_strength / self.classes
        with torch.no_grad():
            for layer in self.layers:
                x = F.relu(layer(normalise_(x, x.square().sum(dim=1))), inplace=True)
                heard.append(x)
            normalise_(x, x.square().sum(dim=1))
        logits = self.softmax(torch.cat(heard[1:], dim=1))
        F.cross_entropy(logits, labels).backward()
        return logits.detach()

    def learn(self, images, labels, wrong):
        """Leave the layers' gradients; return the mean of their losses."""
        x = torch.cat((images, images))
        shown = F.one_hot(torch.cat((labels, wrong)), self.classes)
        x[:, :self.classes] = self.label_strength * shown
        positive = (torch.arange(len(x), device=x.device) < len(images)).to(x.dtype)
        squares, total = x.square().sum(dim=1), 0.0
        for layer in self.layers:
            loss, x, squares = layer.learn(normalise_(x, squares), positive)
            total = total + loss
        return total / len(self.layers)

    def named(self):
        """Yield each parameter's name in tinycaps, itself, and functions to its layout and back."""
        for name, layer in [*enumerate(self.layers), ("softmax", self.softmax)]:
            yield f"{name}.W", layer.weight, *TRANSPOSED
            yield f"{name}.bias", layer.bias, *SAME
        for name, layer in enumerate(self.layers):
            yield f"{name}.mean_activity", layer.mean_activity, *SAME


class AsInstalled(TorchContender):
    """The network, and SGD with momentum and weight decay, but not of biases."""

    network = Network

    def __init__(self, task):
        super().__init__(task)
        self.seed, self.steps = task.seed, 0
        self.images = torch.from_numpy(task.images).to(self.where).flatten(1)
        self.labels = torch.from_numpy(task.labels).to(self.where)
        rate = UPDATE["learning_rate"]
        groups = [(rate, UPDATE["weight_decay"], self.model.layers),
                  (rate * UPDATE["predictor_rate"], UPDATE["predictor_decay"],
                   [self.model.softmax])]
        parameters = []
        for lr, decay, linear in groups:
            parameters += [{"params": [layer.weight for layer in linear], "lr": lr,
                            "weight_decay": decay},
                           {"params": [layer.bias for layer in linear], "lr": lr}]
        self.optimiser = torch.optim.SGD(parameters, momentum=UPDATE["momentum"], **self.fused)

    def _differentiate(self):
        logits = self.model.predict(self.images, self.labels)
        self.watch.lap(PARTS[0])
        noise = torch.from_numpy(gumbel(self.seed, self.steps).gumbel(size=logits.shape)).to(logits)
        noisy = (logits + noise).scatter_(1, self.labels.unsqueeze(1), -torch.inf)
        wrong = noisy.argmax(dim=1)
        loss = self.model.learn(self.images, self.labels, wrong)
        self.watch.lap(PARTS[1])
        return loss

    def _update(self):
        super()._update()
        for layer in self.model.layers:
            layer.mean_activity.copy_(layer.mean_activity.grad)
        self.steps += 1


class Tuned(AsInstalled):
    """The same, tuned."""

    tuned = True
