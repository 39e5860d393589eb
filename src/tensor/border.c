#include "tensor/border.h"

#include "tensor/vec.h"

bool border_is_none(const struct border *f)
{
    return f->top == 0 && f->left == 0 && f->h <= f->image_h &&
           f->w <= f->image_w;
}

size_t border_line(const struct border *f)
{
    return (border_is_none(f) ? f->image_w : f->w) * f->c;
}

size_t border_count(const struct border *f)
{
    return border_is_none(f) ? 0 : f->h * f->w * f->c;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The part of the image that the frame shows: lines, and floats of a line. */
static size_t lines_of(const struct border *f)
{
    return lesser(f->image_h, f->h - f->top);
}

static size_t floats_of(const struct border *f)
{
    return lesser(f->image_w, f->w - f->left) * f->c;
}

void border_put(const struct border *f, const float *image, size_t first,
                size_t lines, float *frame)
{
    size_t end = lesser(first + lines, f->top + lines_of(f));
    size_t count = floats_of(f), from = f->image_w * f->c, to = f->w * f->c, i;

    frame += f->left * f->c;
    for (i = first > f->top ? first : f->top; i < end; i++)
        vec_copy(image + (i - f->top) * from, frame + i * to, count);
}

void border_take(const struct border *f, const float *frame, float *image)
{
    size_t lines = lines_of(f), count = floats_of(f), i;

    if (lines < f->image_h || count < f->image_w * f->c)
        vec_zero(image, f->image_h * f->image_w * f->c);
    frame += (f->top * f->w + f->left) * f->c;
    for (i = 0; i < lines; i++)
        vec_copy(frame + i * f->w * f->c, image + i * f->image_w * f->c, count);
}
