#include "tensor/shape.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

size_t shape_count(const struct shape *s)
{
    size_t n = 1;
    int i;

    for (i = 0; i < s->rank; i++)
        n *= (size_t)s->dim[i];
    return n;
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
    int i;

    if (a->rank != b->rank)
        return false;
    for (i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i])
            return false;
    }
    return true;
}

const char *shape_text(const struct shape *s, char *buf, size_t size)
{
    size_t used = 0;
    int i;

    if (size > 0)
        buf[0] = '\0';
    for (i = 0; i < s->rank && used < size; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s%d",
                                 i > 0 ? "x" : "", s->dim[i]);
    return buf;
}

enum err_code shape_make(struct shape *s, int rank, const long long *dim,
                         struct err *err)
{
    struct shape made = {.rank = rank};
    long long count = 1;
    int i;

    if (rank < 0 || rank > SHAPE_RANK_MAX)
        return err_set(err, ERR_SHAPE,
                       "rank %d; at most %d dimensions are"
                       " possible",
                       rank, SHAPE_RANK_MAX);
    for (i = 0; i < rank; i++) {
        if (dim[i] < 1 || dim[i] > INT_MAX)
            return err_set(err, ERR_SHAPE, "a dimension of %lld", dim[i]);
        count *= dim[i];
        if (count > INT_MAX)
            return err_set(err, ERR_SHAPE, "more than 2^31 elements");
        made.dim[i] = (int)dim[i];
    }
    *s = made;
    return ERR_OK;
}

enum err_code shape_parse(const char *text, struct shape *s, struct err *err)
{
    long long dim[SHAPE_RANK_MAX];
    const char *at = text;
    int rank = 0;

    for (;;) {
        char *end;

        if (rank == SHAPE_RANK_MAX)
            break;
        dim[rank] = strtoll(at, &end, 10);
        if (end == at)
            break;
        rank++;
        if (*end == '\0')
            return shape_make(s, rank, dim, err);
        if (*end != 'x')
            break;
        at = end + 1;
    }
    return err_set(err, ERR_VALUE,
                   "a shape such as 28x28x1 was expected, got"
                   " \"%s\"",
                   text);
}
