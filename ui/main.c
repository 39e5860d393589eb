/*
 * The program: options, and either the screen or a run without one.
 *
 * Status: 0 all went well, 1 a command failed, 2 the command line is wrong,
 * 3 an expectation did not hold, 130 stopped by the user, 128 + n ended by
 * signal n.
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/args.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine.h"
#include "ui/loop.h"
#include "ui/term.h"
#include "ui/view.h"

#define LINES_MOST 64
#define VIEWS_MOST 32

enum { STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_EXPECT = 3 };

static const char usage[] =
    "usage: espalier [options] [NETWORK] [DATA]   open the workbench\n"
    "       espalier [options] play LESSON        play a lesson\n"
    "       espalier [options] run SCRIPT         run a script, no screen\n"
    "       espalier [options] -c 'CMD; CMD'      run commands, no screen\n"
    "       espalier [options] resume [SESSION]   go on with a session\n"
    "       espalier info FILE                    what is in a file\n"
    "       espalier import idx OUT.h5 train_images=FILE train_labels=FILE …\n"
    "options:\n"
    "  -c CMDS            run commands; may be given again\n"
    "  --session DIR      keep a session in DIR\n"
    "  --no-session       keep no session\n"
    "  --seed N           start of every random stream (1)\n"
    "  --threads N        threads that compute (all cores)\n"
    "  --json             one JSON object a command, nothing else\n"
    "  --ascii            7-bit signs only\n"
    "  --color WHEN       auto, never, 16 or 256\n"
    "  --light            dark text on a light ground\n"
    "  --no-mouse         leave the mouse to the terminal\n"
    "  --log FILE         append the program's log to FILE\n"
    "  --print-man commands   the generated part of espalier-commands(7)\n"
    "  --version, --help\n";

struct options {
    struct engine_options engine;
    struct term_options term;
    const char *line[LINES_MOST];
    int line_count;
    bool json, no_session;
    char **word;
    int word_count;
};

/* Options. */

enum {
    OPT_SESSION = 256,
    OPT_NO_SESSION,
    OPT_SEED,
    OPT_THREADS,
    OPT_JSON,
    OPT_ASCII,
    OPT_COLOR,
    OPT_LIGHT,
    OPT_NO_MOUSE,
    OPT_LOG,
    OPT_PRINT_MAN,
    OPT_VERSION,
    OPT_HELP
};

static const struct option long_options[] = {
    {"session", required_argument, NULL, OPT_SESSION},
    {"no-session", no_argument, NULL, OPT_NO_SESSION},
    {"seed", required_argument, NULL, OPT_SEED},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"json", no_argument, NULL, OPT_JSON},
    {"ascii", no_argument, NULL, OPT_ASCII},
    {"color", required_argument, NULL, OPT_COLOR},
    {"light", no_argument, NULL, OPT_LIGHT},
    {"no-mouse", no_argument, NULL, OPT_NO_MOUSE},
    {"log", required_argument, NULL, OPT_LOG},
    {"print-man", required_argument, NULL, OPT_PRINT_MAN},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0}};

static int complain(const struct err *err)
{
    fprintf(stderr, "espalier: %s\n", err->msg);
    return STATUS_USAGE;
}

static enum err_code take_number(const char *text, const char *name,
                                 long long most, long long *out,
                                 struct err *err)
{
    if (str_long(text, name, out, err) != ERR_OK)
        return err->code;
    if (*out < 0 || *out > most)
        return err_set(err, ERR_VALUE, "%s wants 0 to %lld, got %lld", name,
                       most, *out);
    return ERR_OK;
}

static enum err_code take_color(struct options *o, const char *when,
                                struct err *err)
{
    static const struct {
        const char *name;
        int colours;
    } known[] = {{"auto", -1},
                 {"never", COLOURS_MONO},
                 {"16", COLOURS_16},
                 {"256", COLOURS_256}};
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, when) == 0) {
            o->term.colours = known[i].colours;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_VALUE,
                   "--color wants auto, never, 16 or 256, got \"%s\"", when);
}

static int print_man(const char *what)
{
    struct str text = {0};

    if (strcmp(what, "commands") != 0) {
        fprintf(stderr, "espalier: --print-man wants commands, got \"%s\"\n",
                what);
        return STATUS_USAGE;
    }
    engine_print_man(&text);
    fputs(text.text, stdout);
    str_done(&text);
    return fflush(stdout) == 0 ? 0 : STATUS_FAILED;
}

