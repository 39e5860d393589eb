# make            build build/espalier        make run        open the workbench
# make test       build and run every test    make help       the other targets
# Every .c under src/ and ui/ is found by itself: adding a file is no edit here.
NAME    := espalier
VERSION := 0.1.0
CC      ?= cc
SAN     ?=
comma   := ,
BUILD   := build$(if $(SAN),-$(subst $(comma),-,$(SAN)))
PREFIX  ?= /usr/local
DESTDIR ?=

PKGS     := ncursesw hdf5 jansson openblas
CPPFLAGS += -Isrc -I. -D_XOPEN_SOURCE=700 -D_DEFAULT_SOURCE
PKG_CFLAGS = $(filter-out -D%,$(subst -I,-isystem ,$(shell pkg-config --cflags $(PKGS) 2>/dev/null)))
LDLIBS   = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -llapacke -lreadline -lz -lm -pthread
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef \
           -Wformat=2 -Wvla -Wfloat-conversion -Wdouble-promotion -Wswitch-enum \
           -Wimplicit-fallthrough -Wnull-dereference -Wconversion -Wsign-conversion
# CFLAGS and LDFLAGS are the builder's; what the code needs is in ALL_*.
CFLAGS  ?= -O3 -g
ifneq ($(SAN),)
SANFLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ALL_CFLAGS  = -std=gnu17 $(WARN) -fno-common -ffp-contract=off -fno-trapping-math -fno-math-errno -pthread $(PKG_CFLAGS) $(CFLAGS) $(SANFLAGS)
ALL_LDFLAGS = $(SANFLAGS) $(LDFLAGS)

CORE    := $(sort $(shell find src -name '*.c'))
UI      := $(sort $(filter-out ui/main.c,$(wildcard ui/*.c)))
TESTS   := $(sort $(wildcard tests/test_*.c))
SUPPORT := $(filter-out $(TESTS),$(sort $(wildcard tests/*.c)))
obj      = $(patsubst %.c,$(BUILD)/%.o,$(1))
TESTBIN := $(patsubst tests/%.c,$(BUILD)/%,$(TESTS))

all: $(BUILD)/$(NAME)
$(BUILD)/libcore.a: $(call obj,$(CORE) $(UI))
	@rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/$(NAME): $(call obj,ui/main.c) $(BUILD)/libcore.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/test_%: $(BUILD)/tests/test_%.o $(call obj,$(SUPPORT)) $(BUILD)/libcore.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka -lvterm -lutil
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
-include $(patsubst %.o,%.d,$(call obj,$(CORE) $(UI) ui/main.c $(TESTS) $(SUPPORT)))
clean:
	rm -rf build build-*
.PHONY: all clean
.SECONDARY:
