"""The decoder: an image drawn from the pose of one capsule (S17 section 4.1, Figure 2)."""
from ..checks import check_shapes, door
from ..ops import init_mlp, mlp_backward, mlp_forward, sigmoid_backward, sigmoid_forward
from .config import CapsNetConfig


def init_decoder(rng, config, dtype="float32"):
    """Draw the decoder's parameters.

    Parameters
    ----------
    rng : numpy.random.Generator
    config : CapsNetConfig
    dtype : str

    Returns
    -------
    params : dict
        ``"decoder.0.W"`` and so on, as in ``config.decoder_shapes``. On the host.
    """
    return init_mlp(rng, config.decoder_sizes, "decoder.", dtype)


def check_decoder(params, masked, config):
    """Check the capsules and the decoder's parameters against the config."""
    check_shapes(masked=(masked, (None, config.classes, config.class_dims)),
                 **{key: (params.get(key), shape) for key, shape in config.decoder_shapes.items()})


@door(check_decoder)
def decoder_forward(params: dict, masked, config: CapsNetConfig):
    """Draw an image with fully connected layers: relu between them, a sigmoid at the end.

        z = mlp(masked)                 (n, 784)           [a]
        image = 1 / (1 + exp(−z))       (n, 28, 28, 1)     [b]

    The shapes are those of the published network.

    Parameters
    ----------
    params : dict
        With the decoder's keys.
    masked : array (n, j, q)
        Class capsules, all but one of each sample zero.
    config : CapsNetConfig

    Returns
    -------
    image : array (n, h, w, c)
        Pixels in (0, 1).

    Notes
    -----
    Same as the paper.
    Loops: tests.reference.capsules.decoder
    """
    z, mlp = mlp_forward(params, masked.reshape(len(masked), -1), "decoder.")       # [a]
    pixels, sigmoid = sigmoid_forward(z)                                            # [b]
    image = pixels.reshape(len(masked), *config.image_shape)                        # [b]
    return image, (image, masked.shape, mlp, sigmoid)


@door(dimage="n,h,w,c", cache=("n,h,w,c",))
def decoder_backward(dimage, cache):
    """dimage (n, h, w, c) -> grads, dmasked (n, j, q): the forward from bottom to top."""
    _, shape, mlp, sigmoid = cache
    dpixels = dimage.reshape(len(dimage), -1)                                       # [b]
    dz = sigmoid_backward(dpixels, sigmoid)                                         # [b]
    grads, dmasked = mlp_backward(dz, mlp, input_gradient=True)                     # [a]
    return grads, dmasked.reshape(shape)                                            # [a]
