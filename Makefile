# make            build build/espalier         make run     open the workbench
# make test       build and run every test     make help    the other targets
# Every .c under src/, ui/ and tests/ is found by itself: adding one is no edit.
NAME    := espalier
VERSION := 0.1.0
CC      ?= cc
SAN     ?=
comma   := ,
BUILD   ?= build$(if $(SAN),-$(subst $(comma),-,$(SAN)))
PREFIX  ?= /usr/local
DESTDIR ?=
SHARE    = $(PREFIX)/share/$(NAME)

# What the goals need is looked for once; what is missing is named and installed
# (NO_INSTALL=1 only names it).  Not for a mere make -n.
GOALS   := $(or $(MAKECMDGOALS),all)
NEED    := build $(if $(filter test lint bench,$(GOALS)),test) $(filter lint data,$(GOALS))
ifeq ($(findstring n,$(firstword -$(MAKEFLAGS))),)
ifneq ($(filter-out help clean format,$(GOALS)),)
ifneq ($(shell CC='$(CC)' NO_INSTALL='$(NO_INSTALL)' .ci/packages $(NEED) >&2 || echo no),)
$(error packages are missing)
endif
endif
endif

HDF5    := $(if $(filter 0,$(shell pkg-config --exists hdf5-serial 2>/dev/null; echo $$?)),hdf5-serial,hdf5)
PKGS    := ncursesw readline $(HDF5) jansson openblas zlib
# -D: ours win.  -isystem: the libraries are not held to our warnings.
PKG_CFLAGS := $(filter-out -D%,$(subst -I,-isystem ,$(shell pkg-config --cflags $(PKGS) 2>/dev/null)))
LDLIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm -pthread
TESTLIBS := -lcmocka -lvterm
# clang minds that NAN is a float.
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef \
            -Wformat=2 -Wvla -Wfloat-conversion -Wdouble-promotion -Wswitch-enum \
            -Wimplicit-fallthrough -Wnull-dereference -Wconversion -Wsign-conversion \
            $(if $(findstring clang,$(CC)),-Wno-double-promotion)
# CPPFLAGS, CFLAGS and LDFLAGS are the builder's; what the code needs is in ALL_*.
CFLAGS  ?= $(if $(SAN),-O2,-O3) -g
ifneq ($(SAN),)
SANFLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ALL_CFLAGS  = -std=gnu17 -Isrc -I. -D_XOPEN_SOURCE=700 -D_DEFAULT_SOURCE $(CPPFLAGS) \
              $(WARN) -fno-common -ffp-contract=off -fno-trapping-math -fno-math-errno -pthread $(PKG_CFLAGS) $(CFLAGS) $(SANFLAGS)
# V=1 shows the whole commands.
Q           := $(if $(V),,@)
LINK        = $(if $(V),,@echo '  LINK $@';) $(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LDLIBS)

obj     = $(patsubst %.c,$(BUILD)/%.o,$(1))
CORE    := $(sort $(shell find src -name '*.c') $(filter-out ui/main.c,$(wildcard ui/*.c)))
SUPPORT := $(sort $(filter-out tests/test_% tests/bench_%,$(wildcard tests/*.c tests/*/*.c)))
# The slow ones come last, and those that start the program itself, which are
# WHOLE.  T= chooses: make test T='par net* lessons'.
WHOLE   := screen lifecycle terminals
SLOW    := io train resume $(WHOLE)
FOUND   := $(patsubst tests/test_%.c,%,$(sort $(wildcard tests/test_*.c)))
T       ?= *
CHOSEN  := $(filter $(subst *,%,$(T)),$(filter-out $(SLOW),$(FOUND)) $(filter $(FOUND),$(SLOW)))
# A lesson that takes minutes has a short form for the tests.
SHORT   := $(wildcard tests/lessons/*.esp)
LESSONS := $(if $(filter $(subst *,%,$(T)),lessons),$(SHORT) \
             $(filter-out $(SHORT:tests/lessons/%=sessions/%),$(sort $(wildcard sessions/0*.esp))))
SOURCES := $(CORE) $(wildcard ui/main.c tests/*.c tests/*/*.c)
# Only what names the version is built again when it changes.
VERSIONED := $(call obj,$(shell grep -l ESPALIER_VERSION $(SOURCES)))

all: $(BUILD)/$(NAME)
$(BUILD)/$(NAME): $(call obj,ui/main.c) $(BUILD)/libcore.a
	$(LINK)
