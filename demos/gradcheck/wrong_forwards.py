"""Wrong forwards that a gradient check cannot see: their backward is still their derivative.

The gradient fixes an output up to a constant, so some of these add one; the others change what the
backward reads from the cache as well, and it follows. The loops of the op refuse every one of them.
"""
from demos.gradcheck.faults import Fault

WRONG_FORWARDS = {
    "linear": [Fault("a constant added to every unit", "W + bias,", "W + bias + 1,")],
    "relu": [Fault("a jump at 0.5 for the kink at 0", "get_xp(x).maximum(x, 0)",
                   "x * (x > 0.5)")],
    "sigmoid": [Fault("an offset of the input", "(0.5 * x)", "(0.5 * x + 1)")],
    "softmax": [Fault("a softmax over the wrong axis", "(x, axis=-1)", "(x, axis=0)")],
    "dropout": [Fault("units not scaled up", "/ (1 - rate), (mask, rate)", ", (mask, 0)")],
    "max_pool": [Fault("the smallest number of a window", "xp.maximum(y, x[pixels])",
                       "xp.where(y == -xp.inf, x[pixels], xp.minimum(y, x[pixels]))")],
    "squared_error": [Fault("the sum of both for their difference", "x - target", "x + target")],
    "cross_entropy": [Fault("labels counted from 1", "labels[:, None]",
                            "(labels[:, None] + 1) % k")],
    "soft_cross_entropy": [Fault("T² for T", "logits / temperature", "logits / temperature ** 2")],
    "kl_divergence": [Fault("a sign of the entropy", "loss - H", "loss + H")],
    "margin_loss": [Fault("the two margins exchanged", "present=0.9, absent=0.1",
                          "present=0.1, absent=0.9")],
    "mlp": [Fault("a relu after the last layer", "if k < depth - 1:", "if True:")],
    "conv2d": [Fault("an odd column of zeros on the wrong side",
                     "border = _border(x.shape, W.shape, stride, padding)",
                     "border = [each[::-1] for each in _border(x.shape, W.shape, stride, padding)]"
                     )],
    "length": [Fault("a number added under the root", "(v * v).sum(axis=-1)",
                     "(v * v).sum(axis=-1) + 0.01")],
    "squash": [Fault("a number added to ‖s‖²", "(s * s).sum(axis=-1, keepdims=True)",
                     "(s * s).sum(axis=-1, keepdims=True) + 0.01")],
    "mask": [Fault("the true class masked, not the others", "labels[:, None] ==",
                   "labels[:, None] !=")],
    "predictions": [Fault("a bias that the paper does not have", "return u_hat,",
                          "return u_hat + 1,")],
    "routing": [Fault("a softmax over the children", "softmax_forward(b)",
                      "softmax_forward(b, axis=1)")],
    "decoder": [Fault("pixels around 0", "*config.image_shape)", "*config.image_shape) - 0.5")],
    "capsnet": [Fault("a round too many", "config.iterations,", "config.iterations + 1,")],
    "capsnet_loss": [Fault("the decoder shown the longest capsule, not the true one",
                           "mask_forward(v, labels)", "mask_forward(v, lengths.argmax(axis=1))")],
    "cnn": [Fault("units not scaled up by dropout", "config.dropout)", "0.0)")],
    "cnn_loss": [Fault("labels counted from 1", "(logits, labels)",
                       "(logits, (labels + 1) % config.classes)")],
    "goodness": [Fault("the threshold subtracted here", ".sum(axis=1),",
                       ".sum(axis=1) - y.shape[1],")],
    "goodness_loss": [Fault("no threshold for negative samples", "(theta - goodness_neg)",
                            "-goodness_neg")],
    "ff_layer_loss": [Fault("a threshold of the number of inputs", "W.shape[1]", "W.shape[0]",
                            dict(mean_activity=None))],
    "length_normalise": [Fault("m for √m", "y.shape[1] ** 0.5", "y.shape[1]")],
    "peer_normalisation": [Fault("a distance from 0.5, not from the peers", "a - a.mean()",
                                 "a - 0.5")],
    "distillation_loss": [Fault("T for T²", "* temperature * temperature", "* temperature")],
    "logit_matching": [Fault("a sign of the teacher", "logits - teacher", "logits + teacher")],
    "hardware_mlp": [Fault("a sign of the offset", "total + offset", "total - offset")],
}
"""The faults of every op's forward."""
