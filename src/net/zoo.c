#include "net/zoo.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "net/spec.h"

/* The units of a classifier, which zoo_make replaces. */
#define CLASS_UNITS "\ndense %d "

/* LeCun et al. 1998; the reference net of Han et al. 2015: 266,200 weights. */
static const char lenet_300_100[] = "input 28x28x1\n"
                                    "flatten\n"
                                    "dense 300 name=fc1 relu\n"
                                    "dense 100 name=fc2 relu\n"
                                    "dense 10 name=fc3 softmax\n";

/* Caffe's LeNet, which Han et al. 2015 call LeNet-5: 430,500 weights.  Its
 * convolutions are linear; max pooling is all that bends. */
static const char lenet_5[] = "input 28x28x1\n"
                              "conv2d 20 5x5 name=conv1\n"
                              "max_pool2d 2 name=pool1\n"
                              "conv2d 50 5x5 name=conv2\n"
                              "max_pool2d 2 name=pool2\n"
                              "flatten\n"
                              "dense 500 name=fc1 relu\n"
                              "dense 10 name=fc2 softmax\n";

/* Frankle and Carbin 2019, figure 2.  The paper prints 1.7M weights for Conv-6;
 * the layers it lists hold 2.26M, of them 1.1M in convolutions as printed. */
#define CONV_PAIR(a, b, pool, filters)                          \
    "conv2d " filters " 3x3 padding=same name=conv" a " relu\n" \
    "conv2d " filters " 3x3 padding=same name=conv" b " relu\n" \
    "max_pool2d 2 name=pool" pool "\n"
#define CONV_HEAD               \
    "flatten\n"                 \
    "dense 256 name=fc1 relu\n" \
    "dense 256 name=fc2 relu\n" \
    "dense 10 name=fc3 softmax\n"
#define CONV_2 "input 32x32x3\n" CONV_PAIR("1", "2", "1", "64")
#define CONV_4 CONV_2 CONV_PAIR("3", "4", "2", "128")
#define CONV_6 CONV_4 CONV_PAIR("5", "6", "3", "256")

/* Residual blocks as He et al. 2016 have them for small pictures, one a width:
 * 77,072 weights at 28x28x1. */
#define RESNET_1                                           \
    "input 28x28x1\n"                                      \
    "conv2d 16 3x3 padding=same use_bias=no name=conv1\n"  \
    "batch_norm name=bn1\n"                                \
    "relu name=relu1\n"                                    \
    "conv2d 16 3x3 padding=same use_bias=no name=conv2a\n" \
    "batch_norm name=bn2a\n"                               \
    "relu name=relu2a\n"                                   \
    "conv2d 16 3x3 padding=same use_bias=no name=conv2b\n" \
    "batch_norm name=bn2b\n"                               \
    "add name=add2 from=bn2b,relu1\n"                      \
    "relu name=relu2\n"
#define RESNET_2                                                    \
    "conv2d 32 3x3 padding=same use_bias=no strides=2 name=conv3a " \
    "from=relu2\n"                                                  \
    "batch_norm name=bn3a\n"                                        \
    "relu name=relu3a\n"                                            \
    "conv2d 32 3x3 padding=same use_bias=no name=conv3b\n"          \
    "batch_norm name=bn3b\n"                                        \
    "conv2d 32 1x1 use_bias=no strides=2 name=conv3s from=relu2\n"  \
    "batch_norm name=bn3s\n"                                        \
    "add name=add3 from=bn3b,bn3s\n"                                \
    "relu name=relu3\n"
#define RESNET_3                                                    \
    "conv2d 64 3x3 padding=same use_bias=no strides=2 name=conv4a " \
    "from=relu3\n"                                                  \
    "batch_norm name=bn4a\n"                                        \
    "relu name=relu4a\n"                                            \
    "conv2d 64 3x3 padding=same use_bias=no name=conv4b\n"          \
    "batch_norm name=bn4b\n"                                        \
    "conv2d 64 1x1 use_bias=no strides=2 name=conv4s from=relu3\n"  \
    "batch_norm name=bn4s\n"                                        \
    "add name=add4 from=bn4b,bn4s\n"                                \
    "relu name=relu4\n"
