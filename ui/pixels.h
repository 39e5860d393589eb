/*
 * Grids of values as cells, two values to a cell one above the other.
 * Private to plot_heat.c and plot_picture.c.
 */
#ifndef UI_PIXELS_H
#define UI_PIXELS_H

#include "ui/canvas.h"

/* How a grid of height x width values gets onto rows x cols pixels: each
 * pixel covers down x across values, or each value covers up x up pixels. */
struct pixel_fit {
    int up;           /* at least 1; 1 where values are reduced */
    int down, across; /* at least 1 */
    int rows, cols;   /* pixels that are used */
};
/* even: the same reduction both ways, so that shapes keep their form. */
struct pixel_fit pixel_fit(int height, int width, int rows, int cols,
                           bool even);

#endif
