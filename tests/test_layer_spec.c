/*
 * Layers as text: what a spec line gives, what it is printed as, and what is
 * refused and why.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/rig.h"
#include "tests/support.h"

static enum err_code parse(const char *spec, void *config, struct err *err)
{
    struct args a;
    enum err_code code = args_parse(spec, &a, err);

    if (code != ERR_OK)
        return code;
    code = layer_parse(layer_find(a.word[0]), &a, config, err);
    args_done(&a);
    return code;
}

static void test_a_spec_is_printed_with_what_differs_from_the_usual(
    void **state)
{
    static const struct {
        const char *spec, *printed;
    } cases[] = {
        {"dense 300", "dense 300"},
        {"dense units=300 use_bias=yes", "dense 300"},
        {"dense 300 use_bias=no name=fc1", "dense 300 use_bias=no"},
        {"conv2d 20 5x5", "conv2d 20 5"},
        {"conv2d 20 5 padding=valid groups=1", "conv2d 20 5"},
        {"conv2d kernel_size=3x5 filters=8 padding=same strides=2,1",
         "conv2d 8 3x5 strides=2x1 padding=same"},
        {"max_pool2d", "max_pool2d"},
        {"max_pool2d 2 strides=2", "max_pool2d"},
        {"max_pool2d 3", "max_pool2d 3"},
        {"max_pool2d 3 strides=2", "max_pool2d 3 strides=2"},
        {"max_pool2d strides=3", "max_pool2d strides=3"},
        {"average_pool2d 3x2", "average_pool2d 3x2"},
        {"batch_norm momentum=0.9", "batch_norm momentum=0.9"},
        {"batch_norm momentum=99%", "batch_norm"},
        {"dropout 25%", "dropout 0.25"},
        {"dropout", "dropout"},
        {"leaky_relu 0.1", "leaky_relu 0.1"},
        {"zero_padding2d 2", "zero_padding2d 2,2,2,2"},
        {"zero_padding2d 1,0", "zero_padding2d 1,1,0,0"},
        {"zero_padding2d 0,1,2,3", "zero_padding2d 0,1,2,3"},
        {"reshape 7x7x64", "reshape 7x7x64"},
        {"flatten from=a", "flatten"},
    };
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    struct str text = {0};
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        char kind[32];

        sscanf(cases[i].spec, "%31s", kind);
        assert_ok(parse(cases[i].spec, config, &err));
        str_clear(&text);
        layer_print(layer_find(kind), config, &text);
        assert_string_equal(text.text, cases[i].printed);
    }
    str_done(&text);
}

/* Something else than the default. */
static void change(const struct layer_attr *attr, void *config)
{
    unsigned char *at = (unsigned char *)config + attr->offset;
    const int pads[4] = {4, 3, 2, 1};

    switch (attr->type) {
    case ATTR_INT:
        *(int *)(void *)at += 1;
        break;
    case ATTR_PAIR:
        ((int *)(void *)at)[0] += 2;
        ((int *)(void *)at)[1] += 1;
        break;
    case ATTR_REAL:
        *(float *)(void *)at = 0.123456789f;
        break;
    case ATTR_BOOL:
        *(bool *)at = !*(bool *)at;
        break;
    case ATTR_PADDING:
        *(enum padding *)(void *)at = PADDING_SAME;
        break;
    case ATTR_SHAPE:
        *(struct shape *)(void *)at =
            (struct shape){.rank = 3, .dim = {4, 1, 17}};
        break;
    case ATTR_PADS:
        memcpy(at, pads, sizeof(pads));
        break;
    }
}

static void round_trip(const struct layer_kind *kind, const void *config)
{
    _Alignas(8) unsigned char again[LAYER_CONFIG_MAX];
    struct str text = {0};
    struct err err;

    layer_print(kind, config, &text);
    assert_ok(parse(text.text, again, &err));
    if (memcmp(again, config, kind->config_size) != 0)
        fail_msg("\"%s\" is read back as something else", text.text);
    str_done(&text);
}