#define RESNET_END                      \
    "global_average_pool2d name=pool\n" \
    "dense 10 name=fc1 softmax\n"

/* The same with an exit behind each of the first two blocks: pooled to 7x7, so
 * that they see where something is, then one dense layer. */
#define RESNET_EXIT(number, pool)                    \
    "max_pool2d " pool " name=exit" number "_pool\n" \
    "flatten name=exit" number "_flat\n"             \
    "dense 10 name=exit" number " softmax\n"

/* B-LeNet of BranchyNet (Teerapittayanon et al. 2016) as its authors' code has
 * it: pools take what is left at the edge, activations stand behind them, the
 * first dense layer of the trunk has none.  Exit 1 costs 220,150 MACs, all of
 * it 1,247,720. */
static const char b_lenet[] =
    "input 28x28x1\n"
    "zero_padding2d 3 name=pad1\n"
    "conv2d 5 5x5 name=conv1\n"
    "max_pool2d 2 padding=same name=exit1_pool1\n"
    "relu name=exit1_relu1\n"
    "conv2d 10 3x3 padding=same name=exit1_conv\n"
    "max_pool2d 2 padding=same name=exit1_pool2\n"
    "relu name=exit1_relu2\n"
    "flatten name=exit1_flat\n"
    "dense 10 name=exit1 softmax\n"
    "max_pool2d 2 padding=same name=pool1 from=conv1\n"
    "relu name=relu1\n"
    "zero_padding2d 3 name=pad2\n"
    "conv2d 10 5x5 name=conv2\n"
    "max_pool2d 2 padding=same name=pool2\n"
    "relu name=relu2\n"
    "zero_padding2d 3 name=pad3\n"
    "conv2d 20 5x5 name=conv3\n"
    "max_pool2d 2 padding=same name=pool3\n"
    "relu name=relu3\n"
    "flatten name=flat\n"
    "dense 84 name=fc1\n"
    "dense 10 name=fc2 softmax\n"
    "output exit1 fc2\n";

/* Howard et al. 2017 for small pictures: a depthwise 3x3 convolution sees
 * where, the 1x1 after it sees which. */
#define SEPARABLE(n, strides, filters)                                      \
    "depthwise_conv2d 3x3 padding=same use_bias=no" strides " name=dw" n    \
    "\nbatch_norm name=bn" n "a\nrelu name=relu" n "a\n"                    \
    "conv2d " filters " 1x1 use_bias=no name=pw" n "\nbatch_norm name=bn" n \
    "b\nrelu name=relu" n "b\n"
static const char mobilenet_mini[] = {
    "input 32x32x3\n"
    "conv2d 32 3x3 padding=same use_bias=no name=conv1\n"
    "batch_norm name=bn1\n"
    "relu name=relu1\n"
    /* clang-format off */
    SEPARABLE("2", "", "64")
    SEPARABLE("3", " strides=2", "128")
    SEPARABLE("4", "", "128")
    SEPARABLE("5", " strides=2", "256")
    SEPARABLE("6", "", "256")
    /* clang-format on */
    "global_average_pool2d name=pool\n"
    "dense 10 name=fc1 softmax\n"};

/* Simonyan and Zisserman 2015, table 1, column D: 138,357,544 parameters. */
#define VGG_CONV(name, filters) \
    "conv2d " filters " 3x3 padding=same name=conv" name " relu\n"
#define VGG_POOL(n) "max_pool2d 2 name=pool" n "\n"
static const char vgg_16[] = {
    "input 224x224x3\n"
    /* clang-format off */
    VGG_CONV("1_1", "64") VGG_CONV("1_2", "64") VGG_POOL("1")
    VGG_CONV("2_1", "128") VGG_CONV("2_2", "128") VGG_POOL("2")
    VGG_CONV("3_1", "256") VGG_CONV("3_2", "256") VGG_CONV("3_3", "256")
    VGG_POOL("3")
    VGG_CONV("4_1", "512") VGG_CONV("4_2", "512") VGG_CONV("4_3", "512")
    VGG_POOL("4")
    VGG_CONV("5_1", "512") VGG_CONV("5_2", "512") VGG_CONV("5_3", "512")
    VGG_POOL("5")
    /* clang-format on */
    "flatten\n"
    "dense 4096 name=fc6 relu\n"
    "dropout 0.5 name=drop6\n"
    "dense 4096 name=fc7 relu\n"
    "dropout 0.5 name=drop7\n"
    "dense 1000 name=fc8 softmax\n"};

