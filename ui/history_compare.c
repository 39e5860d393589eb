#include "ui/history_compare.h"

#include <math.h>
#include <stdio.h>

#include "ui/table.h"
#include "ui/words.h"

static void compare_columns(struct table *t, const struct compare_sheet *s,
                            const struct canvas *c, int cols)
{
    bool differ = false;
    int i;

    for (i = 0; i < s->count; i++)
        differ |= s->row[i].weights != s->row[i].weights_b;
    table_add(t, "layer", 5, 0, ALIGN_LEFT);
    table_add(t, "left a", 7, 0, ALIGN_RIGHT);
    table_add(t, "left b", 7, 0, ALIGN_RIGHT);
    table_add(t, "shared", 7, 1, ALIGN_RIGHT);
    table_add(t, "change", 8, 2, ALIGN_RIGHT);
    table_add(t, differ ? "weights a" : "weights", 9, 3, ALIGN_RIGHT);
    if (differ)
        table_add(t, "weights b", 9, 3, ALIGN_RIGHT);
    for (i = 0; i < s->count; i++)
        table_widen(t, 0, c, s->row[i].name, 20);
    table_fit(t, 2, cols);
}

static double share_of(long long part, long long whole)
{
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

/* shared: of the weights alive in either.  Weights of layers of different
 * shapes do not face one another. */
static void compare_row(const struct table *t, struct pane p, int row,
                        const struct compare_row *r)
{
    char buf[WORDS_SIZE];

    table_cell(t, p, row, 0, ROLE_NORMAL, r->name);
    table_cell(t, p, row, 1, ROLE_NORMAL,
               words_percent(share_of(r->alive_a, r->weights), 1, buf));
    table_cell(t, p, row, 2, ROLE_NORMAL,
               words_percent(share_of(r->alive_b, r->weights_b), 1, buf));
    table_cell(t, p, row, 5, ROLE_DIM,
               r->weights > 0 ? words_count(r->weights, buf) : "-");
    if (t->count > 6)
        table_cell(t, p, row, 6, ROLE_DIM,
                   r->weights_b > 0 ? words_count(r->weights_b, buf) : "-");
    if (!r->same) {
        table_cell(t, p, row, 3, ROLE_DIM, "other");
        table_cell(t, p, row, 4, ROLE_DIM, "shape");
        return;
    }
    table_cell(
        t, p, row, 3, ROLE_NORMAL,
        words_percent(share_of(r->both, r->alive_a + r->alive_b - r->both), 1,
                      buf));
    table_cell(t, p, row, 4, ROLE_NORMAL, words_percent(r->distance, 1, buf));
}

static void compare_table(const struct compare_sheet *s, struct pane p)
{
    struct table t = {.count = 0};
    int i;

    compare_columns(&t, s, p.canvas, p.at.cols);
    table_head(&t, p, 0);
    for (i = 0; i < s->count; i++)
        compare_row(&t, p, 1 + i, &s->row[i]);
    if (s->count + 1 > p.at.rows)
        pane_fieldf(p, p.at.rows - 1, 0, p.at.cols, ALIGN_LEFT, ROLE_DIM,
                    "  … %d more layers", s->count + 2 - p.at.rows);
}

/* What McNemar's test says about the samples only one of them gets right. */
static void compare_verdict(const struct compare_sheet *s, struct pane p,
                            int row)
{
    bool differs = s->mcnemar > 3.84;

    if (s->only_a < 0 || s->only_b < 0) {
        pane_text(p, row, 2, ROLE_DIM, "not evaluated on the same samples");
        return;
    }
    pane_textf(p, row, 2, differs ? ROLE_WARN : ROLE_NORMAL,
               "only a right %d, only b right %d: McNemar %.2f, %s at 5 %%",
               s->only_a, s->only_b, s->mcnemar,
               differs ? "they differ" : "no difference shown");
}

static void compare_side(struct pane p, int row, char letter, int id,
                         double accuracy, double sparsity, const char *text)
{
    char left[WORDS_SIZE], share[WORDS_SIZE];

    pane_textf(p, row, 2, ROLE_NORMAL, "%c  #%-4d %8s  %6s left  %s", letter,
               id, words_percent(accuracy, 2, share),
               words_percent(1 - sparsity, 1, left), text);
}

void history_compare_draw(const struct compare_sheet *s, struct pane p)
{
    compare_side(p, 0, 'a', s->a, s->accuracy_a, s->sparsity_a, s->text_a);
    compare_side(p, 1, 'b', s->b, s->accuracy_b, s->sparsity_b, s->text_b);
    compare_verdict(s, p, 2);
    (void)pane_take_top(&p, 3);
    compare_table(s, p);
}
