#include "ui/pixels.h"
#include "ui/plot.h"

/* Mean of a channel over the values under a pixel. */
static int mean_of(const struct plot_picture *picture,
                   const struct pixel_fit *fit, int row, int col, int channel)
{
    int top = row / fit->up * fit->down, left = col / fit->up * fit->across;
    int sum = 0, n = 0, i, j;

    for (i = top; i < top + fit->down && i < picture->height; i++) {
        for (j = left; j < left + fit->across && j < picture->width; j++) {
            size_t at = ((size_t)i * (size_t)picture->width + (size_t)j) *
                            (size_t)picture->channels +
                        (size_t)channel;

            sum += picture->pixels[at];
            n++;
        }
    }
    if (n == 0)
        return picture->invert ? 255 : 0; /* half a cell below the last row */
    return picture->invert ? 255 - sum / n : sum / n;
}

static int grey_of(const struct plot_picture *picture,
                   const struct pixel_fit *fit, int row, int col)
{
    if (picture->channels < 3)
        return mean_of(picture, fit, row, col, 0);
    return (mean_of(picture, fit, row, col, 0) * 299 +
            mean_of(picture, fit, row, col, 1) * 587 +
            mean_of(picture, fit, row, col, 2) * 114) /
           1000;
}

/* 0..255 to the nearest of the six steps of a channel in 256 colours, which
 * are 0, 95, 135, 175, 215, 255. */
static int cube_step(int value)
{
    if (value < 48)
        return 0;
    return value < 115 ? 1 : (value - 35) / 40;
}

static enum role colour_of(const struct plot_picture *picture,
                           const struct pixel_fit *fit, int row, int col)
{
    if (picture->channels < 3)
        return (enum role)(ROLE_GREY + mean_of(picture, fit, row, col, 0) *
                                           GREY_LEVELS / 256);
    return (enum role)(ROLE_CUBE +
                       cube_step(mean_of(picture, fit, row, col, 0)) * 36 +
                       cube_step(mean_of(picture, fit, row, col, 1)) * 6 +
                       cube_step(mean_of(picture, fit, row, col, 2)));
}

struct rect plot_picture(struct pane p, const struct plot_picture *picture)
{
    static const char shades[] = " .:-=+*#%@";
    struct pixel_fit fit = pixel_fit(picture->height, picture->width,
                                     p.at.rows * 2, p.at.cols, true);
    struct rect used = {0, 0, (fit.rows + 1) / 2, fit.cols};
    bool colour =
        p.canvas->colours == COLOURS_256 && p.canvas->glyphs != GLYPHS_ASCII;
    int row, col;

    for (row = 0; row < used.rows; row++) {
        for (col = 0; col < used.cols; col++) {
            if (colour) {
                pane_half(p, row, col, colour_of(picture, &fit, row * 2, col),
                          colour_of(picture, &fit, row * 2 + 1, col));
            } else {
                int grey = (grey_of(picture, &fit, row * 2, col) +
                            grey_of(picture, &fit, row * 2 + 1, col)) /
                           2;

                pane_put(p, row, col, ROLE_NORMAL,
                         (unsigned char)shades[grey * 10 / 256]);
            }
        }
    }
    return used;
}
