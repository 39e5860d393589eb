#include "compress/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define PATH_SIZE 256

bool layers_chosen(const struct net *net, int node, int param,
                   const char *pattern)
{
    const struct node *n = &net->node[node];
    const struct param *p = &n->param[param];
    char path[PATH_SIZE];

    if (p->def.prunable && (pattern == NULL || str_match(pattern, n->name)))
        return true;
    if (!p->def.trainable || pattern == NULL || strchr(pattern, '/') == NULL)
        return false;
    snprintf(path, sizeof(path), "%s/%s", n->name, p->name);
    return str_match_path(pattern, path);
}

int layers_count(const struct net *net, const char *pattern)
{
    int i, k, count = 0;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++)
            count += layers_chosen(net, i, k, pattern);
    }
    return count;
}

enum err_code layers_refuse(const struct net *net, const char *pattern,
                            struct err *err)
{
    struct str names = {0};
    enum err_code code;
    int i;

    for (i = 0; i < net->node_count; i++) {
        const struct node *node = &net->node[i];

        if (node->param_count > 0 && node->param[0].def.prunable)
            str_addf(&names, "%s%s", names.len > 0 ? ", " : "", node->name);
    }
    if (names.len == 0)
        code = err_set(err, ERR_MISSING, "the net has no weights to work on");
    else
        code = err_set(err, ERR_MISSING,
                       "no layer with weights is called \"%s\"; there are %s",
                       pattern, names.text);
    str_done(&names);
    return code;
}

static enum err_code param_finite(const struct node *node,
                                  const struct param *p, struct err *err)
{
    size_t i;

    for (i = 0; i < p->count; i++) {
        if (!isfinite(p->value[i]))
            return err_set(err, ERR_DIVERGED,
                           "weight %zu of layer \"%s\" is %f; nothing was "
                           "changed",
                           i, node->name, (double)p->value[i]);
    }
    return ERR_OK;
}

enum err_code layers_finite(const struct net *net, const char *pattern,
                            struct err *err)
{
    int i, k;

    for (i = 0; i < net->node_count; i++) {
        for (k = 0; k < net->node[i].param_count; k++) {
            if (layers_chosen(net, i, k, pattern) &&
                param_finite(&net->node[i], &net->node[i].param[k], err) !=
                    ERR_OK)
                return err->code;
        }
    }
    return ERR_OK;
}
