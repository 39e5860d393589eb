#include "net/zoo.h"

#include <assert.h>
#include <string.h>

#include "base/str.h"
#include "net/spec.h"

/* What zoo_make replaces, in every row. */
#define LAST_UNITS "\ndense 10 "

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
static const char resnet_mini[] =
    "input 28x28x1\n"
    "conv2d 16 3x3 padding=same use_bias=no name=conv1\n"
    "batch_norm name=bn1\n"
    "relu name=relu1\n"
    "conv2d 16 3x3 padding=same use_bias=no name=conv2a\n"
    "batch_norm name=bn2a\n"
    "relu name=relu2a\n"
    "conv2d 16 3x3 padding=same use_bias=no name=conv2b\n"
    "batch_norm name=bn2b\n"
    "add name=add2 from=bn2b,relu1\n"
    "relu name=relu2\n"
    "conv2d 32 3x3 padding=same use_bias=no strides=2 name=conv3a\n"
    "batch_norm name=bn3a\n"
    "relu name=relu3a\n"
    "conv2d 32 3x3 padding=same use_bias=no name=conv3b\n"
    "batch_norm name=bn3b\n"
    "conv2d 32 1x1 use_bias=no strides=2 name=conv3s from=relu2\n"
    "batch_norm name=bn3s\n"
    "add name=add3 from=bn3b,bn3s\n"
    "relu name=relu3\n"
    "conv2d 64 3x3 padding=same use_bias=no strides=2 name=conv4a\n"
    "batch_norm name=bn4a\n"
    "relu name=relu4a\n"
    "conv2d 64 3x3 padding=same use_bias=no name=conv4b\n"
    "batch_norm name=bn4b\n"
    "conv2d 64 1x1 use_bias=no strides=2 name=conv4s from=relu3\n"
    "batch_norm name=bn4s\n"
    "add name=add4 from=bn4b,bn4s\n"
    "relu name=relu4\n"
    "global_average_pool2d name=pool\n"
    "dense 10 name=fc1 softmax\n";

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

const struct zoo_row zoo_rows[] = {
    {"lenet-300-100", "three dense layers, 266k weights", lenet_300_100},
    {"lenet-5", "two convolutions and two dense layers, 431k weights", lenet_5},
    {"conv-2", "two 3x3 convolutions, three dense layers; for 32x32x3",
     CONV_2 CONV_HEAD},
    {"conv-4", "four 3x3 convolutions, three dense layers; for 32x32x3",
     CONV_4 CONV_HEAD},
    {"conv-6", "six 3x3 convolutions, three dense layers; for 32x32x3",
     CONV_6 CONV_HEAD},
    {"resnet-mini", "three residual blocks with batch norm, 77k weights",
     resnet_mini},
    {"mobilenet-mini",
     "depthwise-separable blocks with batch norm, 134k weights; for 32x32x3",
     mobilenet_mini},
    {NULL, NULL, NULL}};

const struct zoo_row *zoo_find(const char *name)
{
    const struct zoo_row *row;

    for (row = zoo_rows; row->name != NULL; row++) {
        if (strcmp(row->name, name) == 0)
            return row;
    }
    return NULL;
}

struct net *zoo_make(const struct zoo_row *row, const struct shape *input,
                     int classes, struct err *err)
{
    const char *body = strchr(row->spec, '\n');
    const char *last = strstr(row->spec, LAST_UNITS);
    struct str text = {0};
    struct net *net;
    char shape[64];

    assert(body != NULL && last != NULL);
    if (input != NULL)
        str_addf(&text, SPEC_INPUT " %s",
                 shape_text(input, shape, sizeof(shape)));
    else
        str_add_bytes(&text, row->spec, (size_t)(body - row->spec));
    str_add_bytes(&text, body, (size_t)(last - body));
    str_addf(&text, "\ndense %d ", classes > 0 ? classes : 10);
    str_add(&text, last + strlen(LAST_UNITS));
    net = spec_parse(text.text, row->name, err);
    str_done(&text);
    return net;
}
