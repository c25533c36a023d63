"""What is asked of any trained network: each probe is a function that knows no network.

A network comes as functions of images (n, h, w, c), made by the caller:

    forward(images) -> scores (n, k)                    the largest is the answer
    input_gradient(images, labels) -> (n, h, w, c)      of each image's loss
    pose(images, classes) -> (n, d)                     of the capsules of these classes
    reconstruct(images) -> (n, h, w, c)                 from the capsule of the answer

answers       in batches; the accuracy
adversarial   FGSM and BIM, with and without a target; gradients that are zero
detection     adversarial images found by their reconstruction error
occlusion     patches, borders, halves; whether the reconstruction restores what was hidden
equivariance  how the pose moves when the image is rotated, shifted, scaled
crowding      two images of one class, close to each other
subsets       balanced training sets, for learning curves
timing        seconds of a call

How a CapsNet and a CNN become such functions is in `demos/probes/networks.py`.
"""
from .adversarial import (Robustness, bim, draw_targets, fgsm, least_likely, published_iterations,
                          robustness, unmoved)
from .answers import accuracy, in_batches
from .crowding import Crowded, crowd, crowding, partners
from .detection import Detection, alarm_threshold, detection, reconstruction_errors
from .equivariance import (MOVEMENTS, Equivariance, equivariance, linear_fit, move,
                           principal_components, r_squared)
from .occlusion import (Restoration, border, halves, hide, occlusion, patches, restoration)
from .subsets import balanced_subsets
from .timing import seconds

__all__ = [
    "Crowded", "Detection", "Equivariance", "MOVEMENTS", "Restoration", "Robustness", "accuracy",
    "alarm_threshold", "balanced_subsets", "bim", "border", "crowd", "crowding", "detection",
    "draw_targets", "equivariance", "fgsm", "halves", "hide", "in_batches", "least_likely",
    "linear_fit", "move", "occlusion", "partners", "patches", "principal_components",
    "published_iterations", "r_squared", "reconstruction_errors", "restoration", "robustness",
    "seconds", "unmoved",
]
