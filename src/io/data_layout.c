/* Which dimension of an array is what. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "io/data_read.h"

/* The dimensions of one sample, outermost first, with their steps. */
struct axes {
    int count;
    size_t dim[H5_RANK_MAX], step[H5_RANK_MAX];
};

static void reverse(struct axes *x)
{
    int i, j;

    for (i = 0, j = x->count - 1; i < j; i++, j--) {
        size_t dim = x->dim[i], step = x->step[i];

        x->dim[i] = x->dim[j];
        x->step[i] = x->step[j];
        x->dim[j] = dim;
        x->step[j] = step;
    }
}

/* Takes the dimension of the samples out; the others stay in x. */
static void split_axes(const struct h5_array *a, size_t rows, bool matlab,
                       struct axes *x, struct data_layout *out)
{
    int i, last = a->rank - 1, sample;
    size_t step[H5_RANK_MAX], all = 1;

    for (i = last; i >= 0; i--) {
        step[i] = all;
        all *= (size_t)a->dim[i];
    }
    sample = rows > 0 && a->dim[0] != rows && a->dim[last] == rows ? last : 0;
    out->rows = (size_t)a->dim[sample];
    out->step_n = step[sample];
    out->rows_first = sample == 0;
    x->count = 0;
    for (i = 0; i <= last; i++) {
        if (i == sample)
            continue;
        x->dim[x->count] = (size_t)a->dim[i];
        x->step[x->count++] = step[i];
    }
    /* MATLAB counts columns first: its (N,H,W,C) is stored as (C,W,H,N). */
    if (matlab)
        reverse(x);
}

/* (C,H,W) becomes (H,W,C). */
static void channels_last(struct axes *x)
{
    size_t dim = x->dim[0], step = x->step[0];

    x->dim[0] = x->dim[1];
    x->step[0] = x->step[1];
    x->dim[1] = x->dim[2];
    x->step[1] = x->step[2];
    x->dim[2] = dim;
    x->step[2] = step;
}

static bool few(size_t channels)
{
    return channels == 1 || channels == 3 || channels == 4;
}

static bool axes_are(const struct axes *x, int i, int j, int k,
                     const struct shape *want)
{
    return want != NULL && want->rank == 3 &&
           x->dim[i] == (size_t)want->dim[0] &&
           x->dim[j] == (size_t)want->dim[1] &&
           x->dim[k] == (size_t)want->dim[2];
}

/* True when x stands as (C,H,W). */
static bool is_channels_first(const struct axes *x, const struct shape *want)
{
    if (x->count != 3)
        return false;
    if (axes_are(x, 0, 1, 2, want))
        return false;
    if (axes_are(x, 1, 2, 0, want))
        return true;
    return few(x->dim[0]) && !few(x->dim[2]);
}

/* The side of a square of n pixels that looks like a picture, or 0.  Vectors
 * of measurements are seldom that long, or bytes. */
static size_t square_side(size_t n, bool is_uint8)
{
    size_t side = (size_t)(sqrt((double)n) + 0.5);

    return side * side == n && side >= (is_uint8 ? 8 : 16) ? side : 0;
}

static void flat_picture(size_t n, bool is_uint8, struct axes *x,
                         struct data_layout *out)
{
    size_t side = square_side(n, is_uint8), step = x->step[0];
    size_t colour = n % 3 == 0 ? square_side(n / 3, is_uint8) : 0;

    if (side == 0 && colour == 0)
        return;
    x->count = 3;
    x->dim[0] = x->dim[1] = side > 0 ? side : colour;
    x->dim[2] = side > 0 ? 1 : 3;
    x->step[2] = step;
    x->step[1] = x->dim[2] * step;
    x->step[0] = x->dim[1] * x->step[1];
    out->flat_colours = side == 0;
}

static const char *order_text(const struct data_layout *l, const struct axes *x,
                              bool planes)
{
    if (x->count == 1)
        return l->rows_first ? "rows of numbers" : "columns of numbers";
    if (!l->rows_first)
        return x->count == 2 ? "HWN" : planes ? "CHWN" : "HWCN";
    if (x->count == 2)
        return "NHW";
    return planes ? "NCHW" : "NHWC";
}

static bool is_straight(const struct axes *x, const struct data_layout *l)
{
    size_t step = 1;
    int i;

    for (i = x->count - 1; i >= 0; i--) {
        if (x->step[i] != step)
            return false;
        step *= x->dim[i];
    }
    return l->step_n == step && l->rows_first;
}

static enum err_code settle_shape(const struct axes *x, const char *name,
                                  const struct shape *want,
                                  struct data_layout *out, struct err *err)
{
    long long dim[SHAPE_RANK_MAX];
    int i;

    for (i = 0; i < x->count; i++) {
        dim[i] = x->dim[i] > INT_MAX ? INT_MAX : (long long)x->dim[i];
        out->step[i] = x->step[i];
    }
    if (x->count == 2) { /* grey pictures have one channel */
        dim[2] = 1;
        out->step[2] = 0;
    }
    if (shape_make(&out->picture, x->count == 2 ? 3 : x->count, dim, err) !=
        ERR_OK)
        return err_context(err, "dataset \"%s\"", name);
    out->shape = out->picture;
    /* The same numbers, seen as the net sees them. */
    if (want != NULL && shape_count(want) == shape_count(&out->picture))
        out->shape = *want;
    return ERR_OK;
}

enum err_code data_layout(const struct h5_array *a, const char *name,
                          size_t rows, const struct shape *want, bool matlab,
                          struct data_layout *out, struct err *err)
{
    struct data_layout l = {0};
    struct axes x;
    bool planes;
    struct str text = {0};

    if (a->rank < 2 || a->rank > 4) {
        h5_array_text(a, &text);
        err_set(err, ERR_SHAPE,
                "dataset \"%s\" is %s: pictures (n, h, w), (n, h, w, c) or"
                " (n, c, h, w), or rows (n, i) were expected",
                name, text.text);
        str_done(&text);
        return err->code;
    }
    split_axes(a, rows, matlab, &x, &l);
    planes = is_channels_first(&x, want);
    l.order = order_text(&l, &x, planes);
    /* A net that wants a vector gets the numbers as they were stored. */
    if (planes && (want == NULL || want->rank != 1))
        channels_last(&x);
    if (x.count == 1 && (want == NULL || want->rank != 1))
        flat_picture(x.dim[0], a->is_uint8, &x, &l);
    l.straight = is_straight(&x, &l);
    if (settle_shape(&x, name, want, &l, err) != ERR_OK)
        return err->code;
    *out = l;
    return ERR_OK;
}
