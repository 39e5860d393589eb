/*
 * What the files of this folder share: the rows, and small checks of shapes.
 * Other folders need only layer.h.
 */
#ifndef LAYER_KINDS_H
#define LAYER_KINDS_H

#include "layer/layer.h"
#include "tensor/conv.h"

#define LAYER(name) extern const struct layer_kind name##_layer;
#include "layer/kinds.def"
#undef LAYER

#define ATTR_COUNT(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))
#define ATTR_AT(field)   offsetof(struct config, field)

/* Attribute rows that several kinds share; owner is the config struct, with a
 * field of that name. */
#define ATTR_PAIR_ROW(owner, field, text, ...)                            \
    {                                                                     \
        .name = #field, .keras = #field, .help = text, .type = ATTR_PAIR, \
        .offset = offsetof(owner, field), .least = 1, .most = 10000,      \
        __VA_ARGS__                                                       \
    }
#define ATTR_BOOL_ROW(owner, field, text, on)                             \
    {                                                                     \
        .name = #field, .keras = #field, .help = text, .type = ATTR_BOOL, \
        .offset = offsetof(owner, field), .usual = on                     \
    }
#define ATTR_PADDING_ROW(owner)                                           \
    {                                                                     \
        .name = "padding", .keras = "padding",                            \
        .help = "valid: only whole windows; same: size / stride of them," \
                " padded at the edges",                                   \
        .type = ATTR_PADDING, .offset = offsetof(owner, padding)          \
    }

/* The output has the shape of the only input. */
enum err_code layer_same_shape(const void *config, const struct shape *in,
                               int in_count, struct shape *out,
                               struct err *err);

/* Refuses what is not an image; kind is the spec name. */
enum err_code layer_want_image(const char *kind, const struct shape *in,
                               struct err *err) MUST_CHECK;

/* The shape of n channels of a window's places, or why it does not fit. */
enum err_code layer_window_shape(const char *kind, const struct window *w,
                                 long long channels, struct shape *out,
                                 struct err *err) MUST_CHECK;

/* A kernel: learnt, prunable, decaying; a bias of n values, which is not
 * pruned and does not decay. */
struct param_def param_kernel(const char *name, const struct shape *shape,
                              int fan_in, int fan_out);
struct param_def param_bias(int n);

/* Elements of the shard's input i, and of its output. */
size_t pass_in(const struct layer_pass *p, int i);
size_t pass_out(const struct layer_pass *p);

/* Share of a batch in running statistics with that momentum. */
double statistic_share(const struct layer_pass *p, double momentum);
/* old with that share of batch; the whole share replaces what was there, NaN
 * too. */
float statistic_moved(float old, double batch, double share);

/* Pieces that so many multiply-accumulates are worth, `most` at most. */
int pieces_for(double macs, int most);
/* Of `all` parts of y those the call is asked for, whole times `grain` but for
 * the last piece. */
struct span {
    int first, count;
};
struct span pass_span(const struct layer_pass *p, int all, int grain);
/* Of s, what lies in first..first+count-1, counted from there. */
static inline struct span span_within(struct span s, int first, int count)
{
    int from = s.first > first ? s.first - first : 0;
    int end = s.first + s.count - first;

    return (struct span){.first = from,
                         .count = (end < count ? end : count) - from};
}
/* For what does little with each value of y: pieces, and which floats of y one
 * is, from a line of the cache on. */
int pieces_of_values(const void *config, const struct shape *in,
                     const struct shape *out, int n, bool ready);
struct stretch {
    size_t first, count;
};
struct stretch pass_stretch(const struct layer_pass *p);
/* Size of the last dimension, which holds channels or units. */
int shape_last(const struct shape *s);

#endif
