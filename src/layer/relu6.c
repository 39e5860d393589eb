/* y = min(max(x, 0), 6); a NaN stays one. */
#include "layer/act.h"

ACT_FORWARD(0.0f > x ? 0.0f : 6.0f < x ? 6.0f : x)
ACT_BACKWARD(((y > 0.0f) & (y < 6.0f)) ? dy : 0.0f)

static const struct clip bounds = {.least = 0.0f, .most = 6.0f};

const struct layer_kind relu6_layer = {
    .name = "relu6",
    .keras = "Activation",
    .help = "max(x, 0), at most 6",
    .clip = &bounds,
    ACT_ROW_IN_PLACE,
};