/* -1: go on; else the status to end with. */
static int take_option(struct options *o, int option)
{
    long long number;
    struct err err;

    switch (option) {
    case 'c':
        if (o->line_count == LINES_MOST) {
            fprintf(stderr, "espalier: more than %d times -c\n", LINES_MOST);
            return STATUS_USAGE;
        }
        o->line[o->line_count++] = optarg;
        return -1;
    case OPT_SESSION:
        o->engine.session = optarg;
        return -1;
    case OPT_NO_SESSION:
        o->no_session = true;
        return -1;
    case OPT_SEED:
        if (take_number(optarg, "--seed", 9000000000000000LL, &number, &err) !=
            ERR_OK)
            return complain(&err);
        o->engine.seed = (uint64_t)number;
        return -1;
    case OPT_THREADS:
        if (take_number(optarg, "--threads", 1024, &number, &err) != ERR_OK)
            return complain(&err);
        o->engine.threads = (int)number;
        return -1;
    case OPT_JSON:
        o->json = true;
        return -1;
    case OPT_ASCII:
        o->term.ascii = true;
        return -1;
    case OPT_COLOR:
        return take_color(o, optarg, &err) == ERR_OK ? -1 : complain(&err);
    case OPT_LIGHT:
        o->term.light = true;
        return -1;
    case OPT_NO_MOUSE:
        o->term.mouse = false;
        return -1;
    case OPT_LOG:
        return log_open(optarg, &err) == ERR_OK ? -1 : complain(&err);
    case OPT_PRINT_MAN:
        return print_man(optarg);
    case OPT_VERSION:
        puts("espalier " ESPALIER_VERSION);
        return 0;
    case OPT_HELP:
        fputs(usage, stdout);
        return 0;
    default:
        fputs("espalier: --help shows what is possible\n", stderr);
        return STATUS_USAGE;
    }
}

static int take_options(struct options *o, int argc, char **argv)
{
    int option, status;

    while ((option = getopt_long(argc, argv, "c:", long_options, NULL)) != -1) {
        status = take_option(o, option);
        if (status >= 0)
            return status;
    }
    o->word = argv + optind;
    o->word_count = argc - optind;
    return -1;
}

/* Where the shipped data lie: beside the program in a built tree, or where it
 * is installed.  Returns new, or NULL. */
