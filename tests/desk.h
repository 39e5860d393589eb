/* A screen without a terminal, and what it posted. */
#ifndef TESTS_DESK_H
#define TESTS_DESK_H

#include "support.h"

#include "base/mem.h"
#include "base/str.h"
#include "sheets.h"
#include "ui/frame.h"
#include "ui/keys.h"

/* A screen without a terminal, and what it posted. */
struct desk {
    struct screen screen;
    struct canvas canvas;
    char posted[256];
    int stopped, paused, resumed, went_on;
};

static inline void desk_post(void *arg, const char *line)
{
    struct desk *d = arg;

    snprintf(d->posted, sizeof(d->posted), "%s", line);
}

static inline void desk_stop(void *arg)
{
    ((struct desk *)arg)->stopped++;
}

static inline void desk_pause(void *arg, bool on)
{
    struct desk *d = arg;

    d->paused += on;
    d->resumed += !on;
}

static inline void desk_go_on(void *arg)
{
    ((struct desk *)arg)->went_on++;
}

static inline void desk_sheets(struct desk *d, enum sheets_kind kind)
{
    const struct view_kind *asked = d->screen.in.asked;

    d->screen.in = *sheets_get(kind);
    d->screen.in.asked = asked;
}

static inline void desk_open(struct desk *d, int rows, int cols,
                             enum sheets_kind kind)
{
    struct screen_hooks hooks = {d, desk_post, desk_stop, desk_pause,
                                 desk_go_on};

    memset(d, 0, sizeof(*d));
    screen_init(&d->screen, &hooks, NULL);
    canvas_init(&d->canvas, rows, cols);
    d->canvas.glyphs = GLYPHS_BRAILLE;
    d->canvas.colours = COLOURS_256;
    desk_sheets(d, kind);
    frame_draw(&d->screen, &d->canvas);
}

static inline void desk_close(struct desk *d)
{
    screen_done(&d->screen);
    canvas_done(&d->canvas);
}

/* Presses the keys of a text, one by one, and draws. */
static inline void desk_type(struct desk *d, const char *keys)
{
    d->posted[0] = '\0';
    for (; *keys; keys++)
        screen_key(&d->screen, (unsigned char)*keys);
    frame_draw(&d->screen, &d->canvas);
}

static inline void desk_key(struct desk *d, int key)
{
    d->posted[0] = '\0';
    screen_key(&d->screen, key);
    frame_draw(&d->screen, &d->canvas);
}

static inline void assert_shows(struct desk *d, const char *text)
{
    struct str dump = {0};

    canvas_dump(&d->canvas, &dump);
    if (!strstr(dump.text ? dump.text : "", text))
        fail_msg("\"%s\" is not on this screen:\n%s", text, dump.text);
    str_done(&dump);
}

static inline void assert_hides(struct desk *d, const char *text)
{
    struct str dump = {0};

    canvas_dump(&d->canvas, &dump);
    if (strstr(dump.text ? dump.text : "", text))
        fail_msg("\"%s\" is on this screen:\n%s", text, dump.text);
    str_done(&dump);
}

static inline void golden_path(const char *name, char *path, size_t size)
{
    snprintf(path, size, "tests/golden/%s.txt", name);
}

/* Holds the frame against tests/golden/NAME.txt. */
static inline void assert_golden(struct desk *d, const char *name)
{
    struct str dump = {0}, want = {0};
    char path[128], buf[4096];
    FILE *f;
    size_t n;

    golden_path(name, path, sizeof(path));
    canvas_dump(&d->canvas, &dump);
    if (getenv("GOLDEN_UPDATE")) {
        f = fopen(path, "w");
        assert_non_null(f);
        fputs(dump.text, f);
        fclose(f);
    }
    f = fopen(path, "r");
    if (!f)
        fail_msg("%s is missing", path);
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
        str_add_bytes(&want, buf, n);
    fclose(f);
    if (strcmp(want.text, dump.text) != 0)
        fail_msg("%s expects\n%s\nthe screen is\n%s", path, want.text,
                 dump.text);
    str_done(&dump);
    str_done(&want);
}

#endif
