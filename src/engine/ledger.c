#include "engine/ledger.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "engine/bench.h"
#include "engine/sheets.h"
#include "io/io.h"

#define STEPS_MOST 40 /* stages shown, the newest ones */
#define WAYS       5

/* Stores that the packed file is held against. */
struct ways {
    const char *name[WAYS];
    double bytes[WAYS];
};

static enum err_code packed_bytes(const struct net *net, enum pack_coder coder,
                                  const struct progress *progress, double *out,
                                  struct err *err)
{
    struct bytes file = {0};
    enum err_code code = pack_write(net, coder, &file, NULL, progress, err);

    *out = (double)file.len;
    bytes_done(&file);
    return code;
}

static double dense_bytes(const struct pack_ledger *l)
{
    double n = 0;
    int i;

    for (i = 0; i < l->count; i++)
        n += 4.0 * (double)l->part[i].weights;
    return n;
}

static enum err_code find_ways(struct bench *b, const struct pack_ledger *l,
                               struct ways *w, struct err *err)
{
    struct progress quiet = {.cancel = job_cancel_flag(b->job)};

    *w = (struct ways){{"dense float32", "as HDF5 gzip", "packed, fixed fields",
                        "packed, Huffman", "packed, best"},
                       {dense_bytes(l)}};
    w->bytes[4] = (double)l->total;
    if (net_gzip_bytes(b->net, &w->bytes[1], err) != ERR_OK ||
        packed_bytes(b->net, PACK_FIXED, &quiet, &w->bytes[2], err) != ERR_OK)
        return err->code;
    return packed_bytes(b->net, PACK_HUFFMAN, &quiet, &w->bytes[3], err);
}

/* Stages from the root to the current one, the newest STEPS_MOST of them. */
static int find_path(const struct bench *b, int id[STEPS_MOST])
{
    int at = b->history->current, n = 0, i;

    for (; at >= 0 && n < STEPS_MOST; at = b->history->stage[at]->parent)
        id[n++] = at;
    for (i = 0; i < n / 2; i++) {
        int swap = id[i];

        id[i] = id[n - 1 - i];
        id[n - 1 - i] = swap;
    }
    return n;
}

/* Counts the stages on the path that were not counted yet. */
static enum err_code count_path(struct bench *b, const int *id, int n,
                                struct err *err)
{
    struct progress outer = bench_progress(b);
    struct progress quiet = {.cancel = job_cancel_flag(b->job)};
    int i;

    for (i = 0; i < n; i++) {
        struct stage *s = b->history->stage[id[i]];
        const struct net *net;
        double bytes;

        progress_tell(&outer, (double)i / n);
        if (s->packed > 0)
            continue;
        if (stages_net(b->history, id[i], &net, err) != ERR_OK ||
            packed_bytes(net, PACK_BEST, &quiet, &bytes, err) != ERR_OK)
            return err->code;
        s->packed = (int64_t)bytes;
    }
    return ERR_OK;
}

/* The sheet. */

static void fill_row(const struct pack_part *p, struct ledger_row *r)
{
    snprintf(r->layer, sizeof(r->layer), "%s", p->layer);
    snprintf(r->array, sizeof(r->array), "%s", p->name);
    snprintf(r->method, sizeof(r->method), "%s", p->method);
    r->weights = (long long)p->weights;
    r->alive = (long long)p->alive;
    r->places = (double)p->places;
    r->values = (double)p->values;
    r->codebook = (double)p->codebook;
    r->tables = (double)p->tables;
    r->bytes = (double)pack_part_bytes(p);
    r->bits = 8 * r->bytes / (double)p->weights;
    r->bound = p->entropy > 0 ? p->entropy / (double)p->weights : (double)NAN;
}

static void add_row(struct ledger_row *sum, const struct ledger_row *r)
{
    sum->weights += r->weights;
    sum->alive += r->alive;
    sum->places += r->places;
    sum->values += r->values;
    sum->codebook += r->codebook;
    sum->tables += r->tables;
    sum->bytes += r->bytes;
}

/* Method card P13: bits of a weights of N in R rows, against 32 N. */
static void fill_break_even(const struct net *net, struct ledger_sheet *s)
{
    double n = 0, rows = 0;
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            const struct param *p = &net->node[i].param[k];

            if (!p->def.prunable)
                continue;
            n += (double)p->count;
            rows += 1 + (double)p->def.shape.dim[p->def.shape.rank - 1];
        }
    }
    s->pays_rows = 1 - (32 * n - 32 * rows) / (64 * n);
    s->pays_short_rows = 1 - (32 * n - 32 * rows) / (48 * n);
    s->pays_bitmap = 1 - (32 * n - n) / (32 * n);
}

static void fill_rows(const struct pack_ledger *l, struct ledger_sheet *s)
{
    struct ledger_row *row = sheet_array(s, (size_t)l->count, sizeof(*row));
    int i;

    for (i = 0; i < l->count; i++) {
        fill_row(&l->part[i], &row[i]);
        add_row(&s->total, &row[i]);
    }
    s->total.bits = 8 * s->total.bytes / (double)s->total.weights;
    s->total.bound = (double)NAN;
    s->count = l->count;
    s->row = row;
}

static void fill_steps(const struct bench *b, const int *id, int n,
                       struct ledger_sheet *s)
{
    struct ledger_step *step = sheet_array(s, (size_t)n, sizeof(*step));
    int i;

