/* y = tanh(x), dx = (1 - y^2) dy */
#include "layer/act.h"

ACT_FORWARD(vec_tanh(x))
ACT_BACKWARD((1.0f - y * y) * dy)

const struct layer_kind tanh_layer = {
    .name = "tanh",
    .keras = "Activation",
    .help = "hyperbolic tangent",
    ACT_ROW_IN_PLACE,
};
