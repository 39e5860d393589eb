/* Commands that open, make and write nets and data. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "compress/mask.h"
#include "engine/bench.h"
#include "engine/info.h"
#include "engine/pack_file.h"
#include "engine/sheets.h"
#include "io/io.h"
#include "net/fake.h"
#include "net/spec.h"
#include "net/zoo.h"

static void say_net(struct bench *b)
{
    const struct stage *s = stages_current(b->history);
    char input[64], weights[32], params[32], macs[32];

    bench_say(b, LOG_RESULT, "%s: %s weights, %s parameters, %s MACs, input %s",
              b->net->name,
              str_commas(s->size.prunable, weights, sizeof(weights)),
              str_commas(s->size.params, params, sizeof(params)),
              str_si(s->size.macs, macs, sizeof(macs)),
              shape_text(&b->net->input, input, sizeof(input)));
    if (s->after.n > 0 || s->size.alive < s->size.prunable)
        bench_say_stage(b, s);
}

static enum err_code open_data(struct bench *b, const char *name,
                               const char *path, int validation,
                               struct err *err)
{
    struct progress progress = bench_progress(b);
    struct dataset *data;
    struct err fit;
    char shape[64], fits[32], validates[32], tests[32];

    if (data_open(path, b->net != NULL ? &b->net->input : NULL, &progress,
                  &data, err) != ERR_OK ||
        bench_open_data(b, data, validation, err) != ERR_OK)
        return err->code;
    data = b->data;
    bench_say(b, LOG_RESULT,
              "%s: %s training, %s validation, %s test samples of %s, %d"
              " classes",
              data->name != NULL ? data->name : name,
              str_commas(data->fit_count, fits, sizeof(fits)),
              str_commas(data->validation_count, validates, sizeof(validates)),
              str_commas(data->test.n, tests, sizeof(tests)),
              shape_text(&data->shape, shape, sizeof(shape)), data->classes);
    if (b->net != NULL && bench_fit(b, &fit) != ERR_OK)
        bench_say(b, LOG_NOTE, "%s", fit.msg);
    else if (b->net != NULL)
        bench_say_stage(b, stages_current(b->history));
    return ERR_OK;
}

static enum err_code run_data(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    const char *name = cmd_text(call, "data");
    struct str path = {0};
    enum err_code code;

    if (bench_find_file(b, name, &path))
        code = open_data(b, name, path.text,
                         (int)cmd_number(call, "validation"), err);
    else
        code = err_set(err, ERR_MISSING,
                       "no file \"%s\", and no data of that name come with the"
                       " program; Tab behind `data ` lists what there is",
                       name);
    str_done(&path);
    return code;
}

/* A net far below what its file says of it was trained on other data. */
static void say_other_data(struct bench *b, const struct net_note *note)
{
    char *text = net_note_get(note, "validation_accuracy");
    double saved = text != NULL ? atof(text) : 0.0;
    double now = score_accuracy(&stages_current(b->history)->after);

    if (now >= 0 && saved - now > 0.1)
        bench_say(
            b, LOG_NOTE,
            "its file says %.2f %% of the samples it was made with: these "
            "may be other data",
            saved * 100);
    mem_free(text);
}

/* model (may be NULL) and input (rank 0: not given) help where a file does not
 * say all; so do the data and the net that are open. */
static enum err_code open_net(struct bench *b, const char *name,
                              const char *path, const char *model,
                              const struct shape *input, struct err *err)
{
    struct progress progress = bench_progress(b);
    struct net_hints hints = {
        .progress = &progress, .model = model, .like = b->net};
    struct str warnings = {0}, text = {0};
    struct net_note note = {0};
    struct net *net;
    enum err_code code;

    if (input->rank > 0)
        hints.input = input;
    else if (b->data != NULL)
        hints.input = &b->data->shape;
    code = pack_file_is(path)
               ? pack_file_load(path, &net, err)
               : net_load_with(path, &hints, &net, &note, &warnings, err);
    if (code == ERR_OK) {
        str_addf(&text, "net %s", name);
        code = bench_open_net(b, net, text.text, err);
    }
    if (code == ERR_OK) {
        say_net(b);
        if (warnings.len > 0)
            bench_say_lines(b, LOG_NOTE, warnings.text);
        say_other_data(b, &note);
    }
    net_note_done(&note);
    str_done(&warnings);
    str_done(&text);
    return code;
}

