#include "ui/term_input.h"

#include <stdio.h>

/* A mouse report, or a paste, that broke off. */
static const double report_seconds = 0.1, paste_seconds = 2.0;

static uint32_t key_of(uint32_t code)
{
    switch (code) {
    case '\r':
    case '\n':
        return VIEW_KEY_ENTER;
    case '\t':
        return VIEW_KEY_TAB;
    case 8:
    case 127:
        return VIEW_KEY_BACKSPACE;
    case 27:
        return VIEW_KEY_ESCAPE;
    default:
        return code;
    }
}

/* "button;column;row" and M or m: true when it is one of the keys. */
static bool parse_report(const char *text, int rows, int cols, struct key *out)
{
    int button, col, row;
    char end;

    if (sscanf(text, "%d;%d;%d%c", &button, &col, &row, &end) != 4 ||
        end != 'M' || col < 1 || row < 1 || col > cols || row > rows)
        return false;
    out->row = row - 1;
    out->col = col - 1;
    out->code = button == 0    ? TERM_KEY_CLICK
                : button == 64 ? TERM_KEY_WHEEL_UP
                : button == 65 ? TERM_KEY_WHEEL_DOWN
                               : INPUT_UNKNOWN;
    return out->code != INPUT_UNKNOWN;
}

/* One more character of a report: true while it belongs to it. */
static bool feed_report(struct input *in, uint32_t code)
{
    bool part = (code >= '0' && code <= '9') || code == ';' || code == 'M' ||
                code == 'm';

    if (!part || in->report_len + 1 >= (int)sizeof(in->report)) {
        in->in_report = false;
        return false;
    }
    in->report[in->report_len++] = (char)code;
    in->report[in->report_len] = '\0';
    if (code == 'M' || code == 'm')
        in->in_report = false;
    return true;
}

/* After Esc: a key with Alt, or nothing more; the rest of a sequence that
 * nobody knows is swallowed: false. */
static bool after_escape(input_reader *next, struct key *out)
{
    uint32_t code, final;

    out->code = VIEW_KEY_ESCAPE;
    if (!next(&code))
        return true;
    out->alt = true;
    out->code = key_of(code);
    if (code != '[' && code != 'O')
        return code < INPUT_UNKNOWN;
    if (!next(&final))
        return true; /* Alt-[ or Alt-O */
    while (final < 0x40 && next(&final))
        ;
    return false;
}

/* Codes that begin or end something; false for others. */
static bool begin(struct input *in, uint32_t code)
{
    in->pasting = code == INPUT_PASTE_START;
    in->in_report = code == INPUT_MOUSE_SGR;
    in->report_len = 0;
    in->skip = code == INPUT_MOUSE_OLD ? 3 : 0;
    return code >= INPUT_UNKNOWN;
}

/* True when the code makes a key. */
static bool take(struct input *in, input_reader *next, uint32_t code, int rows,
                 int cols, struct key *out)
{
    if (code == INPUT_PASTE_END) {
        in->pasting = false;
        out->code = TERM_KEY_PASTE;
        return true;
    }
    if (in->pasting)
        return false;
    if (in->skip > 0) {
        in->skip--;
        return false;
    }
    if (in->in_report && feed_report(in, code))
        return !in->in_report && parse_report(in->report, rows, cols, out);
    if (begin(in, code))
        return false;
    if (code == 27)
        return after_escape(next, out);
    out->code = key_of(code);
    return true;
}

bool input_key(struct input *in, input_reader *next, double now, int rows,
               int cols, struct key *out)
{
    uint32_t code;

    while (next(&code)) {
        double since = now - in->last;

        in->last = now;
        if (since > report_seconds) {
            in->in_report = false;
            in->skip = 0;
        }
        if (since > paste_seconds)
            in->pasting = false;
        *out = (struct key){.row = -1, .col = -1};
        if (take(in, next, code, rows, cols, out))
            return true;
    }
    return false;
}