static void test_every_attribute_of_every_kind_survives_the_text(void **state)
{
    int i, k;

    (void)state;
    for (k = 0; layer_kinds[k] != NULL; k++) {
        const struct layer_kind *kind = layer_kinds[k];
        _Alignas(8) unsigned char start[LAYER_CONFIG_MAX],
            config[LAYER_CONFIG_MAX];

        layer_defaults(kind, start);
        for (i = 0; i < kind->attr_count; i++) {
            if (kind->attrs[i].type == ATTR_SHAPE)
                change(&kind->attrs[i], start);
        }
        round_trip(kind, start);
        for (i = 0; i < kind->attr_count; i++) {
            memcpy(config, start, sizeof(config));
            change(&kind->attrs[i], config);
            round_trip(kind, config);
        }
        memcpy(config, start, sizeof(config));
        for (i = 0; i < kind->attr_count; i++)
            change(&kind->attrs[i], config);
        round_trip(kind, config);
    }
}

static void test_a_wrong_spec_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *spec;
        enum err_code code;
        const char *text;
    } cases[] = {
        {"dense", ERR_USAGE, "dense: units is missing: outputs"},
        {"conv2d 20", ERR_USAGE, "conv2d: kernel_size is missing"},
        {"dense 0", ERR_VALUE, "dense: units is 0; 1 to 1e+06 is possible"},
        {"dense -5", ERR_VALUE, "units is -5"},
        {"dense ten", ERR_VALUE, "units wants a whole number, got \"ten\""},
        {"dense 1e3", ERR_VALUE, "got \"1e3\""},
        {"dense 99999999999", ERR_VALUE, "got \"99999999999\""},
        {"dense 3 4", ERR_USAGE, "the word \"4\" has no place here"},
        {"dense 3 units=4", ERR_USAGE, "units is given twice"},
        {"dense 3 use_bias=no use_bias=yes", ERR_USAGE, "given twice"},
        {"dense 3 use_bais=no", ERR_USAGE, "did you mean \"use_bias\"?"},
        {"dense 3 colour=red", ERR_USAGE, "no setting \"colour\""},
        {"dense 3 use_bias=maybe", ERR_VALUE, "use_bias wants no or yes"},
        {"conv2d 3 3 padding=full", ERR_VALUE, "padding wants valid or same"},
        {"conv2d 3 3x3x3", ERR_VALUE, "kernel_size wants 3 or 3x5"},
        {"conv2d 3 3x", ERR_VALUE, "kernel_size wants 3 or 3x5"},
        {"conv2d 3 0x3", ERR_VALUE, "kernel_size is 0"},
        {"conv2d 3 3 strides=0", ERR_VALUE, "strides is 0"},
        {"dropout 1", ERR_VALUE, "rate is 1; 0 to 0.999"},
        {"dropout nan", ERR_VALUE, "rate wants a number"},
        {"dropout -0.1", ERR_VALUE, "rate is -0.1"},
        {"batch_norm epsilon=x", ERR_VALUE, "epsilon wants a number"},
        {"zero_padding2d 1,2,3", ERR_VALUE, "top,bottom,left,right"},
        {"zero_padding2d -1", ERR_VALUE, "padding is -1"},
        {"reshape", ERR_USAGE, "target_shape is missing"},
        {"reshape 7x7y", ERR_VALUE, "a shape such as 28x28x1"},
        {"reshape 0x7", ERR_SHAPE, "a dimension of 0"},
        {"flatten 3", ERR_USAGE, "the word \"3\" has no place"},
        {"relu alpha=1", ERR_USAGE, "no setting \"alpha\""},
    };
    unsigned char config[LAYER_CONFIG_MAX], before[LAYER_CONFIG_MAX];
    struct err err;
    size_t i;

    (void)state;
    memset(config, 0x5A, sizeof(config));
    memcpy(before, config, sizeof(before));
    for (i = 0; i < LENGTH(cases); i++) {
        assert_refused(parse(cases[i].spec, config, &err), cases[i].code,
                       cases[i].text);
        assert_memory_equal(config, before, sizeof(before));
    }
}