static enum err_code run_net(struct bench *b, const struct cmd_call *call,
                             struct err *err)
{
    const char *name = cmd_text(call, "net"), *text = cmd_text(call, "input");
    struct shape input = {0};
    struct str path = {0};
    enum err_code code;

    if (text != NULL && shape_parse(text, &input, err) != ERR_OK)
        return err_context(err, "input=%s", text);
    if (bench_find_file(b, name, &path))
        code =
            open_net(b, name, path.text, cmd_text(call, "model"), &input, err);
    else if (zoo_find(name) != NULL)
        code = err_set(err, ERR_MISSING,
                       "no trained \"%s\" is at hand; `new %s` makes a fresh"
                       " one",
                       name, name);
    else
        code = err_set(err, ERR_MISSING,
                       "no file \"%s\", and no net of that name comes with the"
                       " program; Tab behind `net ` lists what there is",
                       name);
    str_done(&path);
    return code;
}

/* A net of the zoo, of a file with a spec, or of a spec on the line. */
static struct net *make_net(const struct bench *b, const char *what,
                            struct err *err)
{
    const struct zoo_row *row = zoo_find(what);
    struct str spec = {0};
    struct stat info;
    struct net *net = NULL;

    if (row != NULL)
        return zoo_make(row, b->data != NULL ? &b->data->shape : NULL,
                        b->data != NULL ? b->data->classes : 0, err);
    if (str_starts(what, "input"))
        return spec_parse(what, "net", err);
    if (stat(what, &info) != 0) {
        err_set(err, ERR_MISSING,
                "\"%s\" is no net of the zoo, no file, and no spec, which"
                " starts with \"input\"",
                what);
        return NULL;
    }
    if (text_load(what, &spec, err) == ERR_OK)
        net = spec_parse(spec.text, what, err);
    str_done(&spec);
    return net;
}

static enum err_code run_new(struct bench *b, const struct cmd_call *call,
                             struct err *err)
{
    const char *what = cmd_text(call, "what");
    struct net *net = make_net(b, what, err);
    struct str text = {0};
    enum err_code code;

    if (net == NULL)
        return err->code;
    net_init(net, (uint64_t)settings_number(&b->set, SET_seed));
    str_addf(&text, "new %s", net->name);
    code = bench_open_net(b, net, text.text, err);
    str_done(&text);
    if (code == ERR_OK)
        say_net(b);
    return code;
}

/* Tries what the file is: a net first, for data files are more various. */
static enum err_code run_open(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    const char *name = cmd_text(call, "file");
    int validation = (int)settings_number(&b->set, SET_validation);
    struct str path = {0};
    struct err other;
    enum err_code code;

    if (!bench_find_file(b, name, &path)) {
        str_done(&path);
        if (zoo_find(name) != NULL)
            return err_set(err, ERR_MISSING,
                           "no trained \"%s\" is at hand; `new %s` makes a"
                           " fresh one",
                           name, name);
        return err_set(err, ERR_MISSING, "no file \"%s\"", name);
    }
    code = open_net(b, name, path.text, NULL, &(struct shape){0}, err);
    if (code != ERR_OK && code != ERR_MEMORY && code != ERR_CANCELLED) {
        code = open_data(b, name, path.text, validation, &other);
        if (code != ERR_OK)
            code = err_set(err, ERR_FORMAT,
                           "\"%s\" opens neither as a net (%.180s) nor as data"
                           " (%.180s)",
                           name, err->msg, other.msg);
    }
    str_done(&path);
    return code;
}

static enum err_code run_init(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    const char *masks = cmd_text(call, "masks");
    struct stage *s;

    if (masks != NULL && strcmp(masks, "drop") == 0)
        mask_clear_net(b->net);
    net_unbind(b->net);
    net_init(b->net, (uint64_t)cmd_number(call, "seed"));
    mask_apply_net(b->net);
    s = bench_stage(b, "init", err);
    if (s == NULL) {
        struct err why = *err;

        bench_restore(b);
        *err = why;
        return err->code;
    }
    if (b->data != NULL && bench_score(b, &s->after, err) != ERR_OK)
        s->after = (struct score){0};
    bench_say_stage(b, s);
    return ERR_OK;
}

static enum err_code say_written(struct bench *b, const char *path,
                                 struct err *err)
{
    struct stat info;
    char size[32];

    if (stat(path, &info) != 0)
        return err_set(err, ERR_IO, "\"%s\" is gone again", path);
    bench_say(b, LOG_RESULT, "wrote %s, %s", path,
              str_size((double)info.st_size, size, sizeof(size)));
    return ERR_OK;
}

