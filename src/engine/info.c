#include "engine/info.h"

#include "engine/bench.h"
#include "engine/pack_file.h"
#include "engine/sheets.h"
#include "io/io.h"
#include "net/exec.h"
#include "net/size.h"
#include "train/eval.h"
#include "train/optim.h"

const struct arg_def info_args[] = {
    {.name = "file",
     .help = "an HDF5 file; the open net without it",
     .type = ARG_FILE,
     .source = SOURCE_FILES,
     .word = true},
    {0}};

/* What the open net takes in memory, and what a training run would plan. */
static enum err_code info_open(struct bench *b, struct err *err)
{
    int threads, batch = (int)settings_number(&b->set, SET_batch);
    const struct optim_kind *optim =
        optim_find(settings_word(&b->set, SET_optimiser));
    char count[32], weights[32], training[32], moments[32], eval[32];
    struct size_count size;
    double bytes;

    if (b->net == NULL)
        return err_set(err, ERR_STATE,
                       "nothing is open; name a file, or open a net");
    threads = pool_threads(b->pool);
    size_of_net(b->net, &size);
    bytes = (double)(size.params + size.statistics) * sizeof(float);
    str_size(bytes, weights, sizeof(weights));
    str_size((double)exec_need(b->net, batch, EXEC_TRAIN | EXEC_LATE, threads),
             training, sizeof(training));
    str_size((double)size.params * sizeof(float) * optim->moments, moments,
             sizeof(moments));
    str_size((double)exec_need(b->net, EVAL_BATCH, EXEC_EVAL, threads), eval,
             sizeof(eval));
    bench_say(b, LOG_RESULT, "net \"%s\": %s parameters, %s in memory",
              b->net->name,
              str_commas(size.params + size.statistics, count, sizeof(count)),
              weights);
    bench_say(b, LOG_RESULT,
              "training with batch=%d on %d thread%s plans %s once, and %s for "
              "the moments of %s",
              batch, threads, threads == 1 ? "" : "s", training, moments,
              optim->name);
    bench_say(b, LOG_RESULT, "evaluation plans %s once", eval);
    sheets_show_log(b);
    return ERR_OK;
}

enum err_code info_run(struct bench *b, const struct cmd_call *call,
                       struct err *err)
{
    struct str path = {0}, text = {0};
    enum err_code code;

    if (cmd_text(call, "file") == NULL)
        return info_open(b, err);
    bench_find_file(b, cmd_text(call, "file"), &path);
    code = pack_file_is(path.text) ? pack_file_info(path.text, &text, err)
                                   : file_info(path.text, &text, err);
    if (code == ERR_OK && text.len > 0) {
        bench_say_lines(b, LOG_RESULT, text.text);
        sheets_show_log(b);
    }
    str_done(&path);
    str_done(&text);
    return code;
}
