/* `options:` of a container, and the words of a command line. */
#include "base/buf.h"
#include "executor/container_options.h"
#include "executor/words.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct err e;
static struct container_options o;

static void setup(void)
{
	arena = (struct arena)ARENA(1 << 20);
	e = (struct err){ 0 };
}

static void teardown(void)
{
	arena_done(&arena);
}

static int parse(const char *text)
{
	return container_options_parse(text, &arena, &o, &e);
}

START_TEST(nothing)
{
	ck_assert_int_eq(parse(" \n "), 0);
	ck_assert_str_eq(o.user, "");
	ck_assert_str_eq(o.ignored, "");
	ck_assert_str_eq(o.health.command, "");
	ck_assert_uint_eq(o.health.interval_ms, 30000);
	ck_assert_uint_eq(o.health.retries, 3);
	ck_assert(!o.has_entrypoint);
}
END_TEST

START_TEST(what_counts)
{
	ck_assert_msg(parse("--health-cmd \"pg_isready -U 'a b'\" --health-interval=10s\n"
			    "--health-timeout 5s --health-retries 5 --health-start-period=1m30s "
			    "--user=7:8 --entrypoint '' -e A=b=c --env 'B=d e' -eC= -e NOTHING "
			    "-v name:/a --volume=/b --tmpfs /c:rw,size=5 -w /d --name x "
			    "--network-alias y --platform linux/arm64") == 0,
		      "%s", e.msg);
	ck_assert_str_eq(o.health.command, "pg_isready -U 'a b'");
	ck_assert_uint_eq(o.health.interval_ms, 10000);
	ck_assert_uint_eq(o.health.timeout_ms, 5000);
	ck_assert_uint_eq(o.health.start_ms, 90000);
	ck_assert_uint_eq(o.health.retries, 5);
	ck_assert_str_eq(o.user, "7:8");
	ck_assert_str_eq(o.workdir, "/d");
	ck_assert_str_eq(o.platform, "linux/arm64");
	ck_assert(o.has_entrypoint);
	ck_assert_uint_eq(o.nenv, 3);
	ck_assert_str_eq(o.env[0].key, "A");
	ck_assert_str_eq(o.env[0].value, "b=c");
	ck_assert_str_eq(o.env[1].value, "d e");
	ck_assert_str_eq(o.env[2].key, "C");
	ck_assert_str_eq(o.env[2].value, "");
	ck_assert_uint_eq(o.nvolumes, 3);
	ck_assert_str_eq(o.volumes[0], "name:/a");
	ck_assert_str_eq(o.volumes[1], "/b");
	ck_assert_str_eq(o.volumes[2], "/c");
	ck_assert_uint_eq(o.nnames, 2);
	ck_assert_str_eq(o.names[1], "y");
	ck_assert_str_eq(o.ignored, "");
}
END_TEST

START_TEST(what_does_not)
{
	ck_assert_msg(parse("--cpus 2 --privileged -it --memory=4g -m 4g --hostname x -p 1:2 "
			    "--health-cmd x --no-healthcheck --shm-size 1g -u 5") == 0,
		      "%s", e.msg);
	ck_assert_str_eq(o.ignored, "--cpus, --privileged, --interactive, --tty, --memory, "
				    "--memory, --hostname, --publish, --shm-size");
	ck_assert_str_eq(o.user, "5");
	ck_assert_str_eq(o.health.command, "");
}
END_TEST

struct bad_row {
	const char *text, *why;
};

static const struct bad_row wrong[] = {
	{ "--frob", "options: --frob is no option of a container" },
	{ "-z", "options: -z is no option of a container" },
	{ "-itz", "options: -z is no option of a container" },
	{ "--", "options: -- is no option of a container" },
	{ "-", "options: \"-\" is no option" },
	{ "image", "options: \"image\" is no option" },
	{ "--user", "options: --user has no value" },
	{ "--health-interval soon",
	  "options: --health-interval: \"soon\" is no duration like 10s" },
	{ "--health-retries -1", "options: --health-retries: \"-1\" is no number of tries" },
	{ "-e =x", "options: --env: \"=x\" has no name" },
	{ "-w x", "options: --workdir: \"x\" is no absolute path" },
	{ "--user 'a", "options: a quote is not closed" },
};

START_TEST(what_is_wrong)
{
	ck_assert_int_eq(parse(wrong[_i].text), -1);
	ck_assert_str_eq(e.msg, wrong[_i].why);
}
END_TEST

START_TEST(a_value_of_nothing)
{
	ck_assert_int_eq(parse("--user= --health-retries=0 --health-interval=0"), 0);
	ck_assert_str_eq(o.user, "");
	ck_assert_uint_eq(o.health.retries, 3);
	ck_assert_uint_eq(o.health.interval_ms, 30000);
}
END_TEST

START_TEST(many_words)
{
	autobuf text = BUF(4 * CONTAINER_WORDS);
	for (int i = 0; i <= CONTAINER_WORDS; i++)
		ck_assert_int_eq(buf_str(&text, "-t ", &e), 0);
	ck_assert_int_eq(parse(buf_cstr(&text)), -1);
	ck_assert_int_eq(e.code, E2BIG);
}
END_TEST

START_TEST(words)
{
	const char *list[9];
	struct words w = { .list = list, .max = 8 };
	ck_assert_int_eq(words_split("a 'b c' \"d \\\" e\" f\\ g '' 'h\\'i\n\tj", &arena, &w, &e),
			 0);
	static const char *const want[] = { "a", "b c", "d \" e", "f g", "", "h\\i", "j" };
	ck_assert_uint_eq(w.n, 7);
	for (size_t i = 0; i < w.n; i++)
		ck_assert_str_eq(list[i], want[i]);
	ck_assert_ptr_null(list[w.n]);
	w.max = 2;
	ck_assert_int_eq(words_split("a b c", &arena, &w, &e), -1);
	ck_assert_int_eq(e.code, E2BIG);
	ck_assert_int_eq(words_split("a \"b", &arena, &w, &e), -1);
	ck_assert_int_eq(e.code, EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("container options");
	TCase *t = tcase_create("container options");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, nothing);
	tcase_add_test(t, what_counts);
	tcase_add_test(t, what_does_not);
	tcase_add_loop_test(t, what_is_wrong, 0, sizeof wrong / sizeof *wrong);
	tcase_add_test(t, a_value_of_nothing);
	tcase_add_test(t, many_words);
	tcase_add_test(t, words);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
