#!/usr/bin/env python3
"""Espalier against Keras itself, number by number, in both directions.

    tests/peer/keras.py [DIR]        DIR, build/peer by default, below the top

Makes networks of every kind of layer and function that both know with Keras 3
and with tf_keras (Keras 2), saves them as .h5 and .keras, and writes inputs and
logits beside them; then has espalier make and save nets, gives them other
weights, and lets both versions of Keras open and compute them; so do the nets
of Keras that espalier opened and saved.  At the end build/test_io_corpus DIR
opens all of them and compares.
"""
import os
import subprocess
import sys

sys.path.pop(0)  # this file has the name of what it imports
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import h5py
import numpy as np
import keras as keras3
import tf_keras as keras2

DIR = sys.argv[1] if len(sys.argv) > 1 else "build/peer"
PROGRAM = "build/espalier"
RNG = np.random.default_rng(1)
ZOO = ["lenet-300-100", "lenet-5", "conv-2", "resnet-mini"]

# Nets in our own spec, for what the zoo has not.
SPECS = {
    "functions": """input 12
dense 16 relu name=a
dense 16 relu6 name=b
dense 16 elu name=c
dense 16 tanh name=d
dense 16 sigmoid name=e
dense 16 swish name=f
dense 16 name=g
leaky_relu alpha=0.1
dense 16 leaky_relu name=h
dense 16 name=i
elu alpha=0.5
dense 5 softmax
""",
    # Keras 3 gives the name to another function.
    "hard-keras2": """input 6
dense 9 hard_sigmoid name=a
dense 4 softmax name=b
""",
    "layers": """input 11x9x3
zero_padding2d 1,0,2,1
conv2d 6 3x2 strides=2x1 padding=same use_bias=no
batch_norm epsilon=0.01
relu
dropout 0.3
depthwise_conv2d 3x3 padding=same depth_multiplier=2 relu
average_pool2d 2x2 padding=same
conv2d 8 3x3 dilation_rate=2 padding=same groups=2 tanh
max_pool2d 2x2 strides=1x1
batch_norm scale=no
reshape 80
dense 7 sigmoid
""",
    "graph": """input 8x8x2
conv2d 4 3x3 padding=same relu name=a
conv2d 4 1x1 from=input name=b
add from=a,b name=c
conv2d 3 3x3 padding=same name=d
concat from=c,d name=e
global_average_pool2d
dense 1 sigmoid
""",
}


def folder(name):
    path = os.path.join(DIR, name)
    os.makedirs(path, exist_ok=True)
    return path


def golden(name, x, y, logits):
    path = os.path.join(folder("golden"), name + ".golden.h5")
    with h5py.File(path, "w") as f:
        f["input_0"] = x.astype("f4")
        f["logits_0" if logits else "output_0"] = np.asarray(y)


def fill(model):
    """Weights that no layer has by chance; variances stay positive."""
    for w in model.weights:
        shape = tuple(w.shape)
        value = RNG.normal(0, 0.5, shape)
        if "variance" in (getattr(w, "path", None) or w.name):
            value = RNG.uniform(0.5, 2, shape)
        if getattr(w, "dtype", "float32") in ("float32",) or \
                str(w.dtype).startswith("<dtype: 'float32'"):
            w.assign(value.astype("f4"))


def logits_of(keras, model, x):
    """What goes into a softmax at the end, else the outputs."""
    last = model.layers[-1]
    act = getattr(last, "activation", None)
    if act is None or getattr(act, "__name__", "") != "softmax":
        return model.predict(x, verbose=0), False
    last.activation = keras.activations.linear
    y = model(x, training=False).numpy()
    last.activation = keras.activations.softmax
    return y, True


def inputs_of(model, n=5):
    return RNG.normal(0, 1, (n,) + tuple(model.input_shape[1:])).astype("f4")


# ---- theirs

