#include "engine/exits_try.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

static int exit_of(const struct exits_sheet *s, const double *threshold, int i)
{
    const float *score = s->score + i;
    int k;

    for (k = 0; k < s->exits - 1; k++, score += s->samples) {
        if (s->falling ? (double)*score < threshold[k]
                       : (double)*score >= threshold[k])
            break;
    }
    return k;
}

static void sum_up(const struct exits_sheet *s, struct exits_try *out)
{
    int hits = 0, k;

    for (k = 0; k < s->exits; k++) {
        hits += out->right[k];
        out->cost += (double)out->left[k] * s->row[k].cost;
        out->ms += (double)out->left[k] * s->row[k].ms;
    }
    if (s->samples > 0) {
        out->accuracy = (double)hits / s->samples;
        out->cost /= s->samples;
        out->ms /= s->samples;
    }
}

void exits_try(const struct exits_sheet *s, const double *threshold,
               struct exits_try *out, double *late)
{
    size_t classes = (size_t)s->classes;
    int *count = mem_array(classes + 1, sizeof(*count)), i, k;

    memset(out, 0, sizeof(*out));
    for (i = 0; late != NULL && i < s->classes; i++)
        late[i] = 0;
    for (i = 0; i < s->samples; i++) {
        k = exit_of(s, threshold, i);
        out->left[k]++;
        out->right[k] +=
            s->guess[(size_t)k * (size_t)s->samples + (size_t)i] == s->label[i];
        count[s->label[i]]++;
        if (late != NULL)
            late[s->label[i]] += k == s->exits - 1;
    }
    for (i = 0; late != NULL && i < s->classes; i++)
        late[i] = count[i] > 0 ? late[i] / count[i] : -1;
    mem_free(count);
    sum_up(s, out);
}
