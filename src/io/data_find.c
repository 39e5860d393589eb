#include "io/data_find.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/data_read.h"

enum word_kind {
    WORD_PICTURES,
    WORD_LABELS,
    WORD_NAMES,
    WORD_SPLIT,
    WORD_FILL
};

static const struct word_row {
    const char *word;
    enum word_kind kind;
    enum data_split split;
} words[] = {
    {"x", WORD_PICTURES, SPLIT_NONE},
    {"xs", WORD_PICTURES, SPLIT_NONE},
    {"data", WORD_PICTURES, SPLIT_NONE},
    {"image", WORD_PICTURES, SPLIT_NONE},
    {"images", WORD_PICTURES, SPLIT_NONE},
    {"img", WORD_PICTURES, SPLIT_NONE},
    {"imgs", WORD_PICTURES, SPLIT_NONE},
    {"picture", WORD_PICTURES, SPLIT_NONE},
    {"pictures", WORD_PICTURES, SPLIT_NONE},
    {"pixels", WORD_PICTURES, SPLIT_NONE},
    {"feature", WORD_PICTURES, SPLIT_NONE},
    {"features", WORD_PICTURES, SPLIT_NONE},
    {"input", WORD_PICTURES, SPLIT_NONE},
    {"inputs", WORD_PICTURES, SPLIT_NONE},
    {"samples", WORD_PICTURES, SPLIT_NONE},
    {"y", WORD_LABELS, SPLIT_NONE},
    {"ys", WORD_LABELS, SPLIT_NONE},
    {"label", WORD_LABELS, SPLIT_NONE},
    {"labels", WORD_LABELS, SPLIT_NONE},
    {"target", WORD_LABELS, SPLIT_NONE},
    {"targets", WORD_LABELS, SPLIT_NONE},
    {"class", WORD_LABELS, SPLIT_NONE},
    {"classes", WORD_LABELS, SPLIT_NONE},
    {"truth", WORD_LABELS, SPLIT_NONE},
    {"output", WORD_LABELS, SPLIT_NONE},
    {"outputs", WORD_LABELS, SPLIT_NONE},
    {"name", WORD_NAMES, SPLIT_NONE},
    {"names", WORD_NAMES, SPLIT_NONE},
    {"list", WORD_NAMES, SPLIT_NONE},
    {"train", WORD_SPLIT, SPLIT_TRAIN},
    {"training", WORD_SPLIT, SPLIT_TRAIN},
    {"trn", WORD_SPLIT, SPLIT_TRAIN},
    {"tr", WORD_SPLIT, SPLIT_TRAIN},
    {"val", WORD_SPLIT, SPLIT_VALIDATION},
    {"valid", WORD_SPLIT, SPLIT_VALIDATION},
    {"validation", WORD_SPLIT, SPLIT_VALIDATION},
    {"dev", WORD_SPLIT, SPLIT_VALIDATION},
    {"test", WORD_SPLIT, SPLIT_TEST},
    {"testing", WORD_SPLIT, SPLIT_TEST},
    {"tst", WORD_SPLIT, SPLIT_TEST},
    {"te", WORD_SPLIT, SPLIT_TEST},
    {"set", WORD_FILL, SPLIT_NONE},
    {"dataset", WORD_FILL, SPLIT_NONE},
    {"orig", WORD_FILL, SPLIT_NONE},
};

/* The next word of *at in lower case: letters up to a change of case or to
 * anything else, or one other character; false at the end. */
static bool next_word(const char **at, char *word, size_t size)
{
    const char *s = *at;
    size_t n = 0;

    while (*s != '\0' && !isalnum((unsigned char)*s))
        s++;
    if (*s == '\0')
        return false;
    if (isdigit((unsigned char)*s)) {
        word[n++] = *s++;
    } else {
        while (isalpha((unsigned char)*s)) {
            bool turn = n > 0 && isupper((unsigned char)*s) &&
                        islower((unsigned char)s[-1]);

            if (turn)
                break;
            if (n + 1 < size)
                word[n++] = (char)tolower((unsigned char)*s);
            s++;
        }
    }
    word[n] = '\0';
    *at = s;
    return true;
}

