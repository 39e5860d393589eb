#include "ui/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Decimals so that steps of step can be told apart: 0.25 -> 2, 20 -> 0. */
static int decimals(double step)
{
    int d = 0;

    while (d < 9 && fabs(step - round(step)) > 1e-6 * fabs(step)) {
        step *= 10;
        d++;
    }
    return d;
}

static const char *scaled(double value, double step, const char *unit,
                          char *buf, size_t size)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P"};
    int u = 0;

    while (fabs(value) >= 999.5 && u < 5) {
        value /= 1000;
        step /= 1000;
        u++;
    }
    if (step > 0)
        snprintf(buf, size, "%.*f%s%s", decimals(step), value, units[u], unit);
    else
        snprintf(buf, size, "%.4g%s%s", value, units[u], unit);
    return buf;
}

static const char *plain(double value, double step, char *buf, size_t size)
{
    double size_of = fabs(value);

    if (step > 0 && size_of >= 1000 && step >= 10)
        return scaled(value, step, "", buf, size);
    if (step > 0 && step < 1e-4)
        snprintf(buf, size, "%.*e", value == 0 ? 0 : 1, value);
    else if (step > 0)
        snprintf(buf, size, "%.*f", decimals(step), value);
    else if (size_of >= 1e5)
        return scaled(value, 0, "", buf, size);
    else if (size_of >= 1000)
        snprintf(buf, size, "%.0f", value);
    else
        snprintf(buf, size, "%.4g", value);
    return buf;
}

const char *plot_number(enum plot_format format, double value, double step,
                        char *buf, size_t size)
{
    if (!isfinite(value)) {
        snprintf(buf, size, "%s",
                 isnan(value) ? "n/a"
                 : value > 0  ? "inf"
                              : "-inf");
        return buf;
    }
    if (fabs(value) < step * 1e-6)
        value = 0; /* no "-0.0" and no 1e-17 on an axis */
    switch (format) {
    case PLOT_WHOLE:
        if (step < 10 && fabs(value) < 1e15)
            return str_commas(llround(value), buf, size);
        return plain(value, step, buf, size);
    case PLOT_PERCENT:
        snprintf(buf, size, "%.*f%%", step > 0 ? decimals(step * 100) : 2,
                 value * 100);
        return buf;
    case PLOT_BYTES:
        return scaled(value, step, "B", buf, size);
    case PLOT_NUMBER:
    default:
        return plain(value, step, buf, size);
    }
}

/* The smallest of 1, 2, 5 times a power of ten that is at least raw. */
static double nice_step(double raw)
{
    double power = pow(10, floor(log10(raw)));
    double lead = raw / power;

    return power * (lead <= 1.0 + 1e-9   ? 1
                    : lead <= 2.0 + 1e-9 ? 2
                    : lead <= 5.0 + 1e-9 ? 5
                                         : 10);
}

int plot_ticks(double least, double most, int max, double out[PLOT_TICKS],
               double *step)
{
    double range = most - least, first, last;
    int n, i;

    *step = 0;
    if (!(range > 0) || !isfinite(range) || max < 1)
        return 0;
    if (max > PLOT_TICKS)
        max = PLOT_TICKS;
    *step = nice_step(range / max);
    first = ceil(least / *step - 1e-9);
    last = floor(most / *step + 1e-9);
    if (last - first + 1 > max) { /* both ends fall on a tick */
        *step = nice_step(*step * 1.01);
        first = ceil(least / *step - 1e-9);
        last = floor(most / *step + 1e-9);
    }
    n = last - first + 1 < max ? (int)(last - first + 1) : max;
    for (i = 0; i < n; i++)
        out[i] = (first + i) * *step;
    return n > 0 ? n : 0;
}

int plot_ticks_log(double least, double most, int max, double out[PLOT_TICKS])
{
    static const double lead[] = {1, 2, 5};
    double first, last, decade;
    int n = 0, every, i, fine;

    if (!(least > 0) || !(most > least) || !isfinite(most) || max < 1)
        return 0;
    if (max > PLOT_TICKS)
        max = PLOT_TICKS;
    first = floor(log10(least) + 1e-9);
    last = floor(log10(most) + 1e-9);
    every = (int)ceil((last - first + 1) / max);
    fine = (last - first + 1) * 3 <= max ? 3 : 1;
    for (decade = first; decade <= last; decade += every) {
        for (i = 0; i < fine; i++) {
            double tick = lead[i] * pow(10, decade);

            if (tick >= least * (1 - 1e-9) && tick <= most * (1 + 1e-9) &&
                n < max)
                out[n++] = tick;
        }
    }
    return n;
}

/* Share of a bar in eighths of a column; what is not nothing shows. */
static int eighths(double share, int width)
{
    int n;

    if (!(share > 0))
        return 0;
    if (share > 1)
        share = 1;
    n = (int)lround(share * width * 8);
    return n > 0 ? n : 1;
}

void plot_bar(struct pane p, int row, int col, int width, enum role role,
              double share)
{
    bool ascii = p.canvas->glyphs == GLYPHS_ASCII;
    int full = eighths(share, width), i;

    for (i = 0; i < width; i++) {
        int part = full - i * 8;

        if (part >= 8)
            pane_put(p, row, col + i, role, ascii ? '#' : 0x2588);
        else if (part <= 0)
            pane_put(p, row, col + i, ROLE_FRAME, ascii ? '.' : 0xB7);
        else if (ascii)
            pane_put(p, row, col + i, role, part >= 4 ? '=' : '-');
        else
            pane_put(p, row, col + i, role, 0x2590u - (unsigned)part);
    }
}

void plot_spark(struct pane p, int row, int col, int width, enum role role,
                const double *y, size_t n)
{
    static const char ramp[] = "._-=+*#@";
    double low = HUGE_VAL, high = -HUGE_VAL;
    size_t first = n > (size_t)(width > 0 ? width : 0) ? n - (size_t)width : 0;
    size_t i;

    for (i = first; i < n; i++) {
        if (isfinite(y[i])) {
            low = fmin(low, y[i]);
            high = fmax(high, y[i]);
        }
    }
    for (i = first; i < n; i++) {
        int at = col + (int)(i - first);
        double t = high > low ? (y[i] - low) / (high - low) : 0.5;
        unsigned level = (unsigned)lround(fmin(fmax(t, 0), 1) * 7);

        if (isnan(y[i]))
            pane_put(p, row, at, role, ' ');
        else if (p.canvas->glyphs == GLYPHS_ASCII)
            pane_put(p, row, at, role, (unsigned char)ramp[level]);
        else
            pane_put(p, row, at, role, 0x2581u + level);
    }
}
