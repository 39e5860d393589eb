/*
 * Keys as numbers: a code point for what types a character (Ctrl-A is 1),
 * VIEW_KEY_* for keys any view may use, TERM_KEY_* for what only the loop
 * deals with.
 */
#ifndef UI_KEY_H
#define UI_KEY_H

enum view_key {
    VIEW_KEY_UP = 0x110000, /* above every code point */
    VIEW_KEY_DOWN,
    VIEW_KEY_LEFT,
    VIEW_KEY_RIGHT,
    VIEW_KEY_PAGE_UP,
    VIEW_KEY_PAGE_DOWN,
    VIEW_KEY_HOME,
    VIEW_KEY_END,
    VIEW_KEY_ENTER,
    VIEW_KEY_ESCAPE,
    VIEW_KEY_TAB,
    VIEW_KEY_BACK_TAB,
    VIEW_KEY_BACKSPACE
};

enum term_key {
    TERM_KEY_DELETE = 0x110100,
    TERM_KEY_INSERT,
    TERM_KEY_CLICK,        /* button 1 went down at row, col */
    TERM_KEY_WHEEL_UP,     /* at row, col */
    TERM_KEY_WHEEL_DOWN,   /* at row, col */
    TERM_KEY_PASTE,        /* a paste ended; its text was thrown away, so
                              that it cannot act as keys */
    TERM_KEY_F1 = 0x110200 /* F2 is one more, up to F12 */
};

#endif
