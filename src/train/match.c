#include "train/match.h"

#define TEXT_SIZE 64

static enum err_code check_input(const struct net *net,
                                 const struct dataset *data, struct err *err)
{
    char wants[TEXT_SIZE], has[TEXT_SIZE];

    if (shape_equal(&net->input, &data->shape))
        return ERR_OK;
    if (net->input.rank == 1 &&
        shape_count(&net->input) == shape_count(&data->shape))
        return ERR_OK;
    return err_set(err, ERR_SHAPE, "\"%s\" takes %s, but the data is %s",
                   net->name, shape_text(&net->input, wants, sizeof(wants)),
                   shape_text(&data->shape, has, sizeof(has)));
}

static enum err_code check_output(const struct net *net, int node,
                                  const struct dataset *data, struct err *err)
{
    const struct node *n = &net->node[node];
    char has[TEXT_SIZE];

    if (shape_count(&n->out) == (size_t)data->classes)
        return ERR_OK;
    return err_set(err, ERR_SHAPE,
                   "\"%s\" ends in \"%s\" with %s values, but the data has %d "
                   "classes",
                   net->name, n->name, shape_text(&n->out, has, sizeof(has)),
                   data->classes);
}

enum err_code match_check(const struct net *net, const struct dataset *data,
                          struct err *err)
{
    int i;

    if (check_input(net, data, err) != ERR_OK)
        return err->code;
    for (i = 0; i < net->output_count; i++) {
        if (check_output(net, net->output[i], data, err) != ERR_OK)
            return err->code;
    }
    return ERR_OK;
}