    for (i = 0; i < n; i++) {
        const struct stage *from = b->history->stage[id[i]];

        step[i].stage = id[i];
        snprintf(step[i].text, sizeof(step[i].text), "%s", from->text);
        step[i].bytes = (double)from->packed;
        step[i].accuracy =
            from->data == b->data_number ? score_accuracy(&from->after) : -1;
        step[i].sparsity = size_sparsity(&from->size);
    }
    s->step_count = n;
    s->step = step;
}

static struct ledger_sheet *make_sheet(const struct bench *b,
                                       const struct pack_ledger *l,
                                       const struct ways *w, const int *id,
                                       int n)
{
    struct ledger_sheet *s = sheet_new(SHEET_LEDGER);
    struct ledger_way *way = sheet_array(s, WAYS, sizeof(*way));
    int i;

    s->stage = b->history->current;
    s->architecture = (double)l->architecture;
    s->header = (double)l->header;
    s->file = (double)l->total;
    s->dense = dense_bytes(l);
    fill_rows(l, s);
    fill_break_even(b->net, s);
    for (i = 0; i < WAYS; i++) {
        snprintf(way[i].name, sizeof(way[i].name), "%s", w->name[i]);
        way[i].bytes = w->bytes[i];
    }
    s->way = way;
    s->way_count = WAYS;
    fill_steps(b, id, n, s);
    return s;
}

/* What is said. */

double ledger_began(const struct bench *b)
{
    const struct stage *s = stages_current(b->history);

    while (s->parent >= 0)
        s = stages_at(b->history, s->parent);
    return 4.0 * (double)(s->size.params + s->size.statistics);
}

static void say_ways(struct bench *b, const struct ledger_sheet *s)
{
    char text[32];
    int i;

    for (i = 0; i < s->way_count; i++)
        bench_say(b, LOG_RESULT, "%-24s %12s  %6.1f times as small",
                  s->way[i].name,
                  str_commas((long long)s->way[i].bytes, text, sizeof(text)),
                  s->dense / s->way[i].bytes);
    if (ledger_began(b) != s->dense)
        bench_say(b, LOG_RESULT, "%-24s %12s  %6.1f times as large as the file",
                  "dense, as it began",
                  str_commas((long long)ledger_began(b), text, sizeof(text)),
                  ledger_began(b) / s->file);
    bench_say(b, LOG_RESULT,
              "floats pay stored sparsely from a sparsity of %.1f %% (rows),"
              " %.1f %% (short rows), %.1f %% (bitmap)",
              s->pays_rows * 100, s->pays_short_rows * 100,
              s->pays_bitmap * 100);
}

static void say_steps(struct bench *b, const struct ledger_sheet *s)
{
    int i;

    bench_say(b, LOG_RESULT, "%5s %11s %11s %9s %8s  %s", "stage", "packed",
              "gave", "accuracy", "cost", "by");
    for (i = 0; i < s->step_count; i++) {
        const struct ledger_step *now = &s->step[i];
        const struct ledger_step *old = i > 0 ? now - 1 : NULL;
        char packed[32], gave[32] = "", accuracy[16] = "", cost[16] = "";

        (void)str_commas((long long)now->bytes, packed, sizeof(packed));
        if (old != NULL)
            (void)str_commas((long long)(old->bytes - now->bytes), gave,
                             sizeof(gave));
        if (now->accuracy >= 0)
            snprintf(accuracy, sizeof(accuracy), "%.2f %%",
                     now->accuracy * 100);
        if (old != NULL && old->accuracy >= 0 && now->accuracy >= 0)
            snprintf(cost, sizeof(cost), "%+.2f",
                     (now->accuracy - old->accuracy) * 100);
        bench_say(b, LOG_RESULT, "%5d %11s %11s %9s %8s  %s", now->stage,
                  packed, gave, accuracy, cost, now->text);
    }
}

static void say_ledger(struct bench *b, const struct pack_ledger *l,
                       const struct ledger_sheet *s)
{
    struct str text = {0};

    pack_ledger_print(l, &text);
    bench_say_lines(b, LOG_RESULT, text.text);
    str_done(&text);
    say_ways(b, s);
    say_steps(b, s);
    sheets_show(b, "size");
}

static enum err_code show(struct bench *b, const struct pack_ledger *l,
                          bool aloud, struct err *err)
{
    struct ledger_sheet *s;
    struct ways ways;
    int id[STEPS_MOST], n;

    stages_current(b->history)->packed = (int64_t)l->total;
    n = find_path(b, id);
    if (find_ways(b, l, &ways, err) != ERR_OK ||
        count_path(b, id, n, err) != ERR_OK)
        return err->code;
    s = make_sheet(b, l, &ways, id, n);
    if (aloud)
        say_ledger(b, l, s);
    board_publish(b->board, s);
    return ERR_OK;
}

void ledger_of_file(struct bench *b, const struct pack_ledger *l)
{
    struct err err;

    stages_current(b->history)->packed = (int64_t)l->total;
    if (bench_counts(b) && show(b, l, false, &err) != ERR_OK)
        return; /* the file is there; Enter in the view tells why */
}

enum err_code ledger_run(struct bench *b, const struct cmd_call *call,
                         struct err *err)
{
    struct progress progress = bench_progress(b);
    struct pack_ledger l = {0};
    struct bytes file = {0};
    enum err_code code =
        pack_write(b->net, PACK_BEST, &file, &l, &progress, err);

    (void)call;
    bytes_done(&file);
    if (code == ERR_OK)
        code = show(b, &l, true, err);
    pack_ledger_done(&l);
    return code;
}
