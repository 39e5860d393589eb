/* Fewer values for weights: shared ones, grids, half floats; and for
 * activations. */
#include <string.h>

#include "base/mem.h"
#include "compress/cluster.h"
#include "compress/layers.h"
#include "compress/round.h"
#include "compress/share.h"
#include "engine/activations.h"
#include "engine/bench.h"
#include "engine/integer.h"
#include "net/fake.h"

#define SHARED_BITS 12 /* most; 4096 values */

/* A layer as it was quantised, kept until the stage is told. */
struct told {
    struct bench *b;
    struct str lines;
};

static void tell_shared(void *arg, int node, const struct codebook *b,
                        size_t distinct, double error)
{
    struct told *t = arg;
    char had[32];

    str_addf(&t->lines, "%s  %d value%s for %s  mean squared error %.3g\n",
             t->b->net->node[node].name, b->k, b->k == 1 ? "" : "s",
             str_commas((long long)distinct, had, sizeof(had)), error);
}

static void tell_rounded(void *arg, int node, const struct grid *g,
                         double error)
{
    struct told *t = arg;

    str_addf(&t->lines, "%s  %s, %d bits", t->b->net->node[node].name,
             grid_kind_name(g->kind), g->bits);
    if (g->channels > 0)
        str_addf(&t->lines, ", %d scale%s", g->channels,
                 g->channels == 1 ? "" : "s");
    str_addf(&t->lines, "  mean squared error %.3g\n", error);
}

static enum err_code share(struct bench *b, const struct cmd_call *call,
                           struct told *t, struct err *err)
{
    struct share_request r = share_defaults();

    if (cmd_given(call, "values") && cmd_given(call, "bits"))
        return err_set(err, ERR_USAGE, "bits and values exclude each other");
    r.layers = cmd_text(call, "layers");
    if (cmd_given(call, "bits"))
        r.bits = (int)cmd_number(call, "bits");
    if (r.bits > SHARED_BITS)
        return err_set(err, ERR_VALUE,
                       "%d bits for shared values; 1 to %d are possible",
                       r.bits, SHARED_BITS);
    r.k = (int)cmd_number(call, "values");
    if (cmd_given(call, "by"))
        r.by = cluster_method_find(cmd_text(call, "by"));
    if (r.by == NULL)
        return err_set(err, ERR_USAGE,
                       "by=%s is for activations; `help quantize` lists what"
                       " finds shared values",
                       cmd_text(call, "by"));
    r.together = cmd_given(call, "scope") &&
                 strcmp(cmd_text(call, "scope"), "global") == 0;
    r.seed = (uint64_t)settings_number(&b->set, SET_seed);
    r.round = stages_current(b->history)->step;
    r.tell = tell_shared;
    r.arg = t;
    return share_apply(b->net, &r, err);
}

static enum err_code round_to(struct bench *b, const struct cmd_call *call,
                              enum grid_kind kind, struct told *t,
                              struct err *err)
{
    struct round_request r = round_defaults();

    r.kind = kind;
    r.layers = cmd_text(call, "layers");
    if (cmd_given(call, "bits"))
        r.bits = (int)cmd_number(call, "bits");
    if (cmd_given(call, "scale"))
        r.by_channel = strcmp(cmd_text(call, "scale"), "channel") == 0;
    if (cmd_given(call, "range"))
        r.range = range_rule_find(cmd_text(call, "range"));
    r.tell = tell_rounded;
    r.arg = t;
    return round_apply(b->net, &r, err);
}

static enum err_code release(struct bench *b, const struct cmd_call *call,
                             struct err *err)
{
    const char *layers = cmd_text(call, "layers");

    if (round_free(b->net, layers) > 0)
        return ERR_OK;
    return err_set(err, ERR_STATE, "no layer%s%s is quantised%s",
                   layers == NULL ? "" : " of ", layers == NULL ? "" : layers,
                   fake_count(b->net) == 0
                       ? ""
                       : "; `quantize activations off` frees activations");
}

/* What each way does not know, so that nothing is given in vain. */
static enum err_code check_arguments(const struct cmd_call *call,
                                     const char *way, struct err *err)
{
    static const struct {
        const char *name, *ways;
    } rows[] = {{"values", "shared"},
                {"by", "shared activations"},
                {"scope", "shared"},
                {"scale", "symmetric affine"},
                {"range", "symmetric affine"},
                {"bits", "shared symmetric affine activations"},
                {"activations", "activations"},
                {"samples", "activations"}};
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (cmd_given(call, rows[i].name) && strstr(rows[i].ways, way) == NULL)
            return err_set(err, ERR_USAGE, "quantize %s takes no %s", way,
                           rows[i].name);
    }
    return ERR_OK;
}

