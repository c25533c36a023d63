"""Images and their labels, as one `Dataset`, whatever they come from.

dataset    the Dataset, the rule that splits one, and the validation set
digits     1,797 real 8x8 digits that come with the package: no network needed
mnist      MNIST and Fashion-MNIST: found on disk or downloaded, checked by the published hashes
cifar      CIFAR-10, from the published file of the binary version
aff_nist   affNIST's test images, from the published file
affine     a synthetic stand-in for it, from MNIST or the embedded digits
published  one published file: on disk, cached or downloaded
download   one file from the first mirror that serves it whole
idx        the file format of the MNIST family
own        your own images and labels, from an npz file to learn from
folder     your own images sorted by class, in a folder or a zip file
picture    your own drawing, from a PNG or JPEG to recognise
paper      ink lifted off the paper of a drawing or photograph
pixels     the pixels of a PNG or JPEG
multi_hot  labels of images that show any number of classes each
multi_mnist  two digits of different classes, one on top of the other
shift      translations by whole pixels, for augmentation
warp       rotations, stretches and translations; small random ones, for augmentation too

Images are float32 in [0, 1], channel-last (n, h, w, c); labels are int64 classes 0..k-1.
"""
from .aff_nist import load_aff_nist
from .affine import pad_images, synthetic_aff_nist
from .cifar import load_cifar_10
from .dataset import Dataset, hold_out
from .digits import load_digits
from .folder import load_folder
from .mnist import load_fashion_mnist, load_mnist
from .multi_hot import multi_hot
from .multi_mnist import Pairs, draw_pairs, overlay
from .own import load_npz
from .picture import ink_margin, load_image
from .shift import random_shift, shift_images
from .warp import random_warp, warp_images

__all__ = ["Dataset", "Pairs", "draw_pairs", "hold_out", "ink_margin", "load_aff_nist",
           "load_cifar_10", "load_digits", "load_fashion_mnist", "load_folder", "load_image",
           "load_mnist", "load_npz", "multi_hot", "overlay", "pad_images", "random_shift",
           "random_warp", "shift_images", "synthetic_aff_nist", "warp_images"]
