#include "layer/layer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/kinds.h"
#include "tensor/vec.h"

#define ATTR_MAX 16 /* no kind has as many attributes */

/* Below, a piece takes about as long as waking a thread for it. */
#define PIECE_MACS  140e3
#define PIECES_MOST 16
/* A value that is read and written takes as long as four, and as some thirty
 * where another core has just written it: such layers are cut where those
 * beside them are. */
#define VALUE_MACS 16

const struct layer_kind *const layer_kinds[] = {
#define LAYER(name) &name##_layer,
#include "layer/kinds.def"
#undef LAYER
    NULL};

const struct layer_kind *layer_find(const char *name)
{
    int i;

    for (i = 0; layer_kinds[i] != NULL; i++) {
        if (strcmp(layer_kinds[i]->name, name) == 0)
            return layer_kinds[i];
    }
    return NULL;
}

/* How many ints an attribute of that type holds; 0 for other types. */
static int int_count(enum attr_type type)
{
    return type == ATTR_INT    ? 1
           : type == ATTR_PAIR ? 2
           : type == ATTR_PADS ? 4
                               : 0;
}

static size_t attr_size(enum attr_type type)
{
    static const size_t sizes[] = {
        [ATTR_INT] = sizeof(int),
        [ATTR_PAIR] = 2 * sizeof(int),
        [ATTR_REAL] = sizeof(float),
        [ATTR_BOOL] = sizeof(bool),
        [ATTR_PADDING] = sizeof(enum padding),
        [ATTR_SHAPE] = sizeof(struct shape),
        [ATTR_PADS] = 4 * sizeof(int),
    };

    return sizes[type];
}

static const struct layer_attr *attr_named(const struct layer_kind *kind,
                                           const char *name)
{
    int i;

    for (i = 0; i < kind->attr_count; i++) {
        if (strcmp(kind->attrs[i].name, name) == 0)
            return &kind->attrs[i];
    }
    return NULL;
}

/* Writes the attribute's default, which may be the value of another one. */
static void set_usual(const struct layer_kind *kind,
                      const struct layer_attr *attr, void *config)
{
    unsigned char *to = (unsigned char *)config + attr->offset;
    int i;

    if (attr->copy != NULL) {
        const struct layer_attr *from = attr_named(kind, attr->copy);

        if (from != NULL)
            memmove(to, (unsigned char *)config + from->offset,
                    attr_size(attr->type));
        return;
    }
    for (i = 0; i < int_count(attr->type); i++)
        ((int *)(void *)to)[i] = (int)attr->usual;
    if (attr->type == ATTR_REAL)
        *(float *)(void *)to = (float)attr->usual;
    else if (attr->type == ATTR_BOOL)
        *(bool *)(void *)to = attr->usual != 0.0;
    else if (attr->type == ATTR_PADDING)
        *(enum padding *)(void *)to = (enum padding)attr->usual;
}

void layer_defaults(const struct layer_kind *kind, void *config)
{
    int i;

    memset(config, 0, LAYER_CONFIG_MAX);
    for (i = 0; i < kind->attr_count; i++)
        set_usual(kind, &kind->attrs[i], config);
}

/* Refuses value outside the attribute's range. */
static enum err_code in_range(const struct layer_attr *attr, double value,
                              struct err *err)
{
    if (attr->least == attr->most ||
        (value >= attr->least && value <= attr->most))
        return ERR_OK;
    return err_set(err, ERR_VALUE, "%s is %g; %g to %g is possible", attr->name,
                   value, attr->least, attr->most);
}

enum err_code layer_check(const struct layer_kind *kind, const void *config,
                          struct err *err)
{
    int i, k;