static enum err_code apply(struct bench *b, const struct cmd_call *call,
                           const char *way, struct told *t, struct err *err)
{
    int kind;

    if (strcmp(way, "shared") == 0)
        return share(b, call, t, err);
    if (strcmp(way, "off") == 0)
        return release(b, call, err);
    for (kind = 0; strcmp(grid_kind_name((enum grid_kind)kind), way) != 0;)
        kind++;
    return round_to(b, call, (enum grid_kind)kind, t, err);
}

/* "quantize 5 bits fc*" */
static void describe(const struct cmd_call *call, const char *way,
                     struct str *out)
{
    str_add(out, "quantize");
    if (strcmp(way, "shared") != 0)
        str_addf(out, " %s", way);
    if (cmd_given(call, "values"))
        str_addf(out, " %d values", (int)cmd_number(call, "values"));
    else if (strcmp(way, "shared") == 0)
        str_addf(out, " %d bits",
                 cmd_given(call, "bits") ? (int)cmd_number(call, "bits")
                                         : share_defaults().bits);
    else if (strcmp(way, "symmetric") == 0 || strcmp(way, "affine") == 0)
        str_addf(out, " %d bits",
                 cmd_given(call, "bits") ? (int)cmd_number(call, "bits")
                                         : round_defaults().bits);
    if (cmd_given(call, "by"))
        str_addf(out, " %s", cmd_text(call, "by"));
    if (cmd_given(call, "layers"))
        str_addf(out, " %s", cmd_text(call, "layers"));
}

/* A stage out of what was done to the weights; on failure they are put back. */
static enum err_code finish(struct bench *b, const char *text,
                            enum err_code code, struct err *err)
{
    struct stage *s = code == ERR_OK ? bench_stage(b, text, err) : NULL;
    struct err why = *err;

    if (s == NULL) {
        bench_restore(b);
        *err = why;
        return err->code;
    }
    if (b->data != NULL && bench_score(b, &s->after, err) != ERR_OK)
        s->after = (struct score){0};
    bench_say_stage(b, s);
    return ERR_OK;
}

static enum err_code run_quantize(struct bench *b, const struct cmd_call *call,
                                  struct err *err)
{
    const char *way = cmd_given(call, "way")           ? cmd_text(call, "way")
                      : cmd_given(call, "activations") ? "activations"
                                                       : "shared";
    struct told told = {.b = b};
    struct str text = {0};
    enum err_code code = check_arguments(call, way, err);

    if (code == ERR_OK && strcmp(way, "activations") == 0)
        return activations_command(b, call, err);
    if (code == ERR_OK)
        code = apply(b, call, way, &told, err);
    describe(call, way, &text);
    if (code == ERR_OK)
        bench_say_lines(b, LOG_NOTE, told.lines.text);
    code = finish(b, text.text, code, err);
    str_done(&text);
    str_done(&told.lines);
    return code;
}

/* The stage whose weights are taken: the nearest above in which a layer was
 * not shared yet. */
static const struct net *free_net(struct bench *b, int node, int param,
                                  struct err *err)
{
    const struct stage *s = stages_current(b->history);
    const struct net *net;

    for (; s != NULL; s = stages_at(b->history, s->parent)) {
        if (stages_net(b->history, s->id, &net, err) != ERR_OK)
            return NULL;
        if (!net_same_graph(net, b->net))
            break;
        if (net->node[node].param[param].book == NULL)
            return net;
    }
    err_set(err, ERR_STATE,
            "no stage above has layer \"%s\" before its weights were shared",
            b->net->node[node].name);
    return NULL;
}

static enum err_code reassign(struct bench *b, const char *layers,
                              long long *changed, int *count, struct err *err)
{
    int i, k;

    for (i = 0; i < b->net->node_count; i++) {
        for (k = 0; k < b->net->node[i].param_count; k++) {
            struct param *p = &b->net->node[i].param[k];
            const struct net *old;

            if (p->book == NULL ||
                (layers != NULL && !layers_chosen(b->net, i, k, layers)))
                continue;
            old = free_net(b, i, k, err);
            if (old == NULL)
                return err->code;
            *changed += share_reassign(p, &old->node[i].param[k]);
            ++*count;
        }
    }
    if (*count == 0)
        return err_set(err, ERR_STATE, "no layer%s%s shares its weights",
                       layers == NULL ? "" : " of ",
                       layers == NULL ? "" : layers);
    return ERR_OK;
}

static enum err_code run_reassign(struct bench *b, const struct cmd_call *call,
                                  struct err *err)
{
    const char *layers = cmd_text(call, "layers");
    long long changed = 0;
    struct str text = {0};
    char shown[32];
    int count = 0;
    enum err_code code = reassign(b, layers, &changed, &count, err);

