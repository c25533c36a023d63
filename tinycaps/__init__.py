"""tinycaps: Hinton's alternatives to convolution and backpropagation, by hand, in NumPy or CuPy.

The ground, imported by every other file:

    backend          NumPy or CuPy, read off the arrays
    archive          the arrays of an npz file, or what is wrong with it
    checks           one clear line for the mistakes people make (with shapes and scalars)

Services, which know no topic:

    gradcheck        the proof that a backward is the derivative of its forward
    optim            SGD with momentum, RMSprop, Adam; schedules; limits of weights
    train            the loop: batches, progress, log, checkpoint, resume
    divergence       numbers that go bad in training
    checkpoint, resume, run_log
                     files that survive a crash, and going on from them
    environment      versions, processor, BLAS, devices

    ops              ordinary pairs: linear, convolution, softmax, losses that two topics share, ...
    data             embedded digits, the MNIST family, your own images
    plot             figures

Topics, one room for each:

    capsules         squash, predictions, routing, CapsNet, and the CNN it is compared with (S17)
    forward_forward  goodness, layers with an objective of their own, negative data (H22)
    distillation     soft targets, students that teach each other, mortal hardware (D15, T21)

    fast             fast twins of plain functions, threads, a convolution by Fourier transform

Everything that is learned goes through pairs:

    out, cache    = op_forward(x, W, ..., hyper=default)
    dx, dW, ...   = op_backward(dout, cache)

Index letters, the same everywhere: n sample, i lower capsule, j parent capsule, p lower pose
dimension, q parent pose dimension, k class, f feature, m hidden unit, t time or round. Images are
channel-last, (n, h, w, c).

Citation keys:

    S17  Sabour, Frosst, Hinton 2017, Dynamic Routing Between Capsules, arXiv 1710.09829
    H22  Hinton 2022, The Forward-Forward Algorithm: Some Preliminary Investigations,
         arXiv 2212.13345
    D15  Hinton, Vinyals, Dean 2015, Distilling the Knowledge in a Neural Network, arXiv 1503.02531
    T21  Hinton 2021, Distillation and the brain, a talk
    K15  Kingma, Ba 2015, Adam: A Method for Stochastic Optimization, arXiv 1412.6980
"""
__version__ = "0.3.0"