static const struct word_row *find_word(const char *word)
{
    size_t i;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].word, word) == 0)
            return &words[i];
    }
    return NULL;
}

/* The words of one step of the path, from `at` up to `end`. */
static void read_step(const char *step, struct data_words *w)
{
    bool seen[WORD_FILL + 1] = {false};
    const struct word_row *row;
    char word[32];

    while (next_word(&step, word, sizeof(word))) {
        row = find_word(word);
        if (row == NULL)
            w->extra++;
        else
            seen[row->kind] = true;
        if (row != NULL && row->kind == WORD_SPLIT)
            w->split = row->split;
    }
    /* "label_data" are labels; "label_names" and "list_classes" are names. */
    if (seen[WORD_NAMES])
        w->role = ROLE_NAMES;
    else if (seen[WORD_LABELS])
        w->role = ROLE_LABELS;
    else if (seen[WORD_PICTURES])
        w->role = ROLE_PICTURES;
}

struct data_words data_words_of(const char *path)
{
    struct data_words w = {ROLE_NONE, SPLIT_NONE, 0};
    char *copy = mem_strdup(path), *step = copy;

    /* The last step that says something counts: "data/label" are labels. */
    while (step != NULL) {
        char *end = strchr(step, '/');

        if (end != NULL)
            *end++ = '\0';
        read_step(step, &w);
        step = end;
    }
    mem_free(copy);
    return w;
}

void data_item_text(const struct h5_item *item, struct str *out)
{
    str_addf(out, "%s ", item->type);
    h5_dims_text(&item->facts, out);
}

void data_list_text(const struct h5_list *l, struct str *out)
{
    int i, shown = 0, sets = 0;

    for (i = 0; i < l->count; i++)
        sets += !l->item[i].group;
    for (i = 0; i < l->count && out->len < 240; i++) {
        const struct h5_item *item = &l->item[i];

        if (item->group)
            continue;
        str_add(out, shown++ > 0 ? ", \"" : "\"");
        str_add_safe(out, item->path);
        str_add(out, "\" ");
        if (item->link != NULL)
            str_addf(out, "(%s)", item->link);
        else
            data_item_text(item, out);
    }
    if (shown < sets)
        str_addf(out, " and %d more", sets - shown);
}

/* What an item may serve as, by its type and shape, whatever its name. */
static bool can_be_pictures(const struct h5_item *item)
{
    return !item->group && item->link == NULL && item->facts.rank >= 2 &&
           (item->facts.class == H5_INTEGER || item->facts.class == H5_REAL);
}

static bool can_be_labels(const struct h5_item *item)
{
    size_t rows;
    bool one_hot;

    return !item->group && item->link == NULL &&
           data_labels_fit(&item->facts, &rows, &one_hot);
}

/* Names that say nothing are judged by shape, at a price. */
static struct data_words judge(const struct h5_item *item)
{
    struct data_words w = data_words_of(item->path);

    if (w.role == ROLE_NAMES && item->facts.class != H5_TEXT)
        w.role = ROLE_LABELS;
    /* Texts called "classes" list them, unless called "y" or "labels". */
    if (w.role == ROLE_NONE) {
        w.extra += 8;
        if (can_be_pictures(item) && item->facts.rank >= 3)
            w.role = ROLE_PICTURES;
        else if (can_be_labels(item) && item->facts.class != H5_TEXT)
            w.role = ROLE_LABELS;
    }
    return w;
}

static bool rows_match(const struct h5_item *x, const struct h5_item *y)
{
    size_t rows;
    bool one_hot;

    if (!data_labels_fit(&y->facts, &rows, &one_hot))
        return false;
    return x->facts.dim[0] == rows || x->facts.dim[x->facts.rank - 1] == rows;
}