static void note_stage(const struct bench *b, struct net_note *note)
{
    const struct stage *s = stages_current(b->history);
    char seed[48];

    arg_number_text(ARG_INT, settings_number(&b->set, SET_seed), seed,
                    sizeof(seed));
    net_note_set(note, "made_by", "espalier");
    net_note_set(note, "stage", "%s", s->text);
    net_note_set(note, "step", "%llu", (unsigned long long)s->step);
    net_note_set(note, "seed", "%s", seed);
    if (s->after.n > 0)
        net_note_set(note, "validation_accuracy", "%.17g",
                     score_accuracy(&s->after));
}

/* The current stage's net without moments; of a large one there is no other
 * than the working net. */
static enum err_code net_to_save(struct bench *b, const struct net **net,
                                 struct err *err)
{
    int id = b->history->current;

    if (!stages_is_large_at(b->history, id))
        return stages_net(b->history, id, net, err);
    net_drop_training(b->net);
    *net = b->net;
    return ERR_OK;
}

/* What a file that Keras reads does not say to it. */
static void say_rounding(struct bench *b)
{
    int count = fake_count(b->net);

    if (count > 0)
        bench_say(b, LOG_NOTE,
                  "to Keras, which computes with floats, the %d layer%s that "
                  "quantise%s activations %s linear",
                  count, count == 1 ? "" : "s", count == 1 ? "s" : "",
                  count == 1 ? "is" : "are");
}

static enum err_code run_save(struct bench *b, const struct cmd_call *call,
                              struct err *err)
{
    struct progress progress = bench_progress(b);
    const char *path = cmd_text(call, "file");
    struct net_note note = {0};
    const struct net *net;
    enum err_code code;

    if (net_to_save(b, &net, err) != ERR_OK)
        return err->code;
    note_stage(b, &note);
    code = net_save_told(path, net, &note, &progress, err);
    net_note_done(&note);
    if (code == ERR_OK)
        code = say_written(b, path, err);
    if (code == ERR_OK)
        say_rounding(b);
    return code;
}

static enum err_code run_export(struct bench *b, const struct cmd_call *call,
                                struct err *err)
{
    const char *path = cmd_text(call, "file");
    struct net *net = net_clone(b->net, err);
    enum err_code code;

    if (net == NULL)
        return err->code;
    mask_clear_net(net);
    net_unbind(net);
    net_drop_training(net);
    code = net_save(path, net, NULL, err);
    net_free(net);
    if (code == ERR_OK)
        code = say_written(b, path, err);
    if (code == ERR_OK)
        say_rounding(b);
    return code;
}

static void take_text(char **to, const char *text)
{
    if (text == NULL)
        return;
    mem_free(*to);
    *to = mem_strdup(text);
}

static enum err_code run_import(struct bench *b, const struct cmd_call *call,
                                struct err *err)
{
    struct idx_names names = {.train_images = cmd_text(call, "train_images"),
                              .train_labels = cmd_text(call, "train_labels"),
                              .test_images = cmd_text(call, "test_images"),
                              .test_labels = cmd_text(call, "test_labels")};
    const char *path = cmd_text(call, "file");
    struct dataset *data;
    enum err_code code;

    if (idx_open(&names, &data, err) != ERR_OK)
        return err->code;
    take_text(&data->name, cmd_text(call, "name"));
    take_text(&data->origin, cmd_text(call, "origin"));
    take_text(&data->licence, cmd_text(call, "licence"));
    code = data_save(path, data, err);
    dataset_free(data);
    return code == ERR_OK ? say_written(b, path, err) : code;
}

static const struct arg_def data_args[] = {
    {.name = "data",
     .help = "an HDF5 file, or data that come with the program",
     .type = ARG_FILE,
     .source = SOURCE_DATA,
     .word = true,
     .required = true},
    {.name = "validation", .setting = "validation"},
    {0}};

static const struct arg_def net_args[] = {
    {.name = "net",
     .help = "a Keras file (.h5, .keras), a packed net (.pack), or a trained"
             " net that comes with the program",
     .type = ARG_FILE,
     .source = SOURCE_NETS,
     .word = true,
     .required = true},
    {.name = "model",
     .help = "for weights alone: a file with the architecture, of"
             " model.to_json() or another Keras file",
     .type = ARG_FILE,
     .source = SOURCE_FILES},
    {.name = "input",
     .help = "shape of the input, such as 28x28x1, where the file does not"
             " say it; the open data's otherwise",
     .type = ARG_TEXT},
    {0}};

