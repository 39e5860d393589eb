/* y = x, or alpha (exp(x) - 1) where x < 0; there dy/dx = y + alpha. */
#include "layer/act.h"

struct config {
    float alpha;
};

static const struct layer_attr attrs[] = {
    {.name = "alpha",
     .keras = "alpha",
     .help = "limit for large negative x, turned round",
     .type = ATTR_REAL,
     .offset = ATTR_AT(alpha),
     .positional = true,
     .usual = 1,
     .least = 0,
     .most = 1000},
};

ACT_FORWARD(x < 0.0f ? c->alpha * vec_expm1(x) : x)
ACT_BACKWARD(y > 0.0f ? dy : (y + c->alpha) * dy)

const struct layer_kind elu_layer = {
    .name = "elu",
    .keras = "ELU",
    .help = "x, or alpha (exp(x) - 1) where x is negative",
    .attrs = attrs,
    .attr_count = ATTR_COUNT(attrs),
    .config_size = sizeof(struct config),
    ACT_ROW_IN_PLACE,
};
