/* Nets in as few bytes as we know how, and where the bytes are. */
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "compress/trim.h"
#include "engine/bench.h"
#include "engine/ledger.h"
#include "engine/pack_file.h"
#include "io/io.h"

static enum pack_coder coder_of(const struct cmd_call *call)
{
    const char *name = cmd_text(call, "coder");
    int i;

    for (i = 0; i < PACK_CODERS && name != NULL; i++) {
        if (strcmp(pack_coder_names[i], name) == 0)
            return (enum pack_coder)i;
    }
    return PACK_BEST;
}

static enum err_code say_written(struct bench *b, const char *path,
                                 const struct pack_ledger *l, struct err *err)
{
    struct stat info;
    char size[32];
    double dense = 0;
    int i;

    if (stat(path, &info) != 0)
        return err_set(err, ERR_IO, "\"%s\" is gone again", path);
    if ((size_t)info.st_size != l->total)
        return err_set(err, ERR_IO,
                       "\"%s\" has %lld bytes, and %zu were written", path,
                       (long long)info.st_size, l->total);
    for (i = 0; i < l->count; i++)
        dense += 4.0 * (double)l->part[i].weights;
    bench_say(b, LOG_RESULT,
              "wrote %s, %s bytes: dense float32 is %.1f times as much; read"
              " back, every bit and logit is the same",
              path, str_commas(info.st_size, size, sizeof(size)),
              dense / (double)l->total);
    if (ledger_began(b) != dense)
        bench_say(b, LOG_RESULT, "the net it began as is %.1f times as much",
                  ledger_began(b) / (double)l->total);
    return ERR_OK;
}

static enum err_code run_pack(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    const char *path = cmd_text(call, "file");
    struct progress progress = bench_progress(b);
    struct pack_ledger l = {0};
    enum err_code code = pack_file_save(path, b->net, coder_of(call), b->pool,
                                        &progress, &l, err);

    if (code == ERR_OK)
        code = say_written(b, path, &l, err);
    if (code == ERR_OK) {
        stages_current(b->history)->written = (int64_t)l.total;
        if (coder_of(call) == PACK_BEST)
            ledger_of_file(b, &l);
    }
    pack_ledger_done(&l);
    return code;
}

/* The packed net as the file that Keras itself would write. */
static enum err_code run_unpack(struct bench *b, const struct cmd_call *call,
                                struct err *err)
{
    const char *to = cmd_text(call, "into");
    struct str path = {0};
    struct net *net = NULL;
    struct stat info;
    char size[32];
    enum err_code code;

    bench_find_file(b, cmd_text(call, "file"), &path);
    code = pack_file_load(path.text, &net, err);
    str_done(&path);
    if (code == ERR_OK)
        code = net_save(to, net, NULL, err);
    net_free(net);
    if (code == ERR_OK && stat(to, &info) != 0)
        code = err_set(err, ERR_IO, "\"%s\" is gone again", to);
    if (code == ERR_OK)
        bench_say(b, LOG_RESULT, "wrote %s, %s", to,
                  str_size((double)info.st_size, size, sizeof(size)));
    return code;
}

static enum err_code finish_trim(struct bench *b, const char *text,
                                 const struct trim_report *r, struct err *err)
{
    struct stage *s;
    struct err why;

    bench_touched(b);
    s = bench_stage(b, text, err);
    if (s == NULL) {
        why = *err;
        bench_restore(b);
        *err = why;
        return err->code;
    }
    if (b->data != NULL && bench_score(b, &s->after, err) != ERR_OK)
        s->after = (struct score){0};
    bench_say(b, LOG_NOTE,
              "%lld shared values and %lld biases, the largest change %.3g",
              r->shared, r->biases, r->error);
    bench_say_stage(b, s);
    return ERR_OK;
}

