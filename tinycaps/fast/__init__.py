"""Fast twins: the same functions as elsewhere, for those who train.

Nothing here explains a paper. Each twin has the signature of the plain one, says what it trades,
and a test holds that the two agree. Only demos, tests and the benchmark import this room.

threads          slices of work on a few Python threads, the BLAS held to one
workspace        large buffers that are made once
fourier_plan     why a large convolution needs 3.5 times fewer multiplications: one page
fourier_conv     that convolution as a pair
routing          routing by batched products instead of einsum
capsnet          CapsNet from all of these
choose_network   which CapsNet is the faster one for some sizes
blocks           an optimiser, block by block, on threads
slices           the gradients of any loss, the samples shared out to threads
"""
from .blocks import in_blocks
from .capsnet import fast_capsnet_backward, fast_capsnet_forward
from .choose_network import choose_network, fast_network
from .fourier_conv import fourier_conv2d_backward, fourier_conv2d_forward
from .slices import sliced_gradients
from .threads import parallel
from .routing import fast_routing_backward, fast_routing_forward
from .workspace import Workspace

__all__ = ["Workspace", "choose_network", "fast_capsnet_backward", "fast_capsnet_forward",
           "fast_network", "fast_routing_backward", "fast_routing_forward",
           "fourier_conv2d_backward", "fourier_conv2d_forward", "in_blocks", "parallel",
           "sliced_gradients"]
