/*
 * An image in a frame of zeros, so that windows over its edge need no care.
 * Threads: no shared state.
 */
#ifndef TENSOR_BORDER_H
#define TENSOR_BORDER_H

#include <stdbool.h>
#include <stddef.h>

/* An image (image_h,image_w,c) whose first pixel lies at (top,left) of the
 * frame (h,w,c); what reaches out of the frame is not seen by any window. */
struct border {
    size_t image_h, image_w, c;
    size_t h, w;
    size_t top, left;
    size_t line; /* floats from line to line of the frame; 0: w * c */
};

/* Whether there is nothing around the image: it may be used as it is. */
bool border_is_none(const struct border *f);
/* From line to line in floats: of the frame, of a bare one's image. */
size_t border_line(const struct border *f);
/* Floats of the frame; 0 of a bare one. */
size_t border_count(const struct border *f);

/* Fills lines first..first+lines-1 of a frame whose zeros stand already
 * (vec_zero, once for many images). */
void border_put(const struct border *f, const float *image, size_t first,
                size_t lines, float *frame);
/* image = what the frame shows of it, 0 elsewhere */
void border_take(const struct border *f, const float *frame, float *image);

#endif