/* A search for the best pair of one split. */
struct search {
    const struct h5_list *x, *y;
    struct data_words *xw, *yw; /* of each item */
    enum data_split split;
    struct data_pair best, rival;
    int cost; /* of best */
};

static void try_pair(struct search *s, int i, int j)
{
    int cost = s->xw[i].extra + s->yw[j].extra;

    /* Pairs that do not match are kept only to be named in a message. */
    if (!rows_match(&s->x->item[i], &s->y->item[j]))
        cost += 1000;
    if (s->best.pictures < 0 || cost < s->cost) {
        s->best = (struct data_pair){i, j};
        s->rival = (struct data_pair){-1, -1};
        s->cost = cost;
    } else if (cost == s->cost) {
        s->rival = (struct data_pair){i, j};
    }
}

static void search_pairs(struct search *s, enum data_split split)
{
    int i, j;

    s->split = split;
    s->best = s->rival = (struct data_pair){-1, -1};
    for (i = 0; i < s->x->count; i++) {
        if (s->xw[i].role != ROLE_PICTURES || s->xw[i].split != split ||
            !can_be_pictures(&s->x->item[i]))
            continue;
        for (j = 0; j < s->y->count; j++) {
            if (s->yw[j].role == ROLE_LABELS && s->yw[j].split == split &&
                can_be_labels(&s->y->item[j]))
                try_pair(s, i, j);
        }
    }
}

static enum err_code ambiguous(const struct search *s, struct err *err)
{
    bool pictures = s->rival.pictures != s->best.pictures;
    const struct h5_list *l = pictures ? s->x : s->y;
    int one = pictures ? s->best.pictures : s->best.labels;
    int two = pictures ? s->rival.pictures : s->rival.labels;
    struct str text = {0};

    str_add(&text, "\"");
    str_add_safe(&text, l->item[one].path);
    str_add(&text, "\" and \"");
    str_add_safe(&text, l->item[two].path);
    str_add(&text, "\"");
    err_set(err, ERR_FORMAT,
            "two datasets may be the %s, %s; name the one that is meant %s",
            pictures ? "pictures" : "labels", text.text,
            pictures ? "x_train" : "y_train");
    str_done(&text);
    return err->code;
}

static enum err_code mismatch(const struct search *s, struct err *err)
{
    struct str text = {0};

    str_add(&text, "\"");
    str_add_safe(&text, s->x->item[s->best.pictures].path);
    str_add(&text, "\" is ");
    data_item_text(&s->x->item[s->best.pictures], &text);
    str_add(&text, " but \"");
    str_add_safe(&text, s->y->item[s->best.labels].path);
    str_add(&text, "\" is ");
    data_item_text(&s->y->item[s->best.labels], &text);
    err_set(err, ERR_SHAPE,
            "the numbers of pictures and labels differ: %s; one label a"
            " picture was expected",
            text.text);
    str_done(&text);
    return err->code;
}

static enum err_code find_split(struct search *s, enum data_split split,
                                struct data_pair *out, struct err *err)
{
    search_pairs(s, split);
    if (s->best.pictures >= 0 && s->cost >= 1000)
        return mismatch(s, err);
    if (s->rival.pictures >= 0)
        return ambiguous(s, err);
    *out = s->best;
    return ERR_OK;
}

/* A list of classes; one text a sample is none. */
static int find_names(const struct search *s, const struct data_pair *train)
{
    hsize_t samples =
        train->labels >= 0 ? s->y->item[train->labels].facts.dim[0] : 0;
    int i;

    for (i = 0; i < s->y->count; i++) {
        const struct h5_item *item = &s->y->item[i];
        struct data_words w = data_words_of(item->path);

        if (!item->group && item->link == NULL &&
            item->facts.class == H5_TEXT && item->facts.rank == 1 &&
            item->facts.dim[0] != samples && w.role == ROLE_NAMES)
            return i;
    }
    return -1;
}