    for (i = 0; i < kind->attr_count; i++) {
        const struct layer_attr *attr = &kind->attrs[i];
        const void *at = (const unsigned char *)config + attr->offset;
        enum err_code code = ERR_OK;

        for (k = 0; k < int_count(attr->type) && code == ERR_OK; k++)
            code = in_range(attr, ((const int *)at)[k], err);
        if (attr->type == ATTR_REAL)
            code = in_range(attr, (double)*(const float *)at, err);
        if (attr->type == ATTR_SHAPE && ((const struct shape *)at)->rank == 0)
            code = err_set(err, ERR_VALUE, "%s has no dimensions", attr->name);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

/* Up to most whole numbers, separated by one of the characters of between;
 * 0 when the text is something else. */
static int scan_ints(const char *text, const char *between, int most, int *out)
{
    const char *at = text;
    int count = 0;

    while (count < most) {
        char *end;
        long value = strtol(at, &end, 10);

        if (end == at || value < -1000000000L || value > 1000000000L)
            return 0;
        out[count++] = (int)value;
        if (*end == '\0')
            return count;
        if (strchr(between, *end) == NULL)
            return 0;
        at = end + 1;
    }
    return 0;
}

static enum err_code set_int(const struct layer_attr *attr, const char *text,
                             int *to, struct err *err)
{
    if (scan_ints(text, "", 1, to) == 1)
        return ERR_OK;
    return err_set(err, ERR_VALUE, "%s wants a whole number, got \"%s\"",
                   attr->name, text);
}

static enum err_code set_pair(const struct layer_attr *attr, const char *text,
                              int *to, struct err *err)
{
    int got[2], count = scan_ints(text, "x,", 2, got);

    if (count == 0)
        return err_set(err, ERR_VALUE, "%s wants 3 or 3x5, got \"%s\"",
                       attr->name, text);
    to[0] = got[0];
    to[1] = got[count - 1];
    return ERR_OK;
}

/* One number for all sides, two for rows and columns, or all four. */
static enum err_code set_pads(const struct layer_attr *attr, const char *text,
                              int *to, struct err *err)
{
    int got[4], i, count = scan_ints(text, ",", 4, got);

    if (count != 1 && count != 2 && count != 4)
        return err_set(err, ERR_VALUE,
                       "%s wants 1, or rows,columns, or"
                       " top,bottom,left,right; got \"%s\"",
                       attr->name, text);
    for (i = 0; i < 4; i++)
        to[i] = got[count == 4 ? i : count == 2 ? i / 2 : 0];
    return ERR_OK;
}

static enum err_code set_real(const struct layer_attr *attr, const char *text,
                              float *to, struct err *err)
{
    double value;
    enum err_code code = str_ends(text, "%")
                             ? str_share(text, attr->name, &value, err)
                             : str_double(text, attr->name, &value, err);

    if (code == ERR_OK)
        *to = (float)value;
    return code;
}

/* Which of two words text is: 0 or 1, or -1. */
static int one_of(const char *text, const char *zero, const char *one)
{
    return strcmp(text, zero) == 0 ? 0 : strcmp(text, one) == 0 ? 1 : -1;
}

static enum err_code set_word(const struct layer_attr *attr, const char *text,
                              void *to, struct err *err)
{
    bool is_bool = attr->type == ATTR_BOOL;
    const char *zero = is_bool ? "no" : "valid",
               *one = is_bool ? "yes" : "same";
    int which = one_of(text, zero, one);

    if (which < 0)
        return err_set(err, ERR_VALUE, "%s wants %s or %s, got \"%s\"",
                       attr->name, zero, one, text);
    if (is_bool)
        *(bool *)to = which == 1;
    else
        *(enum padding *)to = which == 1 ? PADDING_SAME : PADDING_VALID;
    return ERR_OK;
}

static enum err_code set_attr(const struct layer_attr *attr, const char *text,
                              void *config, struct err *err)
{
    void *to = (unsigned char *)config + attr->offset;

    switch (attr->type) {
    case ATTR_INT:
        return set_int(attr, text, to, err);
    case ATTR_PAIR:
        return set_pair(attr, text, to, err);
    case ATTR_PADS:
        return set_pads(attr, text, to, err);
    case ATTR_REAL:
        return set_real(attr, text, to, err);
    case ATTR_SHAPE:
        return shape_parse(text, to, err);
    case ATTR_BOOL:
    case ATTR_PADDING:
        break;
    }
    return set_word(attr, text, to, err);
}

/* Positional attributes take the words in order. */
static enum err_code parse_words(const struct layer_kind *kind,
                                 const struct args *a, void *config,
                                 bool *given, struct err *err)
{
    int i, word = 1;

    for (i = 0; i < kind->attr_count && word < a->word_count; i++) {
        enum err_code code;

        if (!kind->attrs[i].positional)
            continue;
        code = set_attr(&kind->attrs[i], a->word[word++], config, err);
        if (code != ERR_OK)
            return code;
        given[i] = true;
    }
    if (word < a->word_count)
        return err_set(err, ERR_USAGE, "the word \"%s\" has no place here",
                       a->word[word]);
    return ERR_OK;
}

static enum err_code unknown_name(const struct layer_kind *kind,
                                  const char *name, struct err *err)
{
    const char *names[ATTR_MAX];
    const char *near;
    int i;

    for (i = 0; i < kind->attr_count; i++)
        names[i] = kind->attrs[i].name;
    near = str_nearest(name, names, kind->attr_count);
    if (near != NULL)
        return err_set(err, ERR_USAGE,
                       "no setting \"%s\"; did you mean"
                       " \"%s\"?",
                       name, near);
    return err_set(err, ERR_USAGE, "no setting \"%s\"", name);
}

static enum err_code parse_pairs(const struct layer_kind *kind, struct args *a,
                                 void *config, bool *given, struct err *err)
{
    int i;

    for (i = 0; i < a->pair_count; i++) {
        const struct layer_attr *attr = attr_named(kind, a->name[i]);
        enum err_code code;

        if (strcmp(a->name[i], "name") == 0 || strcmp(a->name[i], "from") == 0)
            continue;
        if (attr == NULL)
            return unknown_name(kind, a->name[i], err);
        if (given[attr - kind->attrs])
            return err_set(err, ERR_USAGE, "%s is given twice", attr->name);
        code = set_attr(attr, a->value[i], config, err);
        if (code != ERR_OK)
            return code;
        a->used[i] = true;
        given[attr - kind->attrs] = true;
    }
    return ERR_OK;
}

/* Defaults that copy another attribute can be set only now. */
static enum err_code complete(const struct layer_kind *kind, void *config,
                              const bool *given, struct err *err)
{
    int i;

    for (i = 0; i < kind->attr_count; i++) {
        const struct layer_attr *attr = &kind->attrs[i];

        if (!given[i] && attr->required)
            return err_set(err, ERR_USAGE, "%s is missing: %s", attr->name,
                           attr->help);
        if (!given[i] && attr->copy != NULL)
            set_usual(kind, attr, config);
    }
    return layer_check(kind, config, err);
}

enum err_code layer_parse(const struct layer_kind *kind, struct args *a,
                          void *config, struct err *err)
{
    _Alignas(8) unsigned char made[LAYER_CONFIG_MAX];
    bool given[ATTR_MAX] = {false};
    enum err_code code;

    layer_defaults(kind, made);
    code = parse_words(kind, a, made, given, err);
    if (code == ERR_OK)
        code = parse_pairs(kind, a, made, given, err);
    if (code == ERR_OK)
        code = complete(kind, made, given, err);
    if (code != ERR_OK)
        return err_context(err, "%s", kind->name);
    memcpy(config, made, sizeof(made));
    return ERR_OK;
}

/* The fewest digits that read back as the same float. */
static void print_real(float value, struct str *out)
{
    char text[32];
    int digits;

    for (digits = 1; digits < 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    str_addf(out, "%.*g", digits, (double)value);
}

static void print_value(const struct layer_attr *attr, const void *config,
                        struct str *out)
{
    const void *at = (const unsigned char *)config + attr->offset;
    const int *i = at;
    char text[64];

    switch (attr->type) {
    case ATTR_INT:
        str_addf(out, "%d", i[0]);
        break;
    case ATTR_PAIR:
        str_addf(out, i[0] == i[1] ? "%d" : "%dx%d", i[0], i[1]);
        break;
    case ATTR_PADS:
        str_addf(out, "%d,%d,%d,%d", i[0], i[1], i[2], i[3]);
        break;
    case ATTR_REAL:
        print_real(*(const float *)at, out);
        break;
    case ATTR_SHAPE:
        str_add(out, shape_text(at, text, sizeof(text)));
        break;
    case ATTR_BOOL:
        str_add(out, *(const bool *)at ? "yes" : "no");
        break;
    case ATTR_PADDING:
        str_add(out,
                *(const enum padding *)at == PADDING_SAME ? "same" : "valid");
        break;
    }
}

/* Does config hold the attribute's default? */
static bool is_usual(const struct layer_kind *kind,
                     const struct layer_attr *attr, const void *config)
{
    _Alignas(8) unsigned char other[LAYER_CONFIG_MAX];

    memcpy(other, config, kind->config_size);
    set_usual(kind, attr, other);
    return memcmp(other + attr->offset,
                  (const unsigned char *)config + attr->offset,
                  attr_size(attr->type)) == 0;
}

void layer_print(const struct layer_kind *kind, const void *config,
                 struct str *out)
{
    bool by_place = true;
    int i;

    str_add(out, kind->name);
    for (i = 0; i < kind->attr_count; i++) {
        const struct layer_attr *attr = &kind->attrs[i];

        if (!attr->required && is_usual(kind, attr, config)) {
            by_place = by_place && !attr->positional;
            continue;
        }
        str_add(out, " ");
        if (!attr->positional || !by_place)
            str_addf(out, "%s=", attr->name);
        print_value(attr, config, out);
    }
}

enum err_code layer_same_shape(const void *config, const struct shape *in,
                               int in_count, struct shape *out, struct err *err)
{
    (void)config;
    (void)in_count;
    (void)err;
    *out = in[0];
    return ERR_OK;
}

enum err_code layer_want_image(const char *kind, const struct shape *in,
                               struct err *err)
{
    char text[64];

    if (in->rank == 3)
        return ERR_OK;
    return err_set(err, ERR_SHAPE,
                   "%s wants an image (height x width x channels), its input"
                   " is %s",
                   kind, shape_text(in, text, sizeof(text)));
}

enum err_code layer_window_shape(const char *kind, const struct window *w,
                                 long long channels, struct shape *out,
                                 struct err *err)
{
    if (window_check(w, err) != ERR_OK)
        return err_context(err, "%s", kind);
    return shape_make(out, 3, (long long[]){w->out_h, w->out_w, channels}, err);
}

struct param_def param_kernel(const char *name, const struct shape *shape,
                              int fan_in, int fan_out)
{
    return (struct param_def){.name = name,
                              .shape = *shape,
                              .trainable = true,
                              .prunable = true,
                              .decays = true,
                              .init = INIT_GLOROT,
                              .fan_in = fan_in,
                              .fan_out = fan_out};
}

struct param_def param_bias(int n)
{
    return (struct param_def){.name = "bias",
                              .shape = {.rank = 1, .dim = {n}},
                              .trainable = true,
                              .init = INIT_ZERO};
}

size_t pass_in(const struct layer_pass *p, int i)
{
    return (size_t)p->n * shape_count(&p->in[i]);
}

size_t pass_out(const struct layer_pass *p)
{
    return (size_t)p->n * shape_count(&p->out);
}

double statistic_share(const struct layer_pass *p, double momentum)
{
    return p->blend > 0.0 ? p->blend : 1.0 - momentum;
}

float statistic_moved(float old, double batch, double share)
{
    if (share == 1.0)
        return (float)batch;
    return (float)((double)old * (1.0 - share) + batch * share);
}

int pieces_for(double macs, int most)
{
    double pieces = macs / PIECE_MACS;

    if (pieces > PIECES_MOST)
        pieces = PIECES_MOST;
    if (pieces > most)
        pieces = most;
    return pieces < 1.0 ? 1 : (int)pieces;
}

struct span pass_span(const struct layer_pass *p, int all, int grain)
{
    int grains = (all + grain - 1) / grain, first, end;

    if (p->pieces <= 1)
        return (struct span){.count = all};
    first = (int)((long long)grains * p->piece / p->pieces) * grain;
    end = (int)((long long)grains * (p->piece + 1) / p->pieces) * grain;
    return (struct span){.first = first,
                         .count = (end < all ? end : all) - first};
}

int pieces_of_values(const void *config, const struct shape *in,
                     const struct shape *out, int n, bool ready)
{
    (void)config;
    (void)in;
    (void)ready;
    return pieces_for(VALUE_MACS * (double)shape_count(out) * n, PIECES_MOST);
}

struct stretch pass_stretch(const struct layer_pass *p)
{
    size_t all = pass_out(p), lines = vec_lines(all) / VEC_LINE;
    size_t first, end;

    if (p->pieces <= 1)
        return (struct stretch){.count = all};
    first = lines * (size_t)p->piece / (size_t)p->pieces * VEC_LINE;
    end = lines * (size_t)(p->piece + 1) / (size_t)p->pieces * VEC_LINE;
    return (struct stretch){.first = first,
                            .count = (end < all ? end : all) - first};
}

int shape_last(const struct shape *s)
{
    return s->rank > 0 ? s->dim[s->rank - 1] : 1;
}
