#include "executor/vars.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct err e;
static struct vars *vars;

static void setup(void)
{
	arena = (struct arena)ARENA(32 << 20);
	e = (struct err){ 0 };
	vars = vars_new(&arena, &e);
	ck_assert_ptr_nonnull(vars);
}

static void teardown(void)
{
	arena_done(&arena);
}

static void set(const char *key, const char *value, unsigned flags)
{
	int r = vars_set(vars, key, value, flags, &e);
	ck_assert_msg(r == 0, "%s", e.msg);
}

/* A = "one", REF = "$A", FILE: a file variable, DIR_X = "d". */
static const struct row {
	const char *text, *want;
} rows[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "$A", "one" },
	{ "${A}", "one" },
	{ "x$A.y", "xone.y" },
	{ "$A$A", "oneone" },
	{ "${A}B", "oneB" },
	{ "$AB", "" },
	{ "$REF", "$A" },
	{ "${REF}", "$A" },
	{ "$NOPE|", "|" },
	{ "${NOPE}|", "|" },
	{ "$$", "$" },
	{ "$$A", "$A" },
	{ "$$$A", "$one" },
	{ "${$}", "$" },
	{ "$1|$9|$0|", "|||" },
	{ "$10", "0" },
	{ "$@$#$*$!$?$-|", "|" },
	{ "${@}${1}|", "|" },
	{ "$", "$" },
	{ "a$", "a$" },
	{ "$ A", "$ A" },
	{ "$(echo A)", "$(echo A)" },
	{ "$.", "$." },
	{ "$\xc3\xa4", "$\xc3\xa4" },
	{ "%A%", "%A%" },
	{ "${}x", "x" },
	{ "${A", "A" },
	{ "${", "" },
	{ "x${", "x" },
	{ "${A:-b}", "" },
	{ "${ A }", "" },
	{ "$FILE", "/tmp/p.tmp/FILE" },
	{ "${FILE}.bak", "/tmp/p.tmp/FILE.bak" },
	{ "$DIR_X/$A", "d/one" },
	{ "$SELF", "$SELF" },
	{ "$RAW", "$A$$" },
};

START_TEST(test_expansion)
{
	const struct row *row = &rows[_i];
	set("A", "one", 0);
	set("REF", "$A", 0);
	set("FILE", "content $A", VAR_FILE);
	set("DIR_X", "d", 0);
	set("SELF", "$SELF", 0);
	set("RAW", "$A$$", VAR_RAW);
	set("RUNNER_TEMP_PROJECT_DIR", "/tmp/p.tmp", 0);
	const char *got = vars_expand(vars, &arena, row->text, &e);
	ck_assert_ptr_nonnull(got);
	ck_assert_str_eq(got, row->want);

	set("VALUE", row->text, 0);
	set("KEPT", row->text, VAR_RAW);
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_str_eq(vars_get(vars, "VALUE"), row->want);
	ck_assert_str_eq(vars_get(vars, "KEPT"), row->text);
	ck_assert_str_eq(vars_get(vars, "REF"), "one");
	ck_assert_str_eq(vars_get(vars, "FILE"), "/tmp/p.tmp/FILE");
	ck_assert_str_eq(vars_find(vars, "FILE")->content, "content one");
	got = vars_expand(vars, &arena, "$REF $RAW $FILE", &e);
	ck_assert_ptr_nonnull(got);
	ck_assert_str_eq(got, "one $A$$ /tmp/p.tmp/FILE");
}
END_TEST

START_TEST(test_later_wins)
{
	set("A", "1", 0);
	set("B", "$A", 0);
	set("A", "2", 0);
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_str_eq(vars_get(vars, "B"), "2");
	ck_assert_uint_eq(vars_count(vars), 2);
	ck_assert_str_eq(vars_at(vars, 0)->key, "A");
	ck_assert_str_eq(vars_at(vars, 0)->env, "2");
	set("A", "3", 0);
	set("C", "new", 0);
	ck_assert_str_eq(vars_get(vars, "C"), "new");
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_str_eq(vars_get(vars, "B"), "3");
	ck_assert_str_eq(vars_get(vars, "absent"), "");
	ck_assert_ptr_null(vars_find(vars, "absent"));
}
END_TEST

START_TEST(test_final)
{
	set("D", "ours", VAR_FINAL);
	set("D", "theirs", 0);
	ck_assert_str_eq(vars_get(vars, "D"), "ours");
}
END_TEST

START_TEST(test_many)
{
	char key[16], value[24];
	for (int i = 0; i < 20000; i++) {
		snprintf(key, sizeof key, "K%d", i);
		snprintf(value, sizeof value, "$K%d", i + 1);
		set(key, value, 0);
	}
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_uint_eq(vars_count(vars), 20000);
	ck_assert_str_eq(vars_get(vars, "K0"), "$K2");
	ck_assert_str_eq(vars_get(vars, "K19999"), "");
	ck_assert_str_eq(vars_at(vars, 777)->key, "K777");
}
END_TEST

