/* y = x, or alpha x where x < 0.  As alpha is not negative, y has x's sign. */
#include "layer/act.h"

static const struct layer_attr attrs[] = {
    ACT_ALPHA_ROW("slope for negative x", 0.3)};

ACT_FORWARD_ALPHA(x < 0.0f ? alpha * x : x)
ACT_BACKWARD_ALPHA(y > 0.0f ? dy : alpha * dy)

const struct layer_kind leaky_relu_layer = {
    .name = "leaky_relu",
    .keras = "LeakyReLU",
    .help = "x, or alpha x where x is negative",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct act_config),
    ACT_ROW_IN_PLACE,
};
