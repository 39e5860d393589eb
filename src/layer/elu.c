/* y = x, or alpha (exp(x) - 1) where x < 0; there dy/dx = y + alpha. */
#include "layer/act.h"

static const struct layer_attr attrs[] = {
    ACT_ALPHA_ROW("limit for large negative x, turned round", 1)};

ACT_FORWARD_ALPHA(x < 0.0f ? alpha * vec_expm1(x) : x)
ACT_BACKWARD_ALPHA(y > 0.0f ? dy : (y + alpha) * dy)

const struct layer_kind elu_layer = {
    .name = "elu",
    .keras = "ELU",
    .help = "x, or alpha (exp(x) - 1) where x is negative",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct act_config),
    ACT_ROW_IN_PLACE,
};