static bool is_empty(const struct data_pair *p)
{
    return p->pictures < 0;
}

/* A file of one split only is what its user wants to see, and trains. */
static void promote(struct data_found *f, const struct data_pair *plain)
{
    struct data_pair none = {-1, -1};

    if (is_empty(&f->train))
        f->train = *plain;
    if (is_empty(&f->train)) {
        f->train = f->test;
        f->test = none;
    }
    if (is_empty(&f->train)) {
        f->train = f->validation;
        f->validation = none;
    }
}

static enum err_code find_all(struct search *s, struct data_found *f,
                              struct err *err)
{
    struct data_pair plain;

    if (find_split(s, SPLIT_TRAIN, &f->train, err) != ERR_OK ||
        find_split(s, SPLIT_VALIDATION, &f->validation, err) != ERR_OK ||
        find_split(s, SPLIT_TEST, &f->test, err) != ERR_OK)
        return err->code;
    plain = (struct data_pair){-1, -1};
    if (is_empty(&f->train) && find_split(s, SPLIT_NONE, &plain, err) != ERR_OK)
        return err->code;
    promote(f, &plain);
    f->names = find_names(s, &f->train);
    return ERR_OK;
}

static struct data_words *judge_all(const struct h5_list *l)
{
    struct data_words *w = mem_array((size_t)l->count + 1, sizeof(*w));
    int i;

    for (i = 0; i < l->count; i++)
        w[i] = judge(&l->item[i]);
    return w;
}

static int count_role(const struct h5_list *l, const struct data_words *w,
                      enum data_role role)
{
    int i, n = 0;

    for (i = 0; i < l->count; i++)
        n += w[i].role == role &&
             (role == ROLE_PICTURES ? can_be_pictures(&l->item[i])
                                    : can_be_labels(&l->item[i]));
    return n;
}

/* Names the first link of a needed role that leads nowhere. */
static const struct h5_item *dangling(const struct h5_list *l)
{
    int i;

    for (i = 0; i < l->count; i++) {
        if (l->item[i].link != NULL)
            return &l->item[i];
    }
    return NULL;
}

static enum err_code nothing_found(const struct search *s, struct err *err)
{
    int pictures = count_role(s->x, s->xw, ROLE_PICTURES);
    int labels = count_role(s->y, s->yw, ROLE_LABELS);
    const struct h5_item *lost = dangling(s->y);
    struct str text = {0};

    data_list_text(s->x, &text);
    if (lost != NULL)
        err_set(err, ERR_FORMAT, "\"%s\" %s", lost->path, lost->link);
    else if (text.len == 0)
        err_set(err, ERR_FORMAT, "the file holds no datasets");
    else if (pictures > 0 && labels == 0)
        err_set(err, ERR_MISSING,
                "pictures but no labels were found among %s; a dataset such as"
                " y_train or labels was expected",
                text.text);
    else if (labels > 0 && pictures == 0)
        err_set(err, ERR_FORMAT,
                "labels but no pictures were found among %s; a dataset such as"
                " x_train or images, (n, h, w), (n, h, w, c), (n, c, h, w) or"
                " (n, i), was expected",
                text.text);
    else
        err_set(err, ERR_FORMAT,
                "no pictures with labels were found among %s; x_train and"
                " y_train, or images and labels, were expected",
                text.text);
    str_done(&text);
    return err->code;
}

enum err_code data_find(const struct h5_list *x, const struct h5_list *y,
                        struct data_found *out, struct err *err)
{
    struct data_pair none = {-1, -1};
    struct data_found f = {none, none, none, -1};
    struct search s = {.x = x, .y = y, .xw = judge_all(x), .yw = judge_all(y)};
    enum err_code code = find_all(&s, &f, err);

    if (code == ERR_OK && is_empty(&f.train))
        code = nothing_found(&s, err);
    mem_free(s.xw);
    mem_free(s.yw);
    if (code == ERR_OK)
        *out = f;
    return code;
}
