#include "engine/activations.h"

#include <string.h>

#include "base/mem.h"
#include "compress/activations.h"
#include "engine/bench.h"

const struct activations_step activations_steps[] = {
    {"on", "rounded as from now on, with ranges seen in training samples"},
    {"freeze", "training leaves their ranges as they are"},
    {"follow", "in training their ranges follow what they hold"},
    {"off", "floats again"},
    {.name = NULL},
};

static void tell(void *arg, const char *name, const struct fake *f)
{
    str_addf(arg, "%s  ", name);
    fake_describe(f, arg);
    str_add(arg, "\n");
}

static struct activations_request request_of(const struct cmd_call *call,
                                             struct str *told)
{
    struct activations_request r = activations_defaults();

    if (cmd_given(call, "bits"))
        r.bits = (int)cmd_number(call, "bits");
    if (cmd_given(call, "by"))
        r.by = calibrator_find(cmd_text(call, "by"));
    if (cmd_given(call, "samples"))
        r.samples = (int)cmd_number(call, "samples");
    r.layers = cmd_text(call, "layers");
    r.tell = tell;
    r.arg = told;
    return r;
}

static enum err_code check(struct bench *b, const struct cmd_call *call,
                           struct err *err)
{
    int bits = cmd_given(call, "bits") ? (int)cmd_number(call, "bits") : 8;

    if (cmd_given(call, "by") && calibrator_find(cmd_text(call, "by")) == NULL)
        return err_set(err, ERR_USAGE,
                       "activations have no clusters: by=%s is for shared"
                       " weights; `help quantize` lists what there is",
                       cmd_text(call, "by"));
    if (bits < 2)
        return err_set(err, ERR_VALUE,
                       "%d bit for an activation; 2 or more are possible",
                       bits);
    return bench_fit(b, err);
}

static enum err_code quantise(struct bench *b, const struct cmd_call *call,
                              struct net **out, struct err *err)
{
    struct progress progress = bench_progress(b);
    struct str told = {0};
    struct activations_request r = request_of(call, &told);
    enum err_code code = check(b, call, err);

    if (code == ERR_OK)
        code = activations_quantise(b->net, &r, b->data, b->pool, &progress,
                                    out, err);
    if (code == ERR_OK)
        bench_say_lines(b, LOG_NOTE, told.text);
    str_done(&told);
    return code;
}

/* A copy whose ranges are left alone, or not. */
static enum err_code freeze(const struct bench *b, const char *layers,
                            bool frozen, struct net **out, struct err *err)
{
    *out = net_clone(b->net, err);
    if (*out == NULL)
        return err->code;
    if (activations_freeze(*out, layers, frozen) > 0)
        return ERR_OK;
    net_free(*out);
    return err_set(err, ERR_STATE, "no activation%s%s is quantised",
                   layers == NULL ? "" : " of ", layers == NULL ? "" : layers);
}

/* "quantize activations 4 bits mse fc*" */
static void describe(const struct cmd_call *call, const char *step,
                     struct str *out)
{
    str_add(out, "quantize activations");
    if (strcmp(step, "on") != 0)
        str_addf(out, " %s", step);
    else
        str_addf(out, " %d bits",
                 cmd_given(call, "bits") ? (int)cmd_number(call, "bits")
                                         : activations_defaults().bits);
    if (cmd_given(call, "by"))
        str_addf(out, " %s", cmd_text(call, "by"));
    if (cmd_given(call, "layers"))
        str_addf(out, " %s", cmd_text(call, "layers"));
}

/* What only `on` knows. */
static enum err_code check_step(const struct cmd_call *call, const char *step,
                                struct err *err)
{
    static const char *const names[] = {"bits", "by", "samples"};
    size_t i;

    for (i = 0; strcmp(step, "on") != 0 && i < 3; i++) {
        if (cmd_given(call, names[i]))
            return err_set(err, ERR_USAGE,
                           "quantize activations %s takes no %s", step,
                           names[i]);
    }
    return ERR_OK;
}

static enum err_code make(struct bench *b, const struct cmd_call *call,
                          const char *step, struct net **out, struct err *err)
{
    const char *layers = cmd_text(call, "layers");

    if (check_step(call, step, err) != ERR_OK)
        return err->code;
    if (strcmp(step, "on") == 0)
        return quantise(b, call, out, err);
    if (strcmp(step, "off") == 0)
        return activations_release(b->net, layers, out, err);
    return freeze(b, layers, strcmp(step, "freeze") == 0, out, err);
}

enum err_code activations_command(struct bench *b, const struct cmd_call *call,
                                  struct err *err)
{
    const char *step =
        cmd_given(call, "activations") ? cmd_text(call, "activations") : "on";
    struct net *net = NULL;
    struct str text = {0};
    struct stage *s;

    if (make(b, call, step, &net, err) != ERR_OK)
        return err->code;
    describe(call, step, &text);
    s = bench_change_net(b, net, text.text, err);
    str_done(&text);
    if (s == NULL)
        return err->code;
    if (b->data != NULL && bench_score(b, &s->after, err) != ERR_OK)
        s->after = (struct score){0};
    bench_say_stage(b, s);
    return ERR_OK;
}