def functions(k, version):
    L = k.layers
    names = ["relu", "elu", "tanh", "sigmoid", "swish", "linear"]
    names += ["relu6", "silu", "leaky_relu"] if version == 3 else ["hard_sigmoid"]
    layers = [L.InputLayer(shape=(9,)) if version == 3
              else L.InputLayer(input_shape=(9,))]
    for n in names:
        layers += [L.Dense(10, activation=n)]
    layers += [L.Dense(10), L.LeakyReLU(0.15), L.Dense(10), L.ELU(0.7),
               L.Dense(10), L.ReLU(), L.Dense(10), L.ReLU(6.0),
               L.Dense(10), L.ReLU(negative_slope=0.2), L.Dense(10),
               L.Activation("tanh"), L.Dense(10, activation=L.LeakyReLU(0.05)),
               L.GaussianNoise(0.3), L.Dense(4), L.Softmax()]
    return k.Sequential(layers, name="functions")


def layers_of_all_kinds(k, version):
    L = k.layers
    x = i = k.Input((13, 11, 3))
    x = L.ZeroPadding2D(((0, 1), (2, 0)))(x)
    x = L.Conv2D(6, (3, 2), strides=2, padding="same", use_bias=False)(x)
    x = L.BatchNormalization(epsilon=0.02)(x)
    x = L.Activation("relu")(x)
    y = L.SeparableConv2D(8, 3, padding="same", depth_multiplier=2,
                          activation="tanh")(x)
    z = L.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    z = L.Conv2D(8, 1, activation="sigmoid")(z)
    x = L.Add()([y, z])
    x = L.Concatenate()([x, y, z])
    x = L.SpatialDropout2D(0.2)(x)
    x = L.AveragePooling2D(2, padding="same")(x)
    x = L.Conv2D(8, 3, dilation_rate=2, padding="same", groups=4)(x)
    x = L.BatchNormalization(scale=False)(x)
    x = L.BatchNormalization(center=False)(x)
    x = L.MaxPooling2D((2, 1), strides=(1, 1))(x)
    a = L.GlobalAveragePooling2D()(x)
    x = L.Reshape((-1,))(x)
    x = L.Dropout(0.5)(x)
    x = L.Concatenate()([a, x])
    x = L.Dense(6, activation="softmax")(x)
    return k.Model(i, x, name="layers")


def nested(k, version):
    L = k.layers
    i = k.Input((8, 8, 2))
    x = L.Conv2D(3, 3, name="conv")(i)
    x = L.BatchNormalization(name="norm")(x)
    inner = k.Model(i, x, name="inner")
    inner.layers[1].trainable = False
    j = k.Input((8, 8, 2))
    x = inner(j)
    x = L.Conv2D(2, 3, activation="relu")(x)
    middle = k.Model(j, x, name="middle")
    head = k.Sequential([k.Input((4, 4, 2)), L.Flatten(),
                         L.Dense(5, activation="relu"),
                         L.Dense(3, activation="softmax")], name="head")
    o = k.Input((8, 8, 2))
    return k.Model(o, head(middle(o)), name="outer")


def lines(k, version):
    L = k.layers
    return k.Sequential([
        k.Input((20, 3)),
        L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu"),
        L.ZeroPadding1D((1, 2)),
        L.Conv1D(6, 4, strides=2, padding="same"),
        L.BatchNormalization(), L.ReLU(), L.SpatialDropout1D(0.1),
        L.MaxPooling1D(2), L.Conv1D(5, 2), L.AveragePooling1D(2, strides=1),
        L.GlobalAveragePooling1D(), L.Dense(3, activation="softmax")],
        name="lines")


def one_output(k, version):
    L = k.layers
    return k.Sequential([k.Input((6,)), L.Dense(8, activation="relu"),
                         L.Dense(1, activation="sigmoid")], name="one")


def kept(k, version):
    """Means that stay pictures; softmax over channels."""
    L = k.layers
    i = k.Input((6, 5, 4))
    x = L.GlobalAveragePooling2D(keepdims=True)(i)
    x = L.Conv2D(3, 1, activation="relu")(x)
    x = L.Softmax(axis=-1)(x)
    x = L.Flatten()(x)
    return k.Model(i, L.Dense(4)(x), name="kept")


def rescaled(k, version):
    L = k.layers
    return k.Sequential([k.Input((5, 4, 3)), L.Rescaling(1 / 127.5, offset=-1),
                         L.Conv2D(4, 3, activation="relu"), L.Flatten(),
                         L.Dense(3, activation="softmax")], name="rescaled")