/* A config that no spec line made, such as one out of a file. */
static void test_attributes_out_of_range_are_found(void **state)
{
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    struct err err;
    int i, k;

    (void)state;
    for (k = 0; layer_kinds[k] != NULL; k++) {
        for (i = 0; i < layer_kinds[k]->attr_count; i++) {
            const struct layer_attr *attr = &layer_kinds[k]->attrs[i];
            unsigned char *at = config + attr->offset;

            layer_defaults(layer_kinds[k], config);
            if (attr->type == ATTR_REAL)
                *(float *)(void *)at = NAN;
            else if (attr->type == ATTR_INT || attr->type == ATTR_PAIR ||
                     attr->type == ATTR_PADS)
                *(int *)(void *)at = -1;
            else
                continue;
            assert_refused(layer_check(layer_kinds[k], config, &err), ERR_VALUE,
                           attr->name);
        }
    }
}

#define D1(a)                   \
    {                           \
        .rank = 1, .dim = { a } \
    }
#define D2(a, b)                   \
    {                              \
        .rank = 2, .dim = { a, b } \
    }
#define D3(a, b, c)                   \
    {                                 \
        .rank = 3, .dim = { a, b, c } \
    }

static void test_shapes_that_do_not_fit_are_refused_with_the_reason(
    void **state)
{
    static const struct {
        const char *spec;
        int count;
        struct shape in[2];
        const char *text;
    } cases[] = {
        {"conv2d 3 3",
         1,
         {D1(784)},
         "conv2d wants an image (height x width x channels), its input is 784"},
        {"conv2d 3 5",
         1,
         {D3(4, 9, 1)},
         "a window of 5x5 is larger than the"
         " image of 4x9; use padding=same"},
        {"conv2d 3 3 dilation_rate=2", 1, {D3(4, 9, 1)}, "a window of 5x5"},
        {"conv2d 4 3 groups=2", 1, {D3(9, 9, 3)}, "the 3 input channels"},
        {"conv2d 3 3 groups=2", 1, {D3(9, 9, 4)}, "the 3 filters"},
        {"conv2d 1000000 9999x9999 padding=same",
         1,
         {D3(9, 9, 4)},
         "weights are too many"},
        {"conv2d 1000000 1", 1, {D3(99, 99, 4)}, "more than 2^31 elements"},
        {"dense 1000000", 1, {D1(1000000)}, "kernel of 1000000 x 1000000"},
        {"depthwise_conv2d 3", 1, {D2(5, 5)}, "its input is 5x5"},
        {"depthwise_conv2d 3", 1, {D3(2, 5, 3)}, "a window of 3x3"},
        {"depthwise_conv2d 9999 depth_multiplier=9999 padding=same",
         1,
         {D3(2, 5, 3)},
         "weights are too many"},
        {"max_pool2d 3", 1, {D3(2, 5, 1)}, "max_pool2d: a window of 3x3"},
        {"average_pool2d", 1, {D1(5)}, "average_pool2d wants an image"},
        {"global_average_pool2d", 1, {D1(5)}, "wants an image"},
        {"zero_padding2d", 1, {D1(5)}, "zero_padding2d wants an image"},
        {"reshape 5x5", 1, {D1(24)}, "5x5 has 25 values, its input of 24"},
        {"add",
         2,
         {D1(24), D1(23)},
         "add wants inputs of one shape, got 24"
         " and 23"},
        {"concat", 2, {D2(3, 5), D2(4, 5)}, "got 3x5 and 4x5"},
        {"concat", 2, {D2(3, 5), D1(5)}, "differ in the last axis only"},
    };
    struct shape out;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++)
        assert_refused(
            rig_shape(cases[i].spec, cases[i].in, cases[i].count, &out, &err),
            ERR_SHAPE, cases[i].text);
}

