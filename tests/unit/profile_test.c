#include "runner/profile.h"

#include "runner/facts.h"
#include "sandbox/spec.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct config_errors errors;
static struct err e;
static struct profile_choice choice;

static void setup(void)
{
	arena = (struct arena)ARENA(CONFIG_ARENA_MAX);
	errors = (struct config_errors){ 0 };
	e = (struct err){ 0 };
	ck_assert_int_eq(setenv("HOME", "/home/me", 1), 0);
}

static void teardown(void)
{
	arena_done(&arena);
}

#define RUNNER "runners:\n- {name: r, url: 'http://h', token: t, "
#define PROFILES                                                                                   \
	"profiles:\n"                                                                              \
	"  strict: {isolation: strict, limits: {memory: 1GiB, cpus: 4}, mounts: [/a:/a, /b:/b]}\n" \
	"  small: {network: none, limits: {memory: 2GiB, cpus: 1}, mounts: [/b:/b, /c:/c]}\n"      \
	"  build: {isolation: nested, limits: {memory: 0}, tmp_size: 1GiB}\n"                      \
	"  bare: {mounts: [], devices: []}\n"

static const char text[] = PROFILES RUNNER
	"isolation: default, network: host, mounts: [/a:/a], devices: [/dev/kvm],\n"
	"   limits: {memory: 4GiB, nproc: 50}, profile: strict,\n"
	"   profile_rules: {fork: small, unprotected: bare, 'label:image': build, 'label:a=b': bare}}\n";

static const struct config *config_of(const char *source_text)
{
	struct config_source source = { "config.yaml", source_text, strlen(source_text), NULL };
	return config_parse(&source, &arena, &errors, &e);
}

static const char *names_of(const struct profile_facts *facts, const char *source_text)
{
	static struct buf b;
	const struct config *c = config_of(source_text);
	ck_assert_msg(c != NULL, "%s: %s", e.msg, errors.list[0].text);
	buf_wipe(&b);
	b = (struct buf)BUF(4096);
	ck_assert_int_eq(profile_choose(&(struct profile_asked){ c, &c->runners[0], facts }, &arena,
					&choice, &e),
			 0);
	ck_assert_int_eq(profile_names(&choice, &b, &e), 0);
	return buf_cstr(&b);
}

static const struct row {
	struct profile_facts facts;
	const char *names;
	int isolation, network;
	uint64_t memory, cpus, nmounts, ndevices;
} rows[] = {
	{ { true, false, "" },
	  "strict (profile)",
	  SANDBOX_PROFILE_STRICT,
	  CONFIG_NETWORK_HOST,
	  1ULL << 30,
	  4,
	  2,
	  1 },
	{ { true, true, "" },
	  "small (fork), strict (profile)",
	  SANDBOX_PROFILE_STRICT,
	  CONFIG_NETWORK_NONE,
	  1ULL << 30,
	  1,
	  1,
	  1 },
	{ { false, true, "" },
	  "small (fork), bare (unprotected), strict (profile)",
	  SANDBOX_PROFILE_STRICT,
	  CONFIG_NETWORK_NONE,
	  1ULL << 30,
	  1,
	  0,
	  0 },
	{ { true, false, "x\nimage\n" },
	  "build (label:image), strict (profile)",
	  SANDBOX_PROFILE_STRICT,
	  CONFIG_NETWORK_HOST,
	  1ULL << 30,
	  4,
	  2,
	  1 },
	{ { true, false, "imag\nimages\n" },
	  "strict (profile)",
	  SANDBOX_PROFILE_STRICT,
	  CONFIG_NETWORK_HOST,
	  1ULL << 30,
	  4,
	  2,
	  1 },
	{ { true, false, "a=b" },
	  "bare (label:a=b), strict (profile)",
	  SANDBOX_PROFILE_STRICT,
	  CONFIG_NETWORK_HOST,
	  1ULL << 30,
	  4,
	  0,
	  0 },
};

START_TEST(least_wins)
{
	const struct row *r = &rows[_i];
	ck_assert_str_eq(names_of(&r->facts, text), r->names);
	ck_assert_int_eq(choice.rights.isolation, r->isolation);
	ck_assert_int_eq(choice.rights.network, r->network);
	ck_assert_uint_eq(choice.rights.memory, r->memory);
	ck_assert_uint_eq(choice.rights.cpus, r->cpus);
	ck_assert_uint_eq(choice.rights.nproc, 50); /* the registration's own */
	ck_assert_uint_eq(choice.rights.nmounts, r->nmounts);
	ck_assert_uint_eq(choice.rights.ndevices, r->ndevices);
	if (r->nmounts == 1)
		ck_assert_str_eq(choice.rights.mounts[0], "/b:/b");
}
END_TEST

