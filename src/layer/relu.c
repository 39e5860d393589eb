/* y = max(x, 0); a NaN stays one. */
#include "layer/act.h"

ACT_FORWARD(0.0f > x ? 0.0f : x)
ACT_BACKWARD(y > 0.0f ? dy : 0.0f)

const struct layer_kind relu_layer = {
    .name = "relu",
    .keras = "ReLU",
    .help = "max(x, 0)",
    ACT_ROW_IN_PLACE,
};
