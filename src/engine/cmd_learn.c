/* Training and evaluation. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/recipe.h"
#include "engine/sheets.h"
#include "net/branch.h"

static enum err_code run_training(struct bench *b, const struct cmd_call *call,
                                  bool finetune, struct err *err)
{
    struct recipe p = {.finetunes = finetune};
    enum err_code code = recipe_take_training(&p, call, &b->set, err);

    if (code == ERR_OK)
        code = recipe_run(b, &p, err);
    recipe_done(&p);
    return code;
}

static enum err_code run_train(struct bench *b, const struct cmd_call *call,
                               struct err *err)
{
    return run_training(b, call, false, err);
}

static enum err_code run_finetune(struct bench *b, const struct cmd_call *call,
                                  struct err *err)
{
    return run_training(b, call, true, err);
}

static void say_evaluation(struct bench *b, const char *set,
                           const struct evaluation *e)
{
    char hits[32], n[32];
    int o;

    str_commas(e->n, n, sizeof(n));
    for (o = 0; e->exits > 1 && o < e->exits; o++)
        bench_say(b, LOG_RESULT, "  exit %d  %-16s accuracy %.2f %%  %s of %s",
                  o + 1, branch_name(b->net, o),
                  e->n > 0 ? 100.0 * e->exit_hits[o] / e->n : 0.0,
                  str_commas(e->exit_hits[o], hits, sizeof(hits)), n);
    bench_say(b, LOG_RESULT,
              "%s accuracy %.2f %%  error %.2f %%  (95 %% interval %.2f to"
              " %.2f %%)  loss %.4f  %s of %s",
              set, e->accuracy * 100, (1 - e->accuracy) * 100, e->low * 100,
              e->high * 100, e->loss, str_commas(e->hits, hits, sizeof(hits)),
              n);
}

/*
 * So many of the rows row[0..n-1] (NULL: the first n) by chance, in *some,
 * which is new: the same every time, so that what two nets score on them can be
 * compared.  NULL when all were asked for.
 */
static int32_t *choose(const int32_t *row, int n, double wanted, int *some)
{
    struct rng r = rng_at(0, RNG_SUBSET, 0, 0);
    int32_t *chosen;
    int i;

    *some = n;
    if (wanted < 1 || wanted >= n)
        return NULL;
    chosen = mem_array((size_t)n, sizeof(*chosen));
    for (i = 0; i < n; i++)
        chosen[i] = row != NULL ? row[i] : i;
    rng_shuffle(&r, chosen, (size_t)n);
    *some = (int)wanted;
    return chosen;
}

static void count_test(struct bench *b, const struct evaluation *e)
{
    b->test.count++;
    bench_say(b, LOG_RESULT, "the test set was read %d time%s", b->test.count,
              b->test.count == 1 ? "" : "s");
    say_evaluation(b, "test", e);
}

/* Part of the test set is a reading as well, but no score to be kept. */
static enum err_code eval_some_of_test(struct bench *b, const int32_t *row,
                                       int n, struct err *err)
{
    struct evaluation e;
    enum err_code code =
        bench_evaluate(b, &b->data->test, row, n, &e, NULL, err);

    if (code == ERR_OK)
        count_test(b, &e);
    return code;
}

/* The one place that reads the test set: counted, and kept for the data view.
 */
static enum err_code eval_test(struct bench *b, struct err *err)
{
    const struct samples *test = &b->data->test;
    struct eval_details more = {0};
    struct evaluation e;
    enum err_code code;

    if (test->n == 0)
        return err_set(err, ERR_STATE, "\"%s\" has no test samples",
                       b->data->name);
    more.guess = mem_array((size_t)test->n, sizeof(more.guess[0]));
    more.confidence = mem_array((size_t)test->n, sizeof(more.confidence[0]));
    code = bench_evaluate(b, test, NULL, test->n, &e, &more, err);
    if (code == ERR_OK) {
        b->test.stage = b->history->current;
        b->test.score = score_of(&e);
        sheets_keep_test(b, more.guess, more.confidence, test->n);
        count_test(b, &e);
    }
    mem_free(more.guess);
    mem_free(more.confidence);
    return code;
}

static enum err_code run_eval(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    const struct dataset *d = b->data;
    const char *set = cmd_text(call, "set");
    bool test = set != NULL && strcmp(set, "test") == 0;
    bool train = set != NULL && strcmp(set, "train") == 0;
    const int32_t *row = test ? NULL : train ? d->fit : d->validation;
    int n = test ? d->test.n : train ? d->fit_count : d->validation_count;
    int32_t *some = choose(row, n, cmd_number(call, "n"), &n);
    struct evaluation e;
    enum err_code code;

    if (test) {
        code = some != NULL ? eval_some_of_test(b, some, n, err)
                            : eval_test(b, err);
    } else {
        code = bench_evaluate(b, &d->train, some != NULL ? some : row, n, &e,
                              NULL, err);
        if (code == ERR_OK)
            say_evaluation(b, train ? "training" : "validation", &e);
    }
    mem_free(some);
    return code;
}

static const struct arg_def eval_args[] = {
    {.name = "set",
     .help = "which samples; validation without it",
     .type = ARG_WORD,
     .source = SOURCE_SETS,
     .word = true},
    {.name = "n",
     .help = "so many of them, the same by chance every time; all without it",
     .type = ARG_INT,
     .least = 1,
     .most = 2e9},
    {0}};

const struct cmd_row learn_commands[] = {
    {.name = "train",
     .usage = "[epochs=N] [lr=NUMBER] [optimiser=WORD] …",
     .help = "train on the training samples",
     .more = "The weights reached are a new stage.  What is stopped before its "
             "end keeps the weights it has reached.",
     .args = {train_args, optim_args},
     .flags = CMD_NEEDS_NET | CMD_NEEDS_DATA | CMD_JOB | CMD_RECORDED,
     .run = run_train},
    {.name = "finetune",
     .usage = "[epochs=N] [lr=NUMBER] …",
     .help = "train on, with the settings that heal a pruned net",
     .more = "Pruned weights stay zero.",
     .args = {finetune_args, optim_args},
     .flags = CMD_NEEDS_NET | CMD_NEEDS_DATA | CMD_JOB | CMD_RECORDED,
     .run = run_finetune},
    {.name = "eval",
     .usage = "[validation|test|train] [n=N]",
     .help = "accuracy and loss on a set of samples",
     .more = "The interval holds the accuracy on all samples of that kind with "
             "95 % certainty; a few hundred samples do for a large net.  Only "
             "`eval test` and `exits test` read the test set; how often is "
             "counted and written down.",
     .args = {eval_args},
     .flags = CMD_NEEDS_NET | CMD_NEEDS_DATA | CMD_JOB | CMD_RECORDED,
     .run = run_eval},
    {0}};