START_TEST(what_gives_more_is_named)
{
	static const char loose[] = PROFILES RUNNER
		"limits: {memory: 1GiB}, mounts: [/a:/a], profile_rules: ['label:image=build']}\n";
	autobuf b = BUF(4096);
	const struct profile_facts facts = { true, false, "image\n" };
	ck_assert_str_eq(names_of(&facts, loose), "build (label:image)");
	const struct config *c = config_of(loose);
	ck_assert_int_eq(profile_weaker(&choice, &c->runners[0], &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b), "tmp_size, isolation, limits.memory");
	buf_clear(&b);
	ck_assert_str_eq(names_of(NULL, loose), "none");
	ck_assert_int_eq(profile_weaker(&choice, &c->runners[0], &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b), "");
}
END_TEST

static const struct bad {
	const char *text, *said;
	unsigned line, col;
} bads[] = {
	{ RUNNER "profile: stirct}\nprofiles:\n  strict: {isolation: strict}\n",
	  "profile: there is no profile \"stirct\"; did you mean \"strict\"?", 2, 49 },
	{ RUNNER "profile_rules: {fork: x}}\n", "profile_rules: there is no profile \"x\"", 2, 62 },
	{ RUNNER "profile_rules: {forkk: a}}\nprofiles: {a: {}}\n",
	  "profile_rules: \"forkk\": did you mean \"fork\"?", 2, 63 },
	{ RUNNER "profile_rules: ['label:=a']}\nprofiles: {a: {}}\n",
	  "profile_rules: \"label:\" is not one of: protected, unprotected, fork, label:NAME", 2,
	  56 },
	{ "profiles:\n  a: {isolaton: strict}\n",
	  "unknown key \"isolaton\"; did you mean \"isolation\"?", 2, 7 },
	{ "profiles:\n  a:\n    shell: sh\n",
	  "key \"shell\" belongs to a runner: an item of runners", 3, 5 },
	{ "profiles:\n  a:\n    concurrent: 2\n", "unknown key \"concurrent\"", 3, 5 },
	{ "profiles:\n  a: {limits: {memory: lots}}\n",
	  "limits.memory: \"lots\" is not a size (64KiB, 4MiB, 1GB)", 2, 24 },
	{ "profiles: [a]\n", "profiles: a mapping of names to mappings is expected", 1, 11 },
	{ "profiles: {a: 1}\n", "profiles.a: a mapping is expected", 1, 15 },
	{ "profiles: {'a b': {}}\n",
	  "profiles: \"a b\": a name has letters, digits, '.', '_' and '-'", 1, 12 },
	{ "profile: {a: {}}\n", "key \"profile\" belongs to a runner: an item of runners", 1, 1 },
	{ "profils: {a: {}}\n", "unknown key \"profils\"; did you mean \"profiles\"?", 1, 1 },
};

START_TEST(errors_have_a_place)
{
	const struct bad *b = &bads[_i];
	ck_assert_ptr_null(config_of(b->text));
	ck_assert_uint_eq(errors.n, 1);
	ck_assert_str_eq(errors.list[0].text, b->said);
	ck_assert_uint_eq(errors.list[0].line, b->line);
	ck_assert_uint_eq(errors.list[0].col, b->col);
}
END_TEST

START_TEST(overrides)
{
	const char *const all[] = { "profiles.strict.limits.memory=1MiB",
				    "profiles.small.devices=/dev/x", "runners.r.profile=small",
				    NULL };
	struct config_source source = { "c", text, strlen(text), all };
	const struct config *c = config_parse(&source, &arena, &errors, &e);
	ck_assert_msg(c != NULL, "%s", errors.list[0].text);
	const struct profile_facts facts = { true, false, "" };
	ck_assert_uint_eq(c->profiles[0].rights.memory, 1 << 20);
	ck_assert_int_eq(profile_choose(&(struct profile_asked){ c, &c->runners[0], &facts },
					&arena, &choice, &e),
			 0);
	ck_assert_uint_eq(choice.n, 1);
	ck_assert_str_eq(choice.fits[0].profile->name, "small");
	ck_assert_uint_eq(choice.rights.ndevices, 1);
	ck_assert_str_eq(choice.rights.devices[0], "/dev/x");
}
END_TEST

START_TEST(facts_as_text)
{
	autobuf b = BUF(4096);
	const struct profile_facts in = { false, true, "a\nb\n" };
	struct profile_facts out;
	ck_assert_int_eq(facts_write(&in, &b, &e), 0);
	ck_assert_int_eq(facts_read(buf_cstr(&b), &out, &e), 0);
	ck_assert(!out.protected_ref && out.from_fork);
	ck_assert_str_eq(out.labels, "a\nb\n");
	ck_assert_int_eq(facts_read("", &out, &e), -1);
	ck_assert_int_eq(facts_read("1 0", &out, &e), -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("profile");
	TCase *t = tcase_create("profile");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, least_wins, 0, sizeof rows / sizeof *rows);
	tcase_add_test(t, what_gives_more_is_named);
	tcase_add_loop_test(t, errors_have_a_place, 0, sizeof bads / sizeof *bads);
	tcase_add_test(t, overrides);
	tcase_add_test(t, facts_as_text);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
