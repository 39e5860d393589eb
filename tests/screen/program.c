#include "tests/screen/program.h"

#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const usual[] = {"--no-session", "data/lenet-300-100.h5",
                                    "data/mnist.h5", NULL};

const char *program_path(void)
{
    static char path[512];
    const char *build = getenv("BUILD");

    snprintf(path, sizeof(path), "%s/espalier", build ? build : "build");
    return path;
}

static void set_variables(const struct start *s)
{
    int i;

    setenv("HOME", s->folder, 1);
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_DATA_HOME");
    unsetenv("NO_COLOR");
    unsetenv("LINES");
    unsetenv("COLUMNS");
    setenv("TERM", s->term ? s->term : "xterm-256color", 1);
    setenv("LC_ALL", s->locale ? s->locale : "C.UTF-8", 1);
    for (i = 0; s->variable[i]; i++) {
        char name[64];
        const char *equals = strchr(s->variable[i], '=');

        if (!equals) {
            unsetenv(s->variable[i]);
            continue;
        }
        snprintf(name, sizeof(name), "%.*s", (int)(equals - s->variable[i]),
                 s->variable[i]);
        setenv(name, equals + 1, 1);
    }
}

static void run(const void *arg)
{
    const struct start *s = arg;
    const char *const *word = s->word[0] ? s->word : usual;
    char *argv[PROGRAM_WORDS + 3];
    int n = 0, i;

    set_variables(s);
    argv[n++] = strdup(program_path());
    for (i = 0; word[i]; i++)
        argv[n++] = strdup(word[i]);
    if (s->more)
        argv[n++] = strdup(s->more);
    argv[n] = NULL;
    execv(argv[0], argv);
}

static void run_shell(const void *arg)
{
    set_variables(arg);
    unsetenv("ENV");
    setenv("PS1", "ready> ", 1);
    execl("/bin/sh", "sh", "-i", (char *)NULL);
}

void program_start(struct terminal *t, int rows, int cols,
                   const struct start *s)
{
    terminal_open(t, rows, cols, run, s);
}

void program_shell(struct terminal *t, int rows, int cols,
                   const struct start *s)
{
    terminal_open(t, rows, cols, run_shell, s);
    terminal_wait(t, "ready> ", true);
}

struct terminal program_open(void *const *state, int rows, int cols)
{
    struct start s = {.folder = *state};
    struct terminal t;

    program_start(&t, rows, cols, &s);
    terminal_wait(&t, "98.60%", true);
    terminal_wait(&t, "idle", true);
    terminal_wait(&t, "#0 dense 98.60%", true);
    terminal_wait(&t, "step", true); /* the chart's axis */
    return t;
}

void program_leave(struct terminal *t)
{
    terminal_press(t, "q");
    assert_int_equal(terminal_close(t), 0);
}
