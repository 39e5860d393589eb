/* Early exits of the net: adding and removing them. */
#include <string.h>

#include "base/mem.h"
#include "engine/bench.h"
#include "net/branch.h"

/* A free name: "exit1", "exit2", … */
static char *free_name(const struct net *net)
{
    char *name = mem_strdup("exit1");
    int i;

    for (i = 2; net_find(net, name) >= 0; i++) {
        mem_free(name);
        name = mem_printf("exit%d", i);
    }
    return name;
}

static enum err_code find_layer(const struct net *net, const char *name,
                                int *out, struct err *err)
{
    const char **names, *near;
    int i;

    *out = net_find(net, name);
    if (*out >= 0)
        return ERR_OK;
    names = mem_array((size_t)net->node_count, sizeof(*names));
    for (i = 0; i < net->node_count; i++)
        names[i] = net->node[i].name;
    near = str_nearest(name, names, net->node_count);
    mem_free(names);
    if (near == NULL)
        return err_set(err, ERR_MISSING,
                       "no layer \"%s\"; Tab behind `exit add after=` lists"
                       " them",
                       name);
    return err_set(err, ERR_MISSING, "no layer \"%s\"; did you mean \"%s\"?",
                   name, near);
}

/* What leaving there costs, beside the whole net. */
static void say_exits(struct bench *b)
{
    const struct net *net = b->net;
    bool *needs = mem_array((size_t)net->node_count, sizeof(*needs));
    char macs[32];
    int o, i;

    for (o = 0; o < net->output_count; o++) {
        double cost = 0, all = 0;

        branch_nodes(net, o, needs);
        for (i = 0; i < net->node_count; i++) {
            struct size_count size;

            size_of_node(net, i, &size);
            all += size.macs;
            cost += needs[i] ? size.macs : 0;
        }
        bench_say(b, LOG_RESULT, "exit %d  %-16s %8s MACs  %5.1f %% of all",
                  o + 1, branch_name(net, o), str_si(cost, macs, sizeof(macs)),
                  all > 0 ? 100 * cost / all : 0.0);
    }
    mem_free(needs);
}

/* Takes net as a stage of its own. */
static enum err_code change(struct bench *b, struct net *net, const char *text,
                            struct err *err)
{
    struct stage *s = bench_change_net(b, net, text, err);

    if (s == NULL)
        return err->code;
    if (b->data != NULL && bench_score(b, &s->after, err) != ERR_OK)
        s->after = (struct score){0};
    say_exits(b);
    bench_say_stage(b, s);
    return ERR_OK;
}

static enum err_code add_exit(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    const char *after = cmd_text(call, "after"),
               *given = cmd_text(call, "name");
    char *name = given != NULL ? mem_strdup(given) : free_name(b->net);
    uint64_t seed = bench_seed(b, stages_current(b->history)->step);
    struct str text = {0};
    enum err_code code;
    struct net *net = NULL;
    int node = 0;

    if (after == NULL)
        code = err_set(err, ERR_USAGE,
                       "exit add wants after=LAYER, behind which it leaves");
    else
        code = find_layer(b->net, after, &node, err);
    if (code == ERR_OK) {
        net = branch_add(b->net, node, cmd_text(call, "head"), name, seed, err);
        code = net == NULL ? err->code : ERR_OK;
    }
    if (code == ERR_OK) {
        str_addf(&text, "exit add %s after %s", name, after);
        code = change(b, net, text.text, err);
    }
    str_done(&text);
    mem_free(name);
    return code;
}

static enum err_code remove_exits(struct bench *b, const struct cmd_call *call,
                                  struct err *err)
{
    const char *which = cmd_text(call, "which");
    bool gone[NET_OUTPUT_MAX] = {false};
    struct str text = {0};
    int count = 0, o;
    enum err_code code;
    struct net *net;

    if (which == NULL)
        return err_set(err, ERR_USAGE,
                       "exit remove wants the names of exits, such as exit1");
    for (o = 0; o < b->net->output_count; o++) {
        gone[o] = str_match(which, branch_name(b->net, o));
        count += gone[o];
    }
    if (count == 0)
        return err_set(err, ERR_MISSING,
                       "no exit \"%s\"; the first of the net is \"%s\"", which,
                       branch_name(b->net, 0));
    net = branch_remove(b->net, gone, err);
    if (net == NULL)
        return err->code;
    str_addf(&text, "exit remove %s", which);
    code = change(b, net, text.text, err);
    str_done(&text);
    return code;
}

static enum err_code run_exit(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    bool adds = strcmp(cmd_text(call, "action"), "add") == 0;

    if (adds && cmd_given(call, "which"))
        return err_set(err, ERR_USAGE,
                       "exit add wants after=LAYER and perhaps name=WORD");
    if (!adds && (cmd_given(call, "after") || cmd_given(call, "head") ||
                  cmd_given(call, "name")))
        return err_set(err, ERR_USAGE,
                       "exit remove takes the names of exits only");
    return adds ? add_exit(b, call, err) : remove_exits(b, call, err);
}

static const struct arg_def exit_args[] = {
    {.name = "action",
     .help = "what to do",
     .type = ARG_WORD,
     .source = SOURCE_EXIT_ACTIONS,
     .word = true,
     .required = true},
    {.name = "which",
     .help = "names of the exits to remove",
     .type = ARG_LAYERS,
     .source = SOURCE_LAYERS,
     .word = true},
    {.name = "after",
     .help = "the layer behind which the exit leaves",
     .type = ARG_TEXT,
     .source = SOURCE_LAYERS},
    {.name = "head",
     .help = "layers of the exit, as in a spec, before its classifier; without "
             "it pooling to about 4x4",
     .type = ARG_TEXT},
    {.name = "name",
     .help = "what the exit's classifier is called; exit1, exit2, … without it",
     .type = ARG_TEXT},
    {0}};

const struct cmd_row exit_commands[] = {
    {.name = "exit",
     .usage = "add after=LAYER [head=\"SPEC\"] [name=WORD] | remove NAME,…",
     .help = "add a classifier behind a layer, or take exits away",
     .more = "A new classifier has fresh weights: `train heads_only=yes` "
             "teaches it alone, `train` all together.  Of several classifiers "
             "the last is the main one; removing it makes the one before it "
             "the main one.",
     .args = {exit_args},
     .flags = CMD_NEEDS_NET | CMD_RECORDED,
     .run = run_exit},
    {0}};
