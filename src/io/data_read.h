/*
 * One split of a data set: pictures and labels out of arrays whose place in
 * the file and whose order of dimensions are already known.
 */
#ifndef IO_DATA_READ_H
#define IO_DATA_READ_H

#include <stdbool.h>

#include "data/dataset.h"
#include "io/h5.h"
#include "par/progress.h"

/* How samples lie in a stored array: element (n, i, …) of the picture is at
 * n * step_n + i * step[0] + …, counted in elements. */
struct data_layout {
    struct shape shape;   /* of one sample for nets: (H,W,C) or (I) */
    struct shape picture; /* of one sample as gathered; same count */
    size_t rows;
    size_t step_n, step[SHAPE_RANK_MAX];
    bool straight;     /* the array is a plain (n, picture) */
    bool rows_first;   /* samples are along dimension 0 */
    bool flat_colours; /* rows of 3 h w numbers: planes or triples? */
    const char *order; /* "NHWC" and so on, for people */
};

/* Decides the layout of pictures a.  rows is the number of labels, or 0 when
 * it is not known; want (may be NULL) settles what is doubtful; matlab: the
 * file says that its dimensions are reversed. */
enum err_code data_layout(const struct h5_array *a, const char *name,
                          size_t rows, const struct shape *want, bool matlab,
                          struct data_layout *out, struct err *err) MUST_CHECK;

/* Rows first..first+n-1 into new blocks of s: u8 when stored as integers of
 * 0..255, else f32.  *scale is what a value is multiplied with for a net. */
enum err_code data_read_pictures(const struct h5_array *a, const char *name,
                                 const struct data_layout *layout, size_t first,
                                 size_t n, const struct progress *progress,
                                 struct samples *s, float *scale,
                                 struct err *err) MUST_CHECK;

/* Labels before their classes are known: numbers or texts. */
struct data_labels {
    size_t n;
    double *number; /* owned block, or NULL */
    struct h5_names text;
};
void data_labels_done(struct data_labels *l);
/* True when a can be labels by type and shape; *rows is how many. */
bool data_labels_fit(const struct h5_array *a, size_t *rows, bool *one_hot);
enum err_code data_read_labels(const struct h5_array *a, const char *name,
                               struct data_labels *out,
                               struct err *err) MUST_CHECK;

/* What the labels of all parts have in common. */
struct data_classes {
    int count;
    double *number;       /* sorted distinct values, or NULL: 0..count-1 */
    struct h5_names text; /* sorted distinct texts, or empty */
    int *place;           /* class numbers of the texts */
};
void data_classes_done(struct data_classes *c);
/* known (may be NULL): names from the file, in the order of class numbers. */
enum err_code data_classes_of(const struct data_labels *const *parts,
                              int part_count, const struct h5_names *known,
                              const char *name, struct data_classes *out,
                              struct err *err) MUST_CHECK;
/* Labels first..first+n-1 as class numbers into a new block. */
enum err_code data_labels_map(const struct data_labels *l,
                              const struct data_classes *c, size_t first,
                              size_t n, int32_t **out,
                              struct err *err) MUST_CHECK;
/* Names of the classes for display, safe for a terminal, or NULL when they are
 * just numbers from 0.  Returns new, c->count of them. */
char **data_class_names(const struct data_classes *c,
                        const struct h5_names *known);

#endif