$(BUILD)/test_% $(BUILD)/bench_%: LDLIBS += $(TESTLIBS)
$(BUILD)/test_%: $(BUILD)/tests/test_%.o $(call obj,$(SUPPORT)) $(BUILD)/libcore.a
	$(LINK)
$(BUILD)/bench_%: $(BUILD)/tests/bench_%.o $(call obj,$(SUPPORT)) $(BUILD)/libcore.a
	$(LINK)
$(BUILD)/libcore.a: $(call obj,$(CORE)) $(BUILD)/list
	@rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)
$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC   $<')
	$(Q)$(CC) $(ALL_CFLAGS) $(NUMBER) -MMD -MP -c -o $@ $<
$(VERSIONED): $(BUILD)/version
$(VERSIONED): NUMBER = -DESPALIER_VERSION='"$(VERSION)"'
-include $(patsubst %.o,%.d,$(call obj,$(SOURCES)))

# Files that change only when their text does: what they say is a prerequisite.
$(BUILD)/flags: TEXT = $(CC) $(ALL_CFLAGS)
$(BUILD)/list:  TEXT = $(CORE)
$(BUILD)/version: TEXT = $(VERSION)
$(BUILD)/flags $(BUILD)/list $(BUILD)/version: FORCE
	@mkdir -p $(@D); echo '$(subst ','\'',$(TEXT))' >$@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@

run: all
	@$(BUILD)/$(NAME) data/lenet-300-100.h5 data/mnist.h5
test: $(CHOSEN:%=$(BUILD)/test_%) $(if $(LESSONS)$(filter $(WHOLE),$(CHOSEN)),all)
	@BUILD=$(BUILD) SAN=$(SAN) tests/run.sh $(CHOSEN) $(LESSONS)

BENCHES := $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/bench_*.c))
bench: all $(BENCHES)
	@for b in $(BENCHES); do $$b $(BUILD)/$(NAME) || exit 1; done

# The compiler reads all sources again, with all it can find made an error.
STRICT  := -O2 -Werror -Wduplicated-cond -Wduplicated-branches -Wlogical-op \
           -Wjump-misses-init -Walloca -Wstack-usage=8192 -Wno-error=null-dereference
TEXTS   := $(shell find src ui tests -name '*.[ch]')
lint:
	tests/layers.sh
	clang-format-14 --dry-run -Werror $(TEXTS)
	mandoc -Tlint -Wwarning $(wildcard man/*.[157])
	+$(MAKE) --no-print-directory BUILD=build-lint CFLAGS='$(STRICT)' objects
objects: $(call obj,$(SOURCES))
format:
	clang-format-14 -i $(TEXTS)

FASHION := /usr/share/datasets/fashion-mnist
data: data/fashion-mnist.h5
data/fashion-mnist.h5: | all
	$(BUILD)/$(NAME) import idx $@ train_images=$(FASHION)/train-images-idx3-ubyte.gz \
	    train_labels=$(FASHION)/train-labels-idx1-ubyte.gz \
	    test_images=$(FASHION)/t10k-images-idx3-ubyte.gz \
	    test_labels=$(FASHION)/t10k-labels-idx1-ubyte.gz
INSTALL := install -D -m 644
install: all
	install -D $(BUILD)/$(NAME) $(DESTDIR)$(PREFIX)/bin/$(NAME)
	for f in $(wildcard man/*.[157]); do \
	    $(INSTALL) $$f $(DESTDIR)$(PREFIX)/share/man/man$${f##*.}/$${f##*/} || exit 1; done
	for f in $(wildcard data/* sessions/*); do \
	    $(INSTALL) $$f $(DESTDIR)$(SHARE)/$$f || exit 1; done
clean:
	rm -rf build build-*

help:
	@echo 'make              build build/$(NAME)'
	@echo 'make run          build, then open the workbench on the shipped network and digits'
	@echo 'make test         every test; T="par net* lessons" chooses'
	@echo 'make bench        speed of nets and of the screen, in a minute or two; FULL=1 measures longer'
	@echo 'make lint         order of includes, format, man pages, strict warnings'
	@echo 'make format       put the sources into the house format'
	@echo 'make data         also make data/fashion-mnist.h5'
	@echo 'make install      under PREFIX=$(PREFIX), below DESTDIR='
	@echo 'make clean        remove what was built'
	@echo 'SAN=address,undefined or SAN=thread builds with sanitizers, in a folder of its own'
	@echo 'NO_INSTALL=1      name missing packages, install none'
FORCE:
.PHONY: all run test bench lint objects format data install clean help FORCE
.SECONDARY:
