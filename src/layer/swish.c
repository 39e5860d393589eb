/* y = x s(x) with s = 1 / (1 + exp(-x)); dx = (s + x s (1 - s)) dy.  y does
 * not tell x, so backward reads x. */
#include "layer/act.h"

ACT_FORWARD(vec_sigmoid(x) * x)
ACT_BACKWARD_X(vec_sigmoid(x) * (1.0f + x * vec_sigmoid(-x)) * dy)

const struct layer_kind swish_layer = {
    .name = "swish",
    .keras = "Activation",
    .help = "x / (1 + exp(-x)), also called SiLU",
    ACT_ROW,
    .ignores_y = true,
};
