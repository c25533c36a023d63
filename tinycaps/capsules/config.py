"""The sizes of CapsNet and of its baseline: the published ones, and small ones for 8x8 digits."""
from dataclasses import dataclass

from ..checks import check_below_one, check_count, check_not_negative, plain_fields


@dataclass(frozen=True)
class CapsNetConfig:
    """Everything about a CapsNet except its parameters; defaults as in the paper (S17 section 4).

    Parameters
    ----------
    image_shape : tuple (h, w, c)
    conv_channels, conv_kernel : int
        First convolution, with stride 1 and relu.
    primary_types, primary_dims, primary_kernel, primary_stride : int
        Second convolution, whose ``primary_types * primary_dims`` channels are cut into capsules.
    classes, class_dims : int
        Class capsules j and their pose dimensions q.
    iterations : int
        Routing rounds r.
    stop_gradient : bool
        Treat the coupling as a constant in the backward.
    decoder_hidden : tuple of int
        Hidden layers of the decoder.
    reconstruction_weight : float
        Weight of the summed squared pixel differences in the loss; with 0 there is no decoder.

    Raises
    ------
    ValueError
        If a size is not a positive integer, a kernel is larger than its image, or the weight is
        negative or not finite.
    """

    image_shape: tuple = (28, 28, 1)
    conv_channels: int = 256
    conv_kernel: int = 9
    primary_types: int = 32
    primary_dims: int = 8
    primary_kernel: int = 9
    primary_stride: int = 2
    classes: int = 10
    class_dims: int = 16
    iterations: int = 3
    stop_gradient: bool = False
    decoder_hidden: tuple = (512, 1024)
    reconstruction_weight: float = 0.0005

    def __post_init__(self):
        plain_fields(self)
        object.__setattr__(self, "image_shape", tuple(self.image_shape))
        object.__setattr__(self, "decoder_hidden", tuple(self.decoder_hidden))
        if len(self.image_shape) != 3:
            raise ValueError(f"image_shape: got {self.image_shape}, wanted (h, w, c)")
        for name, value in vars(self).items():
            if name in ("image_shape", "decoder_hidden"):
                check_count(**{f"{name}[{k}]": size for k, size in enumerate(value)})
            elif name not in ("stop_gradient", "reconstruction_weight"):
                check_count(**{name: value})
        if min(self.grid) < 1:
            pixels = self.conv_kernel + self.primary_kernel - 1
            raise ValueError(f"image_shape: got {self.image_shape}, wanted at least {pixels} "
                             "pixels each way for these kernels")
        check_not_negative(reconstruction_weight=self.reconstruction_weight)
        if not isinstance(self.stop_gradient, bool):
            raise ValueError(f"stop_gradient: got {self.stop_gradient!r}, wanted True or False")

    @property
    def grid(self):
        """Height and width of the grid of primary capsules."""
        return tuple((size - self.conv_kernel + 1 - self.primary_kernel) // self.primary_stride + 1
                     for size in self.image_shape[:2])

    @property
    def primary_capsules(self):
        """Number i of primary capsules."""
        return self.grid[0] * self.grid[1] * self.primary_types

    @property
    def shapes(self):
        """Names and shapes of all parameters but the decoder's."""
        channels = self.primary_types * self.primary_dims
        return {
            "conv1.W": (self.conv_kernel, self.conv_kernel, self.image_shape[2],
                        self.conv_channels),
            "conv1.bias": (self.conv_channels,),
            "primary.W": (self.primary_kernel, self.primary_kernel, self.conv_channels, channels),
            "primary.bias": (channels,),
            "digit.W": (self.primary_capsules, self.classes, self.class_dims, self.primary_dims),
        }

    @property
    def decoder_sizes(self):
        """Sizes of the decoder's layers: j·q, the hidden ones, all pixels."""
        h, w, c = self.image_shape
        return self.classes * self.class_dims, *self.decoder_hidden, h * w * c

    @property
    def decoder_shapes(self):
        """Names and shapes of the decoder's parameters."""
        return mlp_shapes(self.decoder_sizes, "decoder.")


