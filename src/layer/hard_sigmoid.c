/* Keras 2: y = min(max(0.2 x + 0.5, 0), 1). */
#include "layer/act.h"

ACT_FORWARD(-2.5f > x ? 0.0f : 2.5f < x ? 1.0f : 0.2f * x + 0.5f)
ACT_BACKWARD(((y > 0.0f) & (y < 1.0f)) ? 0.2f * dy : 0.0f)

const struct layer_kind hard_sigmoid_layer = {
    .name = "hard_sigmoid",
    .keras = "Activation",
    .help = "0.2 x + 0.5 between 0 and 1",
    ACT_ROW_IN_PLACE,
};
