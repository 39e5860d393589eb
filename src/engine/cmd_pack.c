/* Nets in as few bytes as we know how, and where the bytes are. */
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "engine/bench.h"
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
    {.name = "pack",
     .usage = "FILE [coder=best|context|huffman|fixed]",
     .help = "write the net in as few bytes as it takes, and compare at once",
     .more = "The file is read back: every bit of every value and the logits "
             "of random inputs must be the same, else the command fails.  "
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
    {0}};
