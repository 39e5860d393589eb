#include "ui/prompt_history.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

char *prompt_history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (state != NULL && *state == '/')
        return mem_printf("%s/espalier/history", state);
    if (home != NULL && *home == '/')
        return mem_printf("%s/.local/state/espalier/history", home);
    return NULL;
}

/* All folders above path, for the user alone. */
static void make_folders(const char *path)
{
    char *part = mem_strdup(path), *at;

    for (at = strchr(part + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(part, 0700);
        *at = '/';
    }
    mem_free(part);
}

void prompt_history_append(const char *path, const char *line)
{
    struct str text = {0};
    ssize_t wrote;
    int fd;

    make_folders(path);
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    str_addf(&text, "%s\n", line);
    /* One write: two sessions may append at the same time. */
    wrote = write(fd, text.text, text.len);
    (void)wrote;
    close(fd);
    str_done(&text);
}