def save(keras, version, model, name):
    x = inputs_of(model)
    if name == "rescaled":
        x = RNG.uniform(0, 255, x.shape).astype("f4")
    y, logits = logits_of(keras, model, x)
    for ending in [".h5", ".keras"]:
        file = "keras%d-%s%s" % (version, name, ending)
        model.save(os.path.join(folder("networks"), file))
        golden(file, x, y, logits)


def channels_first(keras, version):
    """No CPU computes it: the same net with channels last gives the numbers."""
    L = keras.layers

    def make(form):
        shape = (2, 6, 5) if form == "channels_first" else (6, 5, 2)
        axis = 1 if form == "channels_first" else -1
        i = keras.Input(shape)
        x = L.Conv2D(4, 3, padding="same", data_format=form)(i)
        x = L.BatchNormalization(axis=axis)(x)
        y = L.Conv2D(3, 1, data_format=form, activation="relu")(x)
        x = L.Concatenate(axis=axis)([x, y])
        x = L.Flatten(data_format="channels_last")(x)
        x = L.BatchNormalization()(x)
        x = L.Dense(5, activation="softmax")(x)
        return keras.Model(i, x, name="first")

    try:
        first, last = make("channels_first"), make("channels_last")
    except Exception as e:
        print("channels first: not made by Keras %d (%s)" % (version, e))
        return
    fill(first)
    last.set_weights(first.get_weights())
    order = np.arange(30 * 7).reshape(7, 30).T.ravel()
    for layer in last.layers:
        w = layer.get_weights()
        if layer.__class__.__name__ == "Dense":
            layer.set_weights([w[0][order], w[1]])
        elif w and len(w) == 4 and len(w[0]) == 210:
            layer.set_weights([v[order] for v in w])
    x = inputs_of(last)
    y, logits = logits_of(keras, last, x)
    file = "keras%d-first.h5" % version
    first.save(os.path.join(folder("networks"), file))
    golden(file, x, y, logits)


def theirs(keras, version):
    for make in [functions, layers_of_all_kinds, nested, lines, one_output, rescaled,
                 kept]:
        model = make(keras, version)
        fill(model)
        save(keras, version, model, make.__name__)
    channels_first(keras, version)


# ---- ours

def run(*commands):
    subprocess.run([PROGRAM, "--no-session", "-c", "; ".join(commands)],
                   check=True, stdout=subprocess.DEVNULL)


def shake(path):
    """Other weights in a file of ours; its masks are all ones."""
    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            value = item[...] + RNG.normal(0, 0.1, item.shape)
            if "variance" in name:
                value = RNG.uniform(0.5, 2, item.shape)
            item[...] = value.astype("f4")
    with h5py.File(path, "r+") as f:
        f["model_weights"].visititems(visit)


def check_ours(path, name):
    for keras, version in [(keras3, 3), (keras2, 2)]:
        if "keras2" in name and "functions" in name and version == 3:
            continue
        if name.endswith("keras2") and version == 3:
            continue
        model = keras.models.load_model(path, compile=False)
        x = inputs_of(model)
        y, logits = logits_of(keras, model, x)
        file = "ours-%s-keras%d.h5" % (name, version)
        target = os.path.join(folder("networks"), file)
        if os.path.exists(target):
            os.remove(target)
        os.link(path, target)
        golden(file, x, y, logits)


def ours():
    for name in ZOO:
        path = os.path.join(folder("saved"), name + ".h5")
        run("new " + name, "save " + path)
        shake(path)
        check_ours(path, name)
    for name, spec in SPECS.items():
        text = os.path.join(folder("saved"), name + ".txt")
        path = os.path.join(folder("saved"), name + ".h5")
        with open(text, "w") as f:
            f.write(spec)
        run("new " + text, "save " + path)
        shake(path)
        check_ours(path, name)
    for name in ["lenet-300-100", "lenet-5"]:
        check_ours("data/%s.h5" % name, "shipped-" + name)
    for file in sorted(os.listdir(folder("networks"))):
        if file.startswith("keras") and "rescaled" not in file:
            path = os.path.join(folder("saved"), file + ".h5")
            run("net " + os.path.join(folder("networks"), file), "save " + path)
            check_ours(path, "from-" + file.replace(".", "-"))


if __name__ == "__main__":
    keras2.utils.set_random_seed(1)
    theirs(keras3, 3)
    theirs(keras2, 2)
    ours()
    sys.exit(subprocess.run(["build/test_io_corpus", DIR]).returncode)