/* By TensorFlow's rules: same is size / stride rounded up, valid counts whole
 * windows. */
static void test_shapes_follow_keras(void **state)
{
    static const struct {
        const char *spec;
        struct shape in, out;
    } cases[] = {
        {"dense 10", D1(784), D1(10)},
        {"dense 10", D3(4, 5, 6), D3(4, 5, 10)},
        {"conv2d 20 5", D3(28, 28, 1), D3(24, 24, 20)},
        {"conv2d 6 3 strides=2 padding=same", D3(7, 9, 4), D3(4, 5, 6)},
        {"conv2d 6 3 strides=2", D3(7, 10, 4), D3(3, 4, 6)},
        {"conv2d 6 3 dilation_rate=2", D3(7, 10, 4), D3(3, 6, 6)},
        {"depthwise_conv2d 3 depth_multiplier=2", D3(7, 7, 4), D3(5, 5, 8)},
        {"max_pool2d", D3(7, 9, 4), D3(3, 4, 4)},
        {"max_pool2d padding=same", D3(7, 9, 4), D3(4, 5, 4)},
        {"average_pool2d 3 strides=1", D3(7, 9, 4), D3(5, 7, 4)},
        {"global_average_pool2d", D3(7, 9, 4), D1(4)},
        {"flatten", D3(7, 9, 4), D1(252)},
        {"reshape 4x63", D3(7, 9, 4), D2(4, 63)},
        {"zero_padding2d 0,1,2,3", D3(7, 9, 4), D3(8, 14, 4)},
        {"batch_norm", D3(7, 9, 4), D3(7, 9, 4)},
        {"softmax", D2(7, 9), D2(7, 9)},
    };
    struct shape out;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        assert_ok(rig_shape(cases[i].spec, &cases[i].in, 1, &out, &err));
        if (!shape_equal(&out, &cases[i].out)) {
            char text[64];

            fail_msg("%s gives %s", cases[i].spec,
                     shape_text(&out, text, sizeof(text)));
        }
    }
}

static void test_multiply_accumulates_are_counted(void **state)
{
    static const struct {
        const char *spec;
        struct shape in;
        double macs;
    } cases[] = {
        {"dense 300", D1(784), 235200},
        {"conv2d 20 5", D3(28, 28, 1), 288000},   /* 24*24*20*25 */
        {"conv2d 50 5", D3(12, 12, 20), 1600000}, /* 8*8*50*500 */
        {"conv2d 8 3 groups=4 padding=same", D3(5, 5, 4), 1800},
        {"depthwise_conv2d 3", D3(7, 7, 4), 900},
    };
    _Alignas(8) unsigned char config[LAYER_CONFIG_MAX];
    struct shape out;
    struct err err;
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(cases); i++) {
        char name[32];

        sscanf(cases[i].spec, "%31s", name);
        assert_ok(parse(cases[i].spec, config, &err));
        assert_ok(rig_shape(cases[i].spec, &cases[i].in, 1, &out, &err));
        assert_close(layer_find(name)->macs(config, &cases[i].in, &out),
                     cases[i].macs, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_spec_is_printed_with_what_differs_from_the_usual),
        cmocka_unit_test(test_every_attribute_of_every_kind_survives_the_text),
        cmocka_unit_test(test_a_wrong_spec_is_refused_with_the_reason),
        cmocka_unit_test(test_attributes_out_of_range_are_found),
        cmocka_unit_test(
            test_shapes_that_do_not_fit_are_refused_with_the_reason),
        cmocka_unit_test(test_shapes_follow_keras),
        cmocka_unit_test(test_multiply_accumulates_are_counted),
    };

    return cmocka_run_group_tests_name("layer spec", tests, NULL, NULL);
}