    if (code == ERR_OK)
        bench_say(b, LOG_NOTE, "%s weights changed their value",
                  str_commas(changed, shown, sizeof(shown)));
    str_addf(&text, "reassign%s%s", layers == NULL ? "" : " ",
             layers == NULL ? "" : layers);
    code = finish(b, text.text, code, err);
    str_done(&text);
    return code;
}

static const struct arg_def quantize_args[] = {
    {.name = "way",
     .help = "what weights may be; shared without it",
     .type = ARG_WORD,
     .source = SOURCE_QUANTISERS,
     .word = true,
     .number = "bits"},
    {.name = "activations",
     .help = "what becomes of activations; on without it",
     .type = ARG_WORD,
     .source = SOURCE_ACTIVATIONS,
     .word = true,
     .number = "bits"},
    {.name = "bits",
     .help = "a weight: 1 to 12 when shared (5 without it), 2 to 8 on a grid"
             " (8); an activation: 2 to 16 (8)",
     .type = ARG_INT,
     .least = 1,
     .most = 16},
    {.name = "values",
     .help = "how many shared values, instead of bits",
     .type = ARG_INT,
     .least = 1,
     .most = 4096},
    {.name = "by",
     .help = "how shared values are found, linear without it; or ranges of "
             "activations, without it minmax from 8 bits on and mse below",
     .type = ARG_WORD,
     .source = SOURCE_QUANTISE_BY},
    {.name = "samples",
     .help = "training samples that show ranges of activations; 500 without it",
     .type = ARG_INT,
     .least = 1,
     .most = 1e9},
    {.name = "scope",
     .help = "one codebook for each layer, or for all that are chosen (global)",
     .type = ARG_WORD,
     .source = SOURCE_SCOPES},
    {.name = "scale",
     .help = "a scale for every channel of a layer, or one (tensor)",
     .type = ARG_WORD,
     .source = SOURCE_SCALES},
    {.name = "range",
     .help = "how far a grid reaches; max without it",
     .type = ARG_WORD,
     .source = SOURCE_RANGES},
    {.name = "layers",
     .help = "which layers, by name; all with weights without it; */bias are "
             "biases; activations are called as the layer they come from, "
             "the picture input",
     .type = ARG_LAYERS,
     .source = SOURCE_LAYERS},
    {0}};

static const struct arg_def reassign_args[] = {
    {.name = "layers",
     .help = "which layers, by name; all that are shared without it",
     .type = ARG_LAYERS,
     .source = SOURCE_LAYERS},
    {0}};

const struct cmd_row quantise_commands[] = {
    {.name = "quantize",
     .usage = "[shared|symmetric|affine|fp16|bf16|off] [bits=5] [values=N]"
              " [by=WORD] [scale=channel|tensor] [range=WORD]"
              " [layers=PATTERN] …"
              " | activations [freeze|follow|off] [bits=8] [by=WORD]"
              " [layers=PATTERN]",
     .help = "leave few values for weights or activations to be",
     .more =
         "Shared weights are cluster centres; bits=5 means 32 of them, or "
         "31 and the zero of pruned weights; a number alone is bits: "
         "`quantize 5`, `quantize activations 4`.  On a grid a weight is a "
         "whole number times a scale.  Fine-tuning afterwards trains the "
         "shared values, and moves weights on their grid; nothing is untied "
         "and nothing pruned comes back.  "
         "Activations are rounded by layers that stand where a layer with "
         "weights reads; the next training goes through them as if they did "
         "nothing inside their range, and gives no gradient outside.  With "
         "by=minmax their ranges follow the batches until `freeze`, which "
         "with few bits can run away; other ways fix them.  The picture keeps "
         "8 bits unless layers=input asks "
         "for fewer.",
     .args = {quantize_args},
     .flags = CMD_NEEDS_NET | CMD_JOB | CMD_RECORDED,
     .run = run_quantize},
    {.name = "reassign",
     .usage = "[layers=PATTERN]",
     .help = "give weights the trained value nearest to what they were",
     .more = "Training moves shared values, not who has which.  Each weight "
             "is taken as it was before it was shared, and goes to the value "
             "that is now nearest.",
     .args = {reassign_args},
     .flags = CMD_NEEDS_NET | CMD_JOB | CMD_RECORDED,
     .run = run_reassign},
    {.name = "integer",
     .usage = "[by=minmax|percentile|kl|mse] [samples=500]",
     .help = "run the net in whole numbers and compare",
     .more = "Weights become int8 with a scale for each output channel, unless "
             "they are on a symmetric grid already, activations uint8; sums "
             "are int32, and no float is used between picture and logits.  "
             "Activations that are quantised keep their bits, up to 8, and "
             "their range.  Batch norm is folded into the layer before it, and "
             "exits are left out.  The net is not changed.",
     .args = {integer_args},
     .flags = CMD_NEEDS_NET | CMD_NEEDS_DATA | CMD_JOB | CMD_RECORDED,
     .run = integer_try},
    {0}};
