"""tinycaps: capsules, forward-forward and distillation, forward and backward by hand, in NumPy or CuPy.

    backend      NumPy or CuPy, read off the arrays
    checks       one clear line for the mistakes people make
    gradcheck    the proof that a backward is the derivative of its forward
    ops          ordinary pairs: linear, convolution, softmax, ...
    capsules     squash, predictions, routing, margin loss, CapsNet, and the baseline CNN
    forward_forward
                 goodness, a layer with its own objective, negative data, networks without a backward pass
    distillation soft targets, teachers and students, networks that learn from each other, mortal hardware
    optim        SGD with momentum, RMSprop, Adam
    train        the loop: batches, progress, log, checkpoint, resume (with run_log and checkpoint)
    data         embedded digits, the MNIST family, your own images
    plot         figures
    environment  versions, processor, BLAS, devices

Everything that is learned goes through pairs:

    out, cache    = op_forward(x, W, ..., hyper=default)
    dx, dW, ...   = op_backward(dout, cache)

Index letters, the same everywhere: n sample, i lower capsule, j parent capsule, p lower pose dimension, q parent pose dimension,
k class, f feature, m hidden unit. Images are channel-last, (n, h, w, c).

Citation keys:

    S17  Sabour, Frosst, Hinton 2017, Dynamic Routing Between Capsules, arXiv 1710.09829
    H22  Hinton 2022, The Forward-Forward Algorithm: Some Preliminary Investigations, arXiv 2212.13345
    D15  Hinton, Vinyals, Dean 2015, Distilling the Knowledge in a Neural Network, arXiv 1503.02531
    T21  Hinton 2021, Distillation and the brain, a talk
    K15  Kingma, Ba 2015, Adam: A Method for Stochastic Optimization, arXiv 1412.6980
"""
