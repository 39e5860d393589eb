#include "tensor/border.h"

#include "tensor/vec.h"

bool border_is_none(const struct border *f)
{
    return f->top == 0 && f->left == 0 && f->h <= f->image_h &&
           f->w <= f->image_w;
}

static size_t line_of(const struct border *f)
{
    return f->line > 0 ? f->line : f->w * f->c;
}

size_t border_line(const struct border *f)
{
    return border_is_none(f) ? f->image_w * f->c : line_of(f);
}

size_t border_count(const struct border *f)
{
    return border_is_none(f) ? 0 : f->h * line_of(f);
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
    size_t count = floats_of(f), from = f->image_w * f->c, to = line_of(f), i;

    frame += f->left * f->c;
    for (i = first > f->top ? first : f->top; i < end; i++)
        vec_copy(image + (i - f->top) * from, frame + i * to, count);
}

void border_take(const struct border *f, const float *frame, float *image)
{
    size_t lines = lines_of(f), count = floats_of(f), to = f->image_w * f->c, i;

    if (lines < f->image_h || count < to)
        vec_zero(image, f->image_h * to);
    frame += f->top * line_of(f) + f->left * f->c;
    for (i = 0; i < lines; i++)
        vec_copy(frame + i * line_of(f), image + i * to, count);
}