static char *find_data(void)
{
    static const char *const places[] = {"../data", "../share/espalier/data"};
    const char *named = getenv("ESPALIER_DATA");
    char self[4000];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;
    size_t i;

    if (named != NULL && named[0] != '\0')
        return mem_strdup(named);
    if (n <= 0)
        return NULL;
    self[n] = '\0';
    slash = strrchr(self, '/');
    *slash = '\0';
    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char *path = mem_printf("%s/%s", self, places[i]);
        char *plain = realpath(path, NULL), *found = NULL;

        if (plain != NULL && access(plain, R_OK) == 0)
            found = mem_strdup(plain);
        free(plain);
        mem_free(path);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static const char *const *list_views(void)
{
    static const char *names[VIEWS_MOST + 1];
    int i;

    for (i = 0; i < VIEWS_MOST && view_kinds[i] != NULL; i++)
        names[i] = view_kinds[i]->name;
    names[i] = NULL;
    return names;
}

/* Without a screen. */

static void say(void *arg, enum log_kind kind, const char *text)
{
    (void)arg;
    if (kind == LOG_ERROR) {
        fflush(stdout);
        fprintf(stderr, "espalier: %s\n", text);
    } else if (kind == LOG_COMMAND) {
        printf("> %s\n", text);
    } else {
        printf("%s%s\n", kind == LOG_RESULT ? "  " : "", text);
    }
}

static void say_errors(void *arg, enum log_kind kind, const char *text)
{
    if (kind == LOG_ERROR)
        say(arg, kind, text);
}

static void print_json(void *arg, const char *object)
{
    (void)arg;
    puts(object);
}

/* Waits for signals in a thread of its own: the first Ctrl-C stops what runs
 * and keeps what it reached; being told to end leaves it to be resumed. */
struct watcher {
    struct engine *engine;
    sigset_t set;
    pthread_t thread;
    atomic_int ended; /* by this signal; 0 none; -1 time to go */
};

static void *watch(void *arg)
{
    struct watcher *w = arg;
    int sig;

    while (atomic_load(&w->ended) == 0) {
        if (sigwait(&w->set, &sig) != 0 || sig == SIGUSR2)
            continue;
        if (sig == SIGINT) {
            engine_stop(w->engine);
            continue;
        }
        atomic_store(&w->ended, sig);
        engine_leave(w->engine);
    }
    return NULL;
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

static int status_of(const struct err *err)
{
    if (err->code == ERR_OK)
        return 0;
    if (err->code == ERR_EXPECT)
        return STATUS_EXPECT;
    return err->code == ERR_CANCELLED ? 128 + SIGINT : STATUS_FAILED;
}

/* What a session had still to do, then the lines. */
static int run_lines(struct engine *e, const struct options *o)
{
    unsigned long ticket = engine_resumed(e);
    struct err err = {.code = ERR_OK};
    int i;

    if (ticket != 0 && engine_wait(e, ticket, &err) != ERR_OK)
        return status_of(&err);
    for (i = 0; i < o->line_count; i++) {
        if (engine_do(e, o->line[i], &err) != ERR_OK)
            return status_of(&err);
    }
    return 0;
}

static int run_batch(struct options *o)
{
    struct watcher w = {0};
    struct err err;
    int status;

    o->engine.say = o->json ? say_errors : say;
    o->engine.json = o->json ? print_json : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    block_signals(&w.set);
    w.engine = engine_new(&o->engine, &err);
    if (w.engine == NULL) {
        fprintf(stderr, "espalier: %s\n", err.msg);
        return STATUS_FAILED;
    }
    if (pthread_create(&w.thread, NULL, watch, &w) != 0) {
        engine_free(w.engine);
        return STATUS_FAILED;
    }
    status = run_lines(w.engine, o);
    if (atomic_load(&w.ended) > 0)
        status = 128 + atomic_load(&w.ended);
    else
        atomic_store(&w.ended, -1);
    pthread_kill(w.thread, SIGUSR2);
    pthread_join(w.thread, NULL);
    engine_free(w.engine);
    if (fflush(stdout) != 0 || ferror(stdout))
        return STATUS_FAILED;
    return status;
}

/* With one. */

static void post_open(struct engine *e, const char *verb, const char *name)
{
    struct str line = {0};

    str_addf(&line, "%s ", verb);
    args_quote(name, &line);
    engine_post(e, line.text);
    str_done(&line);
}

static int run_screen(struct options *o, const char *lesson)
{
    struct screen_options screen = {.term = o->term};
    struct engine *e;
    struct err err;
    int i;

    e = engine_new(&o->engine, &err);
    if (e == NULL) {
        fprintf(stderr, "espalier: %s\n", err.msg);
        return STATUS_FAILED;
    }
    if (lesson != NULL) {
        post_open(e, "play", lesson);
    } else if (!o->engine.resume) {
        for (i = 0; i < o->word_count; i++)
            post_open(e, "open", o->word[i]);
        if (o->word_count == 0) {
            engine_post(e, "data mnist");
            engine_post(e, "net lenet-300-100");
        }
    }
    if (screen_run(e, &screen, &err) != ERR_OK) {
        fprintf(stderr, "espalier: %s\n", err.msg);
        engine_free(e);
        return STATUS_USAGE;
    }
    engine_free(e);
    return 0;
}

/* The words of the command line as one command. */
static char *join_words(const struct options *o)
{
    struct str line = {0};
    int i;

    for (i = 0; i < o->word_count; i++) {
        const char *equals = strchr(o->word[i], '=');

        if (i > 0)
            str_add(&line, " ");
        if (equals == NULL) {
            args_quote(o->word[i], &line);
            continue;
        }
        str_add_bytes(&line, o->word[i], (size_t)(equals - o->word[i]) + 1);
        args_quote(equals + 1, &line);
    }
    return str_take(&line);
}

static int wrong(const char *text)
{
    fprintf(stderr, "espalier: %s; --help shows what is possible\n", text);
    return STATUS_USAGE;
}

static int start(struct options *o)
{
    const char *verb = o->word_count > 0 ? o->word[0] : "";
    char *line;
    int status;

    if (strcmp(verb, "play") == 0) {
        o->engine.keep = !o->no_session;
        return o->word_count == 2 ? run_screen(o, o->word[1])
                                  : wrong("play wants one lesson");
    }
    if (strcmp(verb, "resume") == 0) {
        if (o->word_count > 2)
            return wrong("resume wants one session at most");
        o->engine.resume = true;
        o->engine.session = o->word_count == 2 ? o->word[1] : NULL;
        return o->line_count > 0 ? run_batch(o) : run_screen(o, NULL);
    }
    if (strcmp(verb, "run") == 0 || strcmp(verb, "info") == 0 ||
        strcmp(verb, "import") == 0) {
        line = join_words(o);
        o->line[0] = line;
        o->line_count = 1;
        status = run_batch(o);
        mem_free(line);
        return status;
    }
    if (o->line_count > 0)
        return o->word_count == 0 ? run_batch(o)
                                  : wrong("-c does not go with other words");
    o->engine.keep = !o->no_session;
    return o->word_count <= 2 ? run_screen(o, NULL)
                              : wrong("more than a network and data");
}

int main(int argc, char **argv)
{
    struct options o = {.engine = {.seed = 1},
                        .term = {.colours = -1, .mouse = true}};
    char *data;
    int status;

    setlocale(LC_CTYPE, "");
    status = take_options(&o, argc, argv);
    if (status >= 0)
        return status;
    data = find_data();
    o.engine.data_dir = data;
    o.engine.views = list_views();
    status = start(&o);
    mem_free(data);
    return status;
}
