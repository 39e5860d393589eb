#include "layer/pooling.h"

#include "layer/kinds.h"

const struct layer_attr pool_attrs[POOL_ATTR_COUNT] = {
    ATTR_PAIR_ROW(struct pool_config, pool_size,
                  "height and width of the window", .positional = true,
                  .usual = 2),
    ATTR_PAIR_ROW(struct pool_config, strides, "from place to place",
                  .copy = "pool_size"),
    ATTR_PADDING_ROW(struct pool_config),
};

struct window pool_window(const void *config, const struct shape *in)
{
    const struct pool_config *c = config;

    return window_make(
        in, &(struct window_spec){.size = c->pool_size,
                                  .stride = c->strides,
                                  .same = c->padding == PADDING_SAME});
}

enum err_code pool_shape(const char *kind, const void *config,
                         const struct shape *in, struct shape *out,
                         struct err *err)
{
    enum err_code code = layer_want_image(kind, in, err);
    struct window w;

    if (code != ERR_OK)
        return code;
    w = pool_window(config, in);
    return layer_window_shape(kind, &w, w.c, out, err);
}

void pool_each(const struct layer_pass *p,
               void (*visit)(const struct layer_pass *p,
                             const struct pool_place *at))
{
    struct window w = pool_window(p->config, p->in);
    struct pool_place at = {.c = (size_t)w.c, .row = (size_t)w.w * (size_t)w.c};
    int line, ox;

    for (line = 0; line < p->n * w.out_h; line++) {
        struct taps down =
            window_taps(line % w.out_h, w.stride_h, 1, w.top, w.kh, w.h);
        size_t row = (size_t)(line / w.out_h) * (size_t)w.h + (size_t)down.at;

        at.rows = down.count;
        for (ox = 0; ox < w.out_w; ox++) {
            struct taps across =
                window_taps(ox, w.stride_w, 1, w.left, w.kw, w.w);

            at.cols = across.count;
            at.x = row * at.row + (size_t)across.at * at.c;
            visit(p, &at);
            at.y += at.c;
        }
    }
}
