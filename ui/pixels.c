#include "ui/pixels.h"

enum { UP_MOST = 8 };

static int over(int n, int by)
{
    return n / by + (n % by != 0);
}

struct pixel_fit pixel_fit(int height, int width, int rows, int cols, bool even)
{
    struct pixel_fit fit = {.up = 1, .down = 1, .across = 1};

    if (height <= 0 || width <= 0 || rows <= 0 || cols <= 0)
        return fit;
    fit.down = over(height, rows);
    fit.across = over(width, cols);
    if (even)
        fit.down = fit.across = fit.down > fit.across ? fit.down : fit.across;
    if (fit.down == 1 && fit.across == 1) {
        fit.up = rows / height < cols / width ? rows / height : cols / width;
        if (fit.up > UP_MOST)
            fit.up = UP_MOST;
    }
    fit.rows = over(height, fit.down) * fit.up;
    fit.cols = over(width, fit.across) * fit.up;
    return fit;
}