static const struct arg_def new_args[] = {
    {.name = "what",
     .help = "a net of the zoo, a file with a spec, or a spec in quotes",
     .type = ARG_FILE,
     .source = SOURCE_ZOO,
     .word = true,
     .required = true},
    {0}};

static const struct arg_def file_args[] = {{.name = "file",
                                            .help = "an HDF5 file",
                                            .type = ARG_FILE,
                                            .source = SOURCE_FILES,
                                            .word = true,
                                            .required = true},
                                           {0}};

static const struct arg_def init_args[] = {
    {.name = "masks",
     .help = "keep: what is pruned stays pruned; drop: all weights are alive",
     .type = ARG_WORD,
     .source = SOURCE_MASKS},
    {.name = "seed", .setting = "seed"},
    {0}};

static const struct arg_def import_args[] = {
    {.name = "format",
     .help = "what the files are",
     .type = ARG_WORD,
     .source = SOURCE_FORMATS,
     .word = true,
     .required = true},
    {.name = "file",
     .help = "the HDF5 file to write",
     .type = ARG_FILE,
     .source = SOURCE_FILES,
     .word = true,
     .required = true},
    {.name = "train_images",
     .help = "file of training pictures",
     .type = ARG_FILE,
     .source = SOURCE_FILES,
     .required = true},
    {.name = "train_labels",
     .help = "file of their labels",
     .type = ARG_FILE,
     .source = SOURCE_FILES,
     .required = true},
    {.name = "test_images",
     .help = "file of test pictures",
     .type = ARG_FILE,
     .source = SOURCE_FILES},
    {.name = "test_labels",
     .help = "file of their labels",
     .type = ARG_FILE,
     .source = SOURCE_FILES},
    {.name = "name", .help = "what the data are called", .type = ARG_TEXT},
    {.name = "origin", .help = "where they come from", .type = ARG_TEXT},
    {.name = "licence", .help = "how they may be used", .type = ARG_TEXT},
    {0}};

const struct cmd_row open_commands[] = {
    {.name = "data",
     .usage = "FILE|NAME [validation=N]",
     .help = "open a data set and set its validation samples aside",
     .args = {data_args},
     .flags = CMD_JOB | CMD_RECORDED,
     .run = run_data},
    {.name = "net",
     .usage = "FILE|NAME [model=FILE] [input=SHAPE]",
     .help = "open a trained net",
     .args = {net_args},
     .flags = CMD_JOB | CMD_RECORDED,
     .run = run_net},
    {.name = "new",
     .usage = "NAME|FILE|\"SPEC\"",
     .help = "make a net with fresh weights, from the zoo or from a spec",
     .args = {new_args},
     .flags = CMD_JOB | CMD_RECORDED,
     .run = run_new},
    {.name = "open",
     .usage = "FILE|NAME",
     .help = "open a file, be it a net or data",
     .args = {file_args},
     .flags = CMD_JOB | CMD_RECORDED,
     .run = run_open},
    {.name = "init",
     .usage = "[masks=keep|drop] [seed=N]",
     .help = "give the net fresh weights",
     .args = {init_args},
     .flags = CMD_NEEDS_NET | CMD_RECORDED,
     .run = run_init},
    {.name = "save",
     .usage = "FILE",
     .help = "write the net with its masks, as Keras-compatible HDF5",
     .more = "Layers that quantise activations are linear ones to Keras; the "
             "net opens here with their bits and ranges.",
     .args = {file_args},
     .flags = CMD_NEEDS_NET,
     .run = run_save},
    {.name = "export",
     .usage = "FILE",
     .help = "write the net as Keras itself would, without masks",
     .args = {file_args},
     .flags = CMD_NEEDS_NET,
     .run = run_export},
    {.name = "import",
     .usage = "idx FILE train_images=FILE train_labels=FILE [test_images=FILE"
              " test_labels=FILE]",
     .help = "turn data of another format into HDF5",
     .args = {import_args},
     .flags = CMD_JOB,
     .run = run_import},
    {.name = "info",
     .usage = "[FILE]",
     .help = "what is in a file, and how it would be read; without one, the "
             "memory of the open net and of a training run",
     .args = {info_args},
     .flags = CMD_JOB,
     .run = info_run},
    {0}};
