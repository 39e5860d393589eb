#include "ui/words.h"

#include <math.h>
#include <stdio.h>

#include "base/str.h"

static const char *words_none(char *buf)
{
    snprintf(buf, WORDS_SIZE, "-");
    return buf;
}

const char *words_percent(double share, int digits, char *buf)
{
    if (!isfinite(share) || share < 0 || share > 1e6)
        return words_none(buf);
    snprintf(buf, WORDS_SIZE, "%.*f%%", digits, 100 * share);
    return buf;
}

const char *words_points(double change, char *buf)
{
    buf[0] = '\0';
    if (!isfinite(change) || fabs(change) > 1e3)
        return buf;
    /* -0.001 points are no loss */
    if (fabs(change) < 0.5e-4)
        change = 0;
    snprintf(buf, WORDS_SIZE, "%+.2f", 100 * change);
    return buf;
}

const char *words_size(double bytes, char *buf)
{
    if (!isfinite(bytes) || bytes < 0 || bytes > 1e18)
        return words_none(buf);
    return str_size(bytes, buf, WORDS_SIZE);
}

const char *words_si(double value, char *buf)
{
    if (!isfinite(value) || fabs(value) > 1e18)
        return words_none(buf);
    return str_si(value, buf, WORDS_SIZE);
}

const char *words_count(long long value, char *buf)
{
    return str_commas(value, buf, WORDS_SIZE);
}

const char *words_time(double seconds, char *buf)
{
    long s;

    if (!isfinite(seconds) || seconds < 0 || seconds > 3.6e6)
        return words_none(buf);
    s = lround(seconds);
    if (s < 3600)
        snprintf(buf, WORDS_SIZE, "%ld:%02ld", s / 60, s % 60);
    else
        snprintf(buf, WORDS_SIZE, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60,
                 s % 60);
    return buf;
}

const char *words_number(double value, char *buf)
{
    if (!isfinite(value))
        return words_none(buf);
    snprintf(buf, WORDS_SIZE, "%.4g", value);
    return buf;
}