@dataclass(frozen=True)
class CNNConfig:
    """The sizes of the baseline; defaults as in the paper (S17 section 5).

    Parameters
    ----------
    image_shape : tuple (h, w, c)
    channels : tuple of int
        Of the convolutions, each with relu, stride 1 and padding "same".
    kernel : int or tuple of int
        Pixels each way, of all convolutions or of each.
    hidden : tuple of int
        Fully connected layers, at least one; dropout follows the last.
    classes : int
    dropout : float
        Probability that a unit is silenced while training.
    pool : int
        Each convolution is followed by max pooling over windows of this size; 1 means none.
    """

    image_shape: tuple = (28, 28, 1)
    channels: tuple = (256, 256, 128)
    kernel: int | tuple = 5
    hidden: tuple = (328, 192)
    classes: int = 10
    dropout: float = 0.5
    pool: int = 1

    def __post_init__(self):
        plain_fields(self)
        if len(self.image_shape) != 3:
            raise ValueError(f"image_shape: got {self.image_shape}, wanted (h, w, c)")
        if not self.hidden:
            raise ValueError(f"hidden: got {self.hidden}, wanted at least one layer")
        check_below_one(dropout=self.dropout)
        for name, value in vars(self).items():
            if isinstance(value, (tuple, list)):
                check_count(**{f"{name}[{k}]": size for k, size in enumerate(value)})
            elif name != "dropout":
                check_count(**{name: value})
        if len(self.kernels) != len(self.channels):
            raise ValueError(f"kernel: got {self.kernel}, wanted one size, or one for each of the "
                             f"{len(self.channels)} convolutions")
        least = self.pool ** len(self.channels)
        if min(self.image_shape[:2]) < least:
            raise ValueError(f"image_shape: got {self.image_shape}, wanted at least {least} pixels "
                             f"each way, to be pooled by {self.pool} {len(self.channels)} times")

    @property
    def kernels(self):
        """Height and width of the kernel of each convolution."""
        each = isinstance(self.kernel, (tuple, list))
        return tuple(self.kernel) if each else (self.kernel,) * len(self.channels)

    @property
    def shapes(self):
        """Names and shapes of all parameters."""
        h, w, c = self.image_shape
        shapes = {}
        for k, (f, size) in enumerate(zip(self.channels, self.kernels), 1):
            shapes |= {f"conv{k}.W": (size, size, c, f), f"conv{k}.bias": (f,)}
            h, w, c = h // self.pool, w // self.pool, f
        shapes |= mlp_shapes((h * w * c, *self.hidden), "hidden.")
        return shapes | mlp_shapes((self.hidden[-1], self.classes), "output.")


def mlp_shapes(sizes, prefix):
    """Return names and shapes of the parameters that `tinycaps.ops.init_mlp` draws."""
    return {f"{prefix}{k}.{name}": shape for k, (f, m) in enumerate(zip(sizes, sizes[1:]))
            for name, shape in (("W", (f, m)), ("bias", (m,)))}


PAPER = CapsNetConfig()
"""The network of S17 Figures 1 and 2: 8,215,568 parameters, 1,411,344 of them in the decoder."""

DIGITS = CapsNetConfig(image_shape=(8, 8, 1), conv_channels=32, conv_kernel=3, primary_types=32,
                       primary_kernel=5, primary_stride=1, decoder_hidden=(64, 128),
                       reconstruction_weight=0.005)
"""A small one for the embedded 8x8 digits: 128 primary capsules."""

CNN_PAPER = CNNConfig()
"""35,445,522 parameters."""

CNN_DIGITS = CNNConfig(image_shape=(8, 8, 1), channels=(32, 32, 16), kernel=3, hidden=(128, 64))
"""For the embedded 8x8 digits."""

TWO_DIGITS = CapsNetConfig(image_shape=(36, 36, 1))
"""For MultiMNIST (S17 section 6): 11,361,808 parameters, 3,200 primary capsules."""

CNN_TWO_DIGITS = CNNConfig(image_shape=(36, 36, 1), channels=(512, 256), kernel=(9, 5),
                           hidden=(1024,), dropout=0, pool=2)
"""The baseline for MultiMNIST (S17 section 6.2): 24,563,978 parameters."""
