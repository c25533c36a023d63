"""Images and their labels, as one `Dataset`, whatever they come from.

dataset    the Dataset, the rule that splits one, and the validation set
digits     1,797 real 8x8 digits that come with the package: no network needed
mnist      MNIST and Fashion-MNIST: found on disk or downloaded, checked by the published hashes
download   one file from the first mirror that serves it whole
idx        the file format of the MNIST family
own        your own images and labels, from an npz file to learn from
picture    your own drawing, from a PNG or JPEG to recognise
paper      ink lifted off the paper of a drawing or photograph
pixels     the pixels of a PNG or JPEG
multi_hot  labels of images that show any number of classes each
multi_mnist  two digits of different classes, one on top of the other
shift      translations by whole pixels, for augmentation
warp       small rotations, stretches and translations, for augmentation too

Images are float32 in [0, 1], channel-last (n, h, w, c); labels are int64 classes 0..k-1.
"""
from .dataset import Dataset, hold_out
from .digits import load_digits
from .mnist import load_fashion_mnist, load_mnist
from .multi_hot import multi_hot
from .multi_mnist import Pairs, draw_pairs, overlay
from .own import load_npz
from .picture import ink_margin, load_image
from .shift import random_shift, shift_images
from .warp import random_warp

__all__ = ["Dataset", "Pairs", "draw_pairs", "hold_out", "ink_margin", "load_digits",
           "load_fashion_mnist", "load_image", "load_mnist", "load_npz", "multi_hot", "overlay",
           "random_shift", "random_warp", "shift_images"]
