/* y = max(x, 0); a NaN stays one. */
#include <math.h>

#include "layer/act.h"

ACT_FORWARD(0.0f > x ? 0.0f : x)
ACT_BACKWARD(y > 0.0f ? dy : 0.0f)

static const struct clip bounds = {.least = 0.0f, .most = INFINITY};

const struct layer_kind relu_layer = {
    .name = "relu",
    .keras = "ReLU",
    .help = "max(x, 0)",
    .clip = &bounds,
    ACT_ROW_IN_PLACE,
};
