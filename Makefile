# courser: no configure step. `make` builds build/, `make test` is the inner loop, `make check` is everything.
# BUILD=dir  another build directory     SAN=address,undefined  sanitizers     COV=1  gcov     CI=1  warnings are errors

BUILD   ?= build
VERSION := $(shell sed -n 's/^## \[\([0-9.]*\)\].*/\1/p' CHANGELOG.md | head -n 1)
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))
PKGS    := libcurl jansson yaml-0.1 libgit2 libarchive libseccomp libcap libcrypto sqlite3 libmicrohttpd zlib libpcre2-8

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wcast-qual \
	-Wwrite-strings -Wundef -Wformat=2 -Wswitch-enum -Wnull-dereference
ifneq ($(findstring clang,$(CC)),)
WARN += -Wthread-safety -Wcomma -Wunreachable-code -Wimplicit-fallthrough
else
WARN += -Wimplicit-fallthrough=5
INIT := -ftrivial-auto-var-init=zero
endif
WARN += $(if $(CI),-Werror)
HARD := -fstack-protector-strong -fstack-clash-protection $(INIT) -fno-common -fvisibility=hidden \
	$(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
ifdef SAN
OPT := -O1 -g -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer -DCOURSER_SANITIZED=1
LDSAN := -fsanitize=$(SAN)
else ifdef COV
OPT := -O0 -g --coverage -DCOURSER_COVERAGE=1
LDSAN := --coverage
else
OPT := -O2 -g -D_FORTIFY_SOURCE=3 -ffunction-sections -fdata-sections
endif
CFLAGS ?=
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -I. -DVERSION='"$(VERSION)"' $(OPT) $(HARD) $(WARN) $(CFLAGS) \
	-ffile-prefix-map=$(CURDIR)=. $(shell pkg-config --cflags $(PKGS))
ALL_LDFLAGS := -Wl,-z,relro,-z,now -Wl,--as-needed $(if $(SAN)$(COV),,-Wl,--gc-sections) $(LDSAN) $(LDFLAGS)

# A file that ends in _main.c is the main of a role; every other file belongs to its folder's archive.
FOLDERS := runner executor protocol sandbox base
SRC     := $(foreach d,$(FOLDERS),$(wildcard $(d)/*.c))
MAINS   := $(filter %_main.c,$(SRC))
ARCHIVES := $(foreach d,$(FOLDERS),$(BUILD)/lib$(d).a)
obj      = $(patsubst %.c,$(BUILD)/%.o,$(1))

# Role -> its main and the libraries that it, and no other, is linked with.
ROLES := $(notdir $(patsubst %_main.c,%,$(MAINS)))
LIBS_courser  := yaml-0.1
LIBS_spawner  := libseccomp libcap
LIBS_worker   := jansson yaml-0.1 libcap libseccomp libpcre2-8
LIBS_courier  := libcurl jansson libseccomp libcrypto zlib
$(foreach r,keeper carrier puller,$(eval LIBS_$(r) := $(LIBS_courier)))
LIBS_fetcher  := libgit2 libcurl libseccomp
LIBS_packer   := libgit2 libseccomp libcap
$(foreach r,unpacker storer,$(eval LIBS_$(r) := libarchive libseccomp libcrypto))
LIBS_archiver := libgit2 libarchive libcrypto zlib libseccomp libcap
$(foreach r,facts redact,$(eval LIBS_$(r) := jansson yaml-0.1 libseccomp))
LIBS_recorder := sqlite3 libmicrohttpd libseccomp
binary   = $(BUILD)/$(if $(filter courser,$(1)),courser,courser-$(1))
BINARIES := $(foreach r,$(ROLES),$(call binary,$(r)))

all: $(BINARIES) $(ARCHIVES) ; @: ## build the command and its roles

# Quiet by default: V=1 shows the commands.
say = $(if $(V),,@echo '  $(1)' $(2);)

# gcov writes before an exec: from a sandbox it cannot, and says so in the job's log.
$(BUILD)/sandbox/step.o: ALL_CFLAGS += $(if $(COV),-fno-builtin-execve)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,cc,$<)$(CC) $(ALL_CFLAGS) -fPIE -MMD -MP -c $< -o $@

define archive
$(BUILD)/lib$(1).a: $(call obj,$(filter-out %_main.c,$(wildcard $(1)/*.c)))
	@mkdir -p $$(@D); rm -f $$@
	$$(call say,ar,$$@)ar rcs $$@ $$^
endef
$(foreach d,$(FOLDERS),$(eval $(call archive,$(d))))

STATIC := $(if $(SAN),,init worker spawner) # one a job, or copied for each: no libraries to map and relocate
static_if = $(if $(filter $(STATIC),$(1)),-static-pie,$(if $(filter init,$(1)),,-pie))
define role
$(call binary,$(1)): $(call obj,$(filter %/$(1)_main.c,$(MAINS))) $(ARCHIVES)
	$$(call say,ld,$$@)$(CC) $(call static_if,$(1)) -o $$@ $$^ $(ALL_LDFLAGS) $(if $(LIBS_$(1)),$(shell pkg-config $(if $(filter $(STATIC),$(1)),--static) --libs $(LIBS_$(1))))
endef
$(foreach r,$(ROLES),$(eval $(call role,$(r))))

# --- tests -----------------------------------------------------------------------------------------
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*_test.c))
BENCH := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*_bench.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
TEST_LIBS = $(shell pkg-config --libs check $(PKGS)) -lm

$(UNIT) $(BENCH): $(BUILD)/%: $(BUILD)/tests/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,ld,$@)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) $(TEST_LIBS)

# FUZZER=1 links libFuzzer in place of the main that replays a corpus.
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(if $(FUZZER),,$(BUILD)/tests/fuzz/replay.o) $(ARCHIVES)
	@mkdir -p $(@D)
	$(call say,ld,$@)$(CC) -pie -o $@ $^ $(if $(FUZZER),-fsanitize=fuzzer) $(ALL_LDFLAGS) $(TEST_LIBS)

unit: $(UNIT) ## unit tests (pure modules: no root, no network)
	@tests/unit/run $(BUILD) $(UNIT)

corpus: $(FUZZ) ## replay every fuzz target's corpus
	@tests/fuzz/replay $(BUILD) $(FUZZ)

# What integration tests are driven with: tests/integration/tools/x_y.c becomes tests/x-y.
TOOLS := $(foreach t,$(wildcard tests/integration/tools/*.c),$(BUILD)/tests/$(subst _,-,$(basename $(notdir $(t)))))
.SECONDEXPANSION:
$(TOOLS): $(BUILD)/tests/%: $(BUILD)/tests/integration/tools/$$(subst -,_,$$*).o $(ARCHIVES)
	$(call say,ld,$@)$(CC) -pie -o $@ $^ $(ALL_LDFLAGS) $(shell pkg-config --libs libseccomp libcap)

PLAIN := $(if $(SAN)$(COV),,-DINSIDE_VM)
INSIDE := $(call obj,$(filter-out $(if $(PLAIN),,tests/inside/vm.c),$(wildcard tests/inside/*.c)))
$(INSIDE): ALL_CFLAGS := $(filter-out -fsanitize% -fno-sanitize% --coverage -DCOURSER_%,$(ALL_CFLAGS)) $(PLAIN) # never instrumented
$(BUILD)/tests/inside/run: $(INSIDE) $(if $(PLAIN),$(ARCHIVES))
	$(call say,ld,$@)$(CC) -static-pie -o $@ $^ -Wl,-z,relro,-z,now

programs: $(UNIT) $(FUZZ) $(TOOLS) $(BUILD)/tests/inside/run ; @: # every test program, none run

integration: all $(TOOLS) $(BUILD)/tests/inside/run ## integration tests with real parts
	@tests/integration/run $(BUILD)

test: all unit corpus integration ; @: ## the inner loop: one build, unit, corpora, integration

fuzz: ## fuzz every target for FUZZ_SECONDS (20) with libFuzzer
	@tests/fuzz/smoke $(BUILD)/fuzzing $(or $(FUZZ_SECONDS),20)

flags: # for the checkers: what a file is compiled with
	$(info $(ALL_CFLAGS))@:

lint: ## house rules, formatting, include rules, library jail
	@tests/lint/run

check: ## everything, as CI runs it: installs what is missing, then lint to coverage
	@tests/check

bench: all $(BENCH) $(TOOLS) ## figures beside their floor and their peers
	@tests/bench/run $(BUILD)

demo: ; @contrib/demo/run ## install what is missing, build, and run the main job end to end
deps: ; @contrib/deps ## install the packages that building and testing need (root or sudo)

clean distclean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z]*\)[a-z ]*:.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: all flags programs unit corpus integration test fuzz lint check bench demo deps install uninstall clean distclean help
.PRECIOUS .DELETE_ON_ERROR: $(BUILD)/%.o # a missing object is made, and one of a test program stays
include $(dir $(lastword $(MAKEFILE_LIST)))contrib/install.mk
-include $(patsubst %.o,%.d,$(call obj,$(SRC) $(wildcard tests/unit/*.c tests/fuzz/*.c tests/bench/*.c tests/integration/tools/*.c tests/inside/*.c)))
