"""Builds a PyTorch module from the text of one of our network specs, so that
both sides of a comparison run the same graph."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

ACTIVATIONS = {
    "relu": F.relu,
    "relu6": F.relu6,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "swish": F.silu,
    "elu": F.elu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.3),
}


def pair(text):
    parts = [int(p) for p in text.split("x")]
    return (parts[0], parts[-1])


def same_padding(size, kernel, stride):
    """Keras' rule: the odd pixel goes to the bottom and the right."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Window(nn.Module):
    """A convolution or pool with Keras' `same` rule where padding is odd."""

    def __init__(self, inner, pads):
        super().__init__()
        self.inner, self.pads = inner, pads

    def forward(self, x):
        return self.inner(F.pad(x, self.pads) if any(self.pads) else x)


def window(shape, words, options, make):
    """make(kernel, stride, padding) under the options of the line."""
    kernel = pair(words)
    stride = pair(options.get("strides", "1x1"))
    if options.get("padding") != "same":
        return make(kernel, stride, 0), [0, 0], kernel, stride
    top, bottom = same_padding(shape[0], kernel[0], stride[0])
    left, right = same_padding(shape[1], kernel[1], stride[1])
    if top == bottom and left == right:
        return make(kernel, stride, (top, left)), [top * 2, left * 2], kernel, stride
    inner = Window(make(kernel, stride, 0), (left, right, top, bottom))
    return inner, [top + bottom, left + right], kernel, stride


class Net(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.steps = []
        self.layers = nn.ModuleList()
        shapes, last = {}, "input"
        for line in spec.strip().splitlines():
            words = [w for w in line.split() if "=" not in w]
            options = dict(w.split("=", 1) for w in line.split() if "=" in w)
            if words[0] == "input":
                shape = tuple(int(d) for d in words[1].split("x"))
                self.input = shape
                shapes["input"] = shape
                continue
            if words[0] == "output":
                continue
            name = options.get("name", "line%d" % len(self.steps))
            sources = options.get("from", last).split(",")
            folded = words[-1] if words[-1] in ACTIVATIONS and len(words) > 1 else None
            if folded:
                words = words[:-1]
            shapes[name] = self.add(name, words, options, sources,
                                    [shapes[s] for s in sources])
            if folded:
                self.steps.append((name, ACTIVATIONS[folded], [name]))
            last = name
        self.last = last

    def add(self, name, words, options, sources, shapes):
        kind, shape = words[0], shapes[0]
        bias = options.get("use_bias", "yes") == "yes"
        module, out = None, shape
        if kind == "dense":
            module = nn.Linear(shape[-1], int(words[1]), bias=bias)
            out = (int(words[1]),)
        elif kind in ("conv2d", "depthwise_conv2d"):
            depthwise = kind != "conv2d"
            channels = shape[2] if depthwise else int(words[1])
            groups = shape[2] if depthwise else int(options.get("groups", 1))
            module, extra, kernel, stride = window(
                shape, words[1 if depthwise else 2], options,
                lambda k, s, p: nn.Conv2d(shape[2], channels, k, s, p,
                                          groups=groups, bias=bias))
            out = tuple((shape[i] + extra[i] - kernel[i]) // stride[i] + 1
                        for i in (0, 1)) + (channels,)
        elif kind in ("max_pool2d", "average_pool2d"):
            options.setdefault("strides", words[1])
            pool = nn.MaxPool2d if kind == "max_pool2d" else nn.AvgPool2d
            module, extra, kernel, stride = window(
                shape, words[1], options, lambda k, s, p: pool(k, s, p))
            out = tuple((shape[i] + extra[i] - kernel[i]) // stride[i] + 1
                        for i in (0, 1)) + (shape[2],)
        elif kind == "global_average_pool2d":
            module, out = (lambda x: x.mean((2, 3))), (shape[2],)
        elif kind == "batch_norm":
            cls = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
            module = cls(shape[-1], eps=1e-3, momentum=0.01)
        elif kind == "flatten":
            module, out = (lambda x: x.flatten(1)), (math.prod(shape),)
        elif kind == "dropout":
            module = nn.Dropout(float(words[1]))
        elif kind == "softmax":
            module = lambda x: x  # the loss takes logits on both sides
        elif kind in ACTIVATIONS:
            module = ACTIVATIONS[kind]
        elif kind == "add":
            module = lambda *x: sum(x[1:], x[0])
        elif kind == "concat":
            module = lambda *x: torch.cat(x, 1)
            out = shape[:-1] + (sum(s[-1] for s in shapes),)
        else:
            raise SystemExit("no PyTorch twin for layer kind %r" % kind)
        if isinstance(module, nn.Module):
            self.layers.append(module)
        self.steps.append((name, module, sources))
        return out

    def forward(self, x):
        values = {"input": x}
        for name, module, sources in self.steps:
            values[name] = module(*[values[s] for s in sources])
        return values[self.last]