const struct zoo_row zoo_rows[] = {
    {"lenet-300-100", "three dense layers, 266k weights", lenet_300_100, NULL,
     0, false},
    {"lenet-5", "two convolutions and two dense layers, 431k weights", lenet_5,
     NULL, 0, false},
    {"conv-2", "two 3x3 convolutions, three dense layers; for 32x32x3",
     CONV_2 CONV_HEAD, NULL, 0, false},
    {"conv-4", "four 3x3 convolutions, three dense layers; for 32x32x3",
     CONV_4 CONV_HEAD, NULL, 0, false},
    {"conv-6", "six 3x3 convolutions, three dense layers; for 32x32x3",
     CONV_6 CONV_HEAD, NULL, 0, false},
    {"resnet-mini", "three residual blocks with batch norm, 77k weights",
     RESNET_1 RESNET_2 RESNET_3 RESNET_END, NULL, 0, false},
    {"mobilenet-mini",
     "depthwise-separable blocks with batch norm, 134k weights; for 32x32x3",
     mobilenet_mini, NULL, 0, false},
    {"resnet-mini-exits", "the same with an exit behind each of two blocks",
     RESNET_1 RESNET_EXIT("1", "4") RESNET_2 RESNET_EXIT("2", "2")
         RESNET_3 RESNET_END "output exit1 exit2 fc1\n",
     NULL, 0, false},
    {"b-lenet", "BranchyNet's LeNet with one early exit, 74k weights", b_lenet,
     NULL, 0, false},
    {"msdnet-mini", "multi-scale dense net with five exits, 163k parameters",
     NULL, zoo_write_msdnet, 0, false},
    {"msdnet-grow", "the same with four exits further and further apart", NULL,
     zoo_write_msdnet_grow, 0, false},
    {"vgg-16", "sixteen layers, 138M weights; for 224x224x3 and 1000 classes",
     vgg_16, NULL, 1000, true},
    {NULL, NULL, NULL, NULL, 0, false}};

const struct zoo_row *zoo_find(const char *name)
{
    const struct zoo_row *row;

    for (row = zoo_rows; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

void zoo_spec(const struct zoo_row *row, struct str *out)
{
    if (row->spec != NULL)
        str_add(out, row->spec);
    else
        row->write(out);
}

/* Appends the body with other numbers of classes. */
static void add_body(const char *body, const char *units, int classes,
                     struct str *out)
{
    const char *at;

    for (; (at = strstr(body, units)) != NULL; body = at + strlen(units)) {
        str_add_bytes(out, body, (size_t)(at - body));
        str_addf(out, CLASS_UNITS, classes);
    }
    str_add(out, body);
}

struct net *zoo_make(const struct zoo_row *row, const struct shape *input,
                     int classes, struct err *err)
{
    struct str spec = {0}, text = {0};
    const char *body;
    int usual = row->classes > 0 ? row->classes : 10;
    struct net *net;
    char shape[64], units[32];

    zoo_spec(row, &spec);
    snprintf(units, sizeof(units), CLASS_UNITS, usual);
    body = strchr(spec.text, '\n');
    assert(body != NULL && strstr(body, units) != NULL);
    if (input != NULL)
        str_addf(&text, SPEC_INPUT " %s",
                 shape_text(input, shape, sizeof(shape)));
    else
        str_add_bytes(&text, spec.text, (size_t)(body - spec.text));
    add_body(body, units, classes > 0 ? classes : usual, &text);
    net = spec_parse(text.text, row->name, err);
    str_done(&text);
    str_done(&spec);
    return net;
}
