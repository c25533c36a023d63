"""The decoder: an image drawn from the pose of one capsule (S17 section 4.1, Figure 2)."""
from ..checks import check_shapes
from ..ops import init_mlp, mlp_backward, mlp_forward, sigmoid_backward, sigmoid_forward


def init_decoder(rng, config, dtype="float32"):
    """Draw the decoder's parameters, ``"decoder.0.W"`` and so on: j·q, the hidden layers, all pixels.

    Parameters
    ----------
    rng : numpy.random.Generator
    config : CapsNetConfig
    dtype : str

    Returns
    -------
    params : dict
    """
    h, w, c = config.image_shape
    return init_mlp(rng, (config.classes * config.class_dims, *config.decoder_hidden, h * w * c), "decoder.", dtype)


def decoder_forward(params, masked, config):
    """Draw an image: fully connected layers with relu, the last with sigmoid.

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
    cache : tuple

    Notes
    -----
    Same as the paper.
    """
    check_shapes(masked=(masked, (None, config.classes, config.class_dims)))
    logits, mlp_cache = mlp_forward(params, masked.reshape(len(masked), -1), "decoder.")
    pixels, sigmoid_cache = sigmoid_forward(logits)
    image = pixels.reshape(len(masked), *config.image_shape)
    return image, (masked.shape, image.shape, mlp_cache, sigmoid_cache)


def decoder_backward(dimage, cache):
    """Return the gradients with respect to the parameters and the capsules: the forward from bottom to top.

    Parameters
    ----------
    dimage : array (n, h, w, c)
    cache : tuple

    Returns
    -------
    grads : dict
        The decoder's keys.
    dmasked : array (n, j, q)
    """
    shape, image_shape, mlp_cache, sigmoid_cache = cache
    check_shapes(dimage=(dimage, image_shape))
    dlogits = sigmoid_backward(dimage.reshape(len(dimage), -1), sigmoid_cache)
    grads, dmasked = mlp_backward(dlogits, mlp_cache, input_gradient=True)
    return grads, dmasked.reshape(shape)