START_TEST(test_refused)
{
	static const struct {
		const char *key;
		unsigned flags;
		const char *word;
	} bad[] = {
		{ "", 0, "without a name" },
		{ "A=B", 0, "\"=\"" },
		{ "a/b", VAR_FILE, "not a name for a file" },
		{ ".x", VAR_FILE, "not a name for a file" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_int_eq(vars_set(vars, bad[i].key, "v", bad[i].flags, &e), -1);
		ck_assert_int_eq(e.code, EINVAL);
		ck_assert_ptr_nonnull(strstr(e.msg, bad[i].word));
	}
	autosecret s = { 0 };
	ck_assert_int_eq(secret_set(&s, "a\0b", 3, &e), 0);
	ck_assert_int_eq(vars_set_secret(vars, "S", &s, VAR_RAW, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "NUL"));
	ck_assert_int_eq(vars_set_secret(vars, "S", &s, VAR_RAW | VAR_FILE, &e), 0);
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_uint_eq(vars_find(vars, "S")->content_n, 3);
	ck_assert_uint_eq(vars_count(vars), 1);
}
END_TEST

static int collect(void *arg, const char *p, size_t n, struct err *err)
{
	struct buf *b = arg;
	return buf_add(b, p, n, err) < 0 ? -1 : buf_char(b, '|', err);
}

START_TEST(test_masked)
{
	autobuf got = BUF(1024);
	set("OLD", "first", VAR_MASKED);
	set("OLD", "second", 0);
	set("X", "x", 0);
	set("M", "m$X", VAR_MASKED);
	set("R", "r$X", VAR_MASKED | VAR_RAW);
	set("E", "", VAR_MASKED);
	set("F", "in-file", VAR_MASKED | VAR_FILE);
	set("OPEN", "open", VAR_PUBLIC);
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_int_eq(vars_masked(vars, collect, &got, &e), 0);
	ck_assert_str_eq(buf_cstr(&got), "first|m$X|mx|r$X|in-file|");
}
END_TEST

START_TEST(test_environ)
{
	autobuf out = BUF(4 << 20);
	set("RUNNER_TEMP_PROJECT_DIR", "/t", 0);
	set("A", "1", 0);
	set("F", "content", VAR_FILE);
	set("odd-name", "$A", 0);
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_int_eq(vars_environ(vars, &out, &e), 0);
	static const char want[] = "RUNNER_TEMP_PROJECT_DIR=/t\0A=1\0F=/t/F\0odd-name=1";
	ck_assert_uint_eq(out.len, sizeof want);
	ck_assert_mem_eq(out.p, want, sizeof want);
}
END_TEST

static char *letters(size_t n)
{
	char *s = malloc(n + 1);
	ck_assert_ptr_nonnull(s);
	memset(s, 'x', n);
	s[n] = '\0';
	return s;
}

START_TEST(test_environ_limits)
{
	autobuf out = BUF(4 << 20);
	char *most = letters(VARS_ENTRY_MAX - 4);
	set("AB", most, 0);
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_int_eq(vars_environ(vars, &out, &e), 0);
	set("ABC", most, 0);
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_int_eq(vars_environ(vars, &out, &e), -1);
	ck_assert_int_eq(e.code, E2BIG);
	ck_assert_ptr_nonnull(strstr(e.msg, "\"ABC\""));
	set("ABC", most, VAR_FILE);
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_int_eq(vars_environ(vars, &out, &e), 0);
	for (int i = 0; i < 15; i++) {
		char key[3] = { 'K', (char)('a' + i), '\0' };
		set(key, most, 0);
	}
	ck_assert_int_eq(vars_resolve(vars, &e), 0);
	ck_assert_int_eq(vars_environ(vars, &out, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "the largest is"));
	free(most);
}
END_TEST

START_TEST(test_expanded_limit)
{
	char *big = letters(1 << 20);
	set("B", big, 0);
	set("BOMB", "$B$B$B$B$B$B$B$B$B", 0);
	ck_assert_int_eq(vars_resolve(vars, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "\"BOMB\""));
	free(big);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vars");
	TCase *t = tcase_create("vars");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_expansion, 0, sizeof rows / sizeof *rows);
	tcase_add_test(t, test_later_wins);
	tcase_add_test(t, test_final);
	tcase_add_test(t, test_many);
	tcase_add_test(t, test_refused);
	tcase_add_test(t, test_masked);
	tcase_add_test(t, test_environ);
	tcase_add_test(t, test_environ_limits);
	tcase_add_test(t, test_expanded_limit);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
