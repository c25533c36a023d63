"""The same forward-forward step in PyTorch, eager, written with care for speed: the other side of `demos.benchmark`.

Each layer has a loss of its own, that autograd takes down to its weights and no further, for its input is detached. What care means
here: positive and negative samples go through a layer in one product; relu and normalisation work in place; the goodness of a layer is
also the square of the length that its activities are divided by; peer normalisation is one sum of the total inputs' gradient and an
outer product. It is the published experiment and no other: goodness maximised, a mean square of one, hard negatives.
"""
import torch
from torch import nn
from torch.nn import functional as F

from demos.careful_torch import SAME, TRANSPOSED, Careful
from demos.contenders_forward_forward import PARTS, UPDATE, gumbel

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
        """Leave gradients; return the loss, and activities without a past, with the sums of their squares."""
        n = len(x) // 2
        z = self(x)
        z.register_hook(lambda gradient: torch.addr(gradient, positive, pull))      # peer normalisation: relus that are off are pulled too
        y = F.relu(z, inplace=True)
        goodness = y.square().sum(dim=1)
        loss = F.softplus((1 - 2 * positive) * (goodness - self.theta)).sum() / n
        running = DECAY * self.mean_activity + (1 - DECAY) * y.detach()[:n].mean(dim=0)
        apart = running - running.mean()
        pull = 2 * self.peer_weight / n * apart
        self.mean_activity.grad = running
        loss.backward()
        return loss.detach() + self.peer_weight / (1 - DECAY) * apart.square().sum(), y.detach(), goodness.detach()


class Network(nn.Module):
    """The network of an FFConfig."""

    def __init__(self, config):
        super().__init__()
        sizes = (config.pixels, *config.hidden)
        self.classes, self.label_strength = config.classes, config.label_strength
        self.layers = nn.ModuleList(Layer(a, b, config.theta, config.peer_weight) for a, b in zip(sizes, sizes[1:]))
        self.softmax = nn.Linear(sum(sizes[2:]), config.classes)

    def predict(self, images, labels):
        """Leave the predictor's gradients; return its logits, without a past, for images (n, f) with the neutral label."""
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
        x[:, :self.classes] = self.label_strength * F.one_hot(torch.cat((labels, wrong)), self.classes)
        positive = (torch.arange(len(x), device=x.device) < len(images)).to(x.dtype)
        squares, total = x.square().sum(dim=1), 0.0
        for layer in self.layers:
            loss, x, squares = layer.learn(normalise_(x, squares), positive)
            total = total + loss
        return total / len(self.layers)

    def named(self):
        """Yield for each parameter its name in tinycaps, and the functions that change the layout from there and back."""
        for name, layer in [*enumerate(self.layers), ("softmax", self.softmax)]:
            yield f"{name}.W", layer.weight, *TRANSPOSED
            yield f"{name}.bias", layer.bias, *SAME
        for name, layer in enumerate(self.layers):
            yield f"{name}.mean_activity", layer.mean_activity, *SAME


class AsInstalled(Careful):
    """The network, and SGD with momentum and weight decay, but not of biases."""

    network = Network

    def __init__(self, task):
        super().__init__(task)
        self.seed, self.steps = task.seed, 0
        self.images = torch.from_numpy(task.images).to(self.where).flatten(1)
        self.labels = torch.from_numpy(task.labels).to(self.where)
        rate, layers, softmax = UPDATE["learning_rate"], self.model.layers, self.model.softmax
        groups = [(rate, UPDATE["weight_decay"], layers), (rate * UPDATE["predictor_rate"], UPDATE["predictor_decay"], [softmax])]
        self.optimiser = torch.optim.SGD(
            [group for lr, decay, linear in groups
             for group in ({"params": [layer.weight for layer in linear], "lr": lr, "weight_decay": decay},
                           {"params": [layer.bias for layer in linear], "lr": lr})], momentum=UPDATE["momentum"], **self.fused)

    def _differentiate(self):
        logits = self.model.predict(self.images, self.labels)
        self.watch.lap(PARTS[0])
        noise = torch.from_numpy(gumbel(self.seed, self.steps).gumbel(size=logits.shape)).to(logits)
        wrong = (logits + noise).scatter_(1, self.labels.unsqueeze(1), -torch.inf).argmax(dim=1)
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
