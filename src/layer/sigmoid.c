/* y = 1 / (1 + exp(-x)), dx = y (1 - y) dy */
#include "layer/act.h"

ACT_FORWARD(vec_sigmoid(x))
ACT_BACKWARD(y *(1.0f - y) * dy)

const struct layer_kind sigmoid_layer = {
    .name = "sigmoid",
    .keras = "Activation",
    .help = "1 / (1 + exp(-x))",
    ACT_ROW_IN_PLACE,
};