static enum err_code run_trim(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    struct trim_request r = {.biases = (int)cmd_number(call, "biases"),
                             .codebooks = (int)cmd_number(call, "codebooks"),
                             .layers = cmd_text(call, "layers")};
    struct trim_report report;
    struct str text = {0};
    enum err_code code;

    if (r.biases == 0 && r.codebooks == 0)
        return err_set(err, ERR_USAGE,
                       "trim wants biases=BITS, codebooks=BITS or both");
    report = trim_apply(b->net, &r);
    if (report.biases + report.shared == 0) {
        bench_restore(b);
        return err_set(err, ERR_STATE, "there is nothing to trim%s",
                       r.biases == 0 ? ": no layer has a codebook" : "");
    }
    str_add(&text, "trim");
    if (r.biases > 0)
        str_addf(&text, " biases=%d", r.biases);
    if (r.codebooks > 0)
        str_addf(&text, " codebooks=%d", r.codebooks);
    if (r.layers != NULL)
        str_addf(&text, " layers=%s", r.layers);
    code = finish_trim(b, text.text, &report, err);
    str_done(&text);
    return code;
}

static const struct arg_def trim_args[] = {
    {.name = "biases",
     .help = "bits of the largest bias of an array, without its sign",
     .type = ARG_INT,
     .least = 1,
     .most = TRIM_BITS_MOST},
    {.name = "codebooks",
     .help = "bits of the largest value of a codebook, without its sign",
     .type = ARG_INT,
     .least = 1,
     .most = TRIM_BITS_MOST},
    {.name = "layers",
     .help = "which layers, by name; all without it",
     .type = ARG_LAYERS,
     .source = SOURCE_LAYERS},
    {0}};

static const struct arg_def pack_args[] = {
    {.name = "file",
     .help = "the file to write, by custom .pack",
     .type = ARG_FILE,
     .source = SOURCE_FILES,
     .word = true,
     .required = true},
    {.name = "coder",
     .help = "which ways of coding may be used; best without it",
     .type = ARG_WORD,
     .source = SOURCE_CODERS},
    {0}};

static const struct arg_def unpack_args[] = {{.name = "file",
                                              .help = "a packed net",
                                              .type = ARG_FILE,
                                              .source = SOURCE_FILES,
                                              .word = true,
                                              .required = true},
                                             {.name = "into",
                                              .help = "the HDF5 file to write",
                                              .type = ARG_FILE,
                                              .source = SOURCE_FILES,
                                              .word = true,
                                              .required = true},
                                             {0}};

const struct cmd_row pack_commands[] = {
    {.name = "trim",
     .usage = "[biases=BITS] [codebooks=BITS] [layers=PATTERN]",
     .help = "fewer digits for biases and for the values of codebooks",
     .more = "Each becomes a whole multiple of a power of two, as fine as the "
             "largest of its array allows in that many bits.  In a very sparse "
             "net they take as many bytes as the weights.",
     .args = {trim_args},
     .flags = CMD_NEEDS_NET | CMD_RECORDED,
     .run = run_trim},
    {.name = "pack",
     .usage = "FILE [coder=best|context|huffman|fixed]",
     .help = "write the net in as few bytes as it takes, and compare at once",
     .more = "The file is read back: every bit of every value must be the "
             "same, and up to 64 MB of weights the logits of random inputs "
             "too, else the command fails.  "
             "espalier-pack(5) describes the file; net opens it.",
     .args = {pack_args},
     .flags = CMD_NEEDS_NET | CMD_JOB,
     .run = run_pack},
    {.name = "unpack",
     .usage = "FILE INTO",
     .help = "turn a packed net into a Keras-compatible HDF5 file",
     .more = "Masks, codebooks and grids go with it.",
     .args = {unpack_args},
     .flags = CMD_JOB,
     .run = run_unpack},
    {.name = "ledger",
     .usage = "",
     .help = "what each byte of the packed net is for, and what stages gave",
     .more =
         "The net is packed in memory, as are all stages on the way to it.  "
         "The bound is the entropy of its codes if places were random.",
     .flags = CMD_NEEDS_NET | CMD_JOB,
     .run = ledger_run},
    {0}};
