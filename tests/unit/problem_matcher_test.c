#include "executor/problem_matcher.h"

#include "base/buf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct problem_matchers *set;
static struct annotation got;
static struct err e;

static void setup(void)
{
	e = (struct err){ 0 };
	set = problem_matchers_new(&e);
	ck_assert_ptr_nonnull(set);
}

static void teardown(void)
{
	problem_matchers_free(set);
}

#define FILE_OF(matchers) "{\"problemMatcher\":[" matchers "]}"
#define GCC                                                                                      \
	"{\"owner\":\"gcc\",\"pattern\":[{\"regexp\":"                                           \
	"\"^(.+):(\\\\d+):(\\\\d+): (?:fatal )?(warning|error): (.*?)(?: \\\\[(-W.*)\\\\])?$\"," \
	"\"file\":1,\"line\":2,\"column\":3,\"severity\":4,\"message\":5,\"code\":6}]}"
#define ESLINT                                                                        \
	"{\"owner\":\"eslint\",\"severity\":\"warning\",\"pattern\":[{\"regexp\":"    \
	"\"^([^\\\\s].*)$\",\"file\":1},{\"regexp\":\"^\\\\s+(\\\\d+):(\\\\d+)\\\\s+" \
	"(error|warning|info)\\\\s+(.*?)\\\\s\\\\s+(.*)$\",\"line\":1,\"column\":2,"  \
	"\"severity\":3,\"message\":4,\"code\":5,\"loop\":true}]}"

static void add(const char *file)
{
	ck_assert_msg(problem_matchers_add(set, file, strlen(file), &e) == 0, "%s", e.msg);
}

static int line(const char *text)
{
	return problem_matchers_line(set, text, strlen(text), &got, &e);
}

static void is(const char *text, const char *file, uint32_t number, uint32_t column,
	       const char *message)
{
	ck_assert_msg(line(text) == 1, "%s", text);
	ck_assert_str_eq(got.file, file);
	ck_assert_uint_eq(got.line, number);
	ck_assert_uint_eq(got.column, column);
	ck_assert_str_eq(got.message, message);
}

START_TEST(one_line)
{
	add(FILE_OF(GCC));
	is("src/a.c:12:7: warning: unused variable 'x' [-Wunused]", "src/a.c", 12, 7,
	   "unused variable 'x'");
	ck_assert(got.severity == ANNOTATION_WARNING && strcmp(got.code, "-Wunused") == 0);
	is("a.c:1:2: fatal error: no\r", "a.c", 1, 2, "no");
	ck_assert(got.severity == ANNOTATION_ERROR && !*got.code && !*got.title);
	is("\033[1m\033[Ka.c:1:2:\033[m\033[K \033[01;31merror: \033[mno\033[", "a.c", 1, 2, "no");
	ck_assert_int_eq(line("a.c:1:2: note: no"), 0);
	ck_assert_int_eq(line(""), 0);
}
END_TEST

START_TEST(colours_do_not_count)
{
	add(FILE_OF("{\"owner\":\"a\",\"pattern\":[{\"regexp\":\"^E (.*)$\",\"message\":1}]}"));
	is("\033[31mE\033[0m \033[1;32;4moh", "", 0, 0, "oh");
	is("E \033x", "", 0, 0, "\033x");
	is("E x\033", "", 0, 0, "x\033");
	is("E x\033[", "", 0, 0, "x");
}
END_TEST

START_TEST(several_lines_and_a_loop)
{
	add(FILE_OF(ESLINT));
	ck_assert_int_eq(line("src/a.js"), 0);
	is("  1:5  error  Missing semi  semi", "src/a.js", 1, 5, "Missing semi");
	ck_assert(got.severity == ANNOTATION_ERROR && strcmp(got.code, "semi") == 0);
	is("  9:1  warning  Bad  x/y", "src/a.js", 9, 1, "Bad");
	ck_assert_int_eq(line("  nothing"), 0);
	ck_assert_int_eq(line("  9:1  warning  Bad  x/y"), 0);
	ck_assert_int_eq(line("src/b.js"), 0);
	ck_assert_int_eq(line("src/c.js"), 0);
	is("  2:3  warning  Bad  x", "src/c.js", 2, 3, "Bad");
	/* "info" is no severity: no remark, and the loop goes on */
	ck_assert_int_eq(line("  2:3  info  Bad  x"), 0);
	is("  2:4  error  Bad  x", "src/c.js", 2, 4, "Bad");
}
END_TEST

START_TEST(three_lines)
{
	add(FILE_OF("{\"owner\":\"t\",\"pattern\":["
		    "{\"regexp\":\"^File: (.*)\",\"file\":1},"
		    "{\"regexp\":\"^Line: (\\\\d+)\",\"line\":1},"
		    "{\"regexp\":\"^Text: (.*)\",\"message\":1}]}"));
	ck_assert_int_eq(line("File: a"), 0);
	ck_assert_int_eq(line("Line: 5"), 0);
	is("Text: no", "a", 5, 0, "no");
	ck_assert_int_eq(line("Text: no"), 0);
	ck_assert_int_eq(line("File: a"), 0);
	ck_assert_int_eq(line("File: b"), 0);
	ck_assert_int_eq(line("Line: 6"), 0);
	ck_assert_int_eq(line("else"), 0);
	ck_assert_int_eq(line("Text: no"), 0);
}
END_TEST

START_TEST(what_one_completes_ends_the_others)
{
	add(FILE_OF(ESLINT "," GCC));
	ck_assert_int_eq(line("src/a.js"), 0);
	is("a.c:1:2: error: no", "a.c", 1, 2, "no");
	ck_assert_int_eq(line("  1:5  error  Missing semi  semi"), 0);
}
END_TEST

START_TEST(from_path)
{
	add(FILE_OF(
		"{\"owner\":\"m\",\"fromPath\":\"/x/def.proj\",\"severity\":\"Notice\",\"pattern\":"
		"[{\"regexp\":\"^(\\\\S+) (\\\\S*) ?(.*)$\",\"file\":1,\"fromPath\":2,\"message\":3}]}"));
	is("a.cs p/q/x.proj m", "p/q/a.cs", 0, 0, "m");
	ck_assert_int_eq(got.severity, ANNOTATION_NOTICE);
	is("/a.cs p/x.proj m", "/a.cs", 0, 0, "m");
	is("a.cs x.proj m", "a.cs", 0, 0, "m");
	is("a.cs  m", "/x/a.cs", 0, 0, "m");
}
END_TEST

START_TEST(numbers_and_codes)
{
	add(FILE_OF("{\"owner\":\"n\",\"pattern\":[{\"regexp\":\"^(.*?);(.*?);(.*?);(.*)$\","
		    "\"line\":1,\"column\":2,\"code\":\"3\",\"message\":4}]}"));
	is("3;x; C 1 ;m", "", 3, 0, "m");
	ck_assert_str_eq(got.code, "C 1");
	is("+3;4;;m", "", 0, 0, "m");
	is("99999999999;4;\t;m", "", 0, 0, "m");
	ck_assert_str_eq(got.code, "");
	ck_assert_int_eq(line("3;4;c; "), 0);
}
END_TEST

START_TEST(matchers_come_and_go)
{
	static const char file[] = FILE_OF(
		"{\"owner\":\"b\",\"pattern\":[{\"regexp\":\"new (.*)\",\"message\":1}]}");
	add(FILE_OF("{\"owner\":\"A\",\"pattern\":[{\"regexp\":\"(.*)\",\"message\":1}]},"
		    "{\"owner\":\"B\",\"pattern\":[{\"regexp\":\"old (.*)\",\"message\":1}]}"));
	ck_assert_uint_eq(problem_matchers_count(set), 2);
	is("old x", "", 0, 0, "x"); /* the last one of a file is asked first */
	is("else", "", 0, 0, "else");
	add(file);
	ck_assert_uint_eq(problem_matchers_count(set), 2);
	is("new x", "", 0, 0, "x");
	is("old x", "", 0, 0, "old x");
	problem_matchers_remove(set, "a");
	problem_matchers_remove(set, "nobody");
	ck_assert_int_eq(line("old x"), 0);
	ck_assert_int_eq(problem_matchers_remove_file(set, file, strlen(file), &e), 0);
	ck_assert_uint_eq(problem_matchers_count(set), 0);
	ck_assert_int_eq(line("new x"), 0);
	ck_assert_int_eq(problem_matchers_remove_file(set, "[", 1, &e), -1);
	add(FILE_OF(""));
}
END_TEST

START_TEST(files_that_are_wrong)
{
#define P(text) FILE_OF("{\"owner\":\"o\",\"pattern\":[" text "]}")
	static const struct {
		const char *file, *want;
	} rows[] = {
		{ "", "line 1, column 1" },
		{ "[]", "not an object" },
		{ "{}", "problemMatcher: not a list" },
		{ FILE_OF("1"), "problemMatcher[0]: not an object" },
		{ FILE_OF("{}"), "pattern: not a list" },
		{ FILE_OF("{\"pattern\":[]}"), "owner: it must not be empty" },
		{ FILE_OF("{\"owner\":1,\"pattern\":[]}"), "owner: not a text" },
		{ FILE_OF("{\"owner\":\"a\\u0000\",\"pattern\":[]}"), "owner: it must not hold" },
		{ FILE_OF("{\"owner\":\"o\",\"pattern\":[]}"), "pattern: it has 0, 1 to 32" },
		{ FILE_OF("{\"owner\":\"o\",\"severity\":\"bad\",\"pattern\":[]}"),
		  "severity: not error" },
		{ P("1"), "problemMatcher[0]: pattern[0]: not an object" },
		{ P("{\"regexp\":\"(\"}"), "pattern[0]: regexp: at character 2" },
		{ P("{\"regexp\":\"x\"}"), "none of them sets message" },
		{ P("{\"regexp\":\"(x)\",\"message\":2}"),
		  "message: the expression has no such group (it has 0 to 1)" },
		{ P("{\"regexp\":\"(x)\",\"message\":-1}"), "message: the expression" },
		{ P("{\"regexp\":\"(x)\",\"message\":0.5}"), "message: the expression" },
		{ P("{\"regexp\":\"(x)\",\"message\":true}"), "message: the expression" },
		{ P("{\"regexp\":\"(x)\",\"message\":1,\"loop\":true}"),
		  "pattern[0].loop: only the last" },
		{ P("{\"regexp\":\"x\",\"file\":0},{\"regexp\":\"(x)\",\"file\":0,\"message\":1}"),
		  "pattern[1]: file: an earlier pattern has set it" },
		{ P("{\"regexp\":\"x\",\"message\":0},{\"regexp\":\"(x)\",\"loop\":true}"),
		  "pattern[1]: loop: such a pattern must set message" },
		{ FILE_OF(GCC
			  ",{\"owner\":\"GCC\",\"pattern\":[{\"regexp\":\"x\",\"message\":0}]}"),
		  "problemMatcher[1]: owner: another matcher" },
	};
	add(FILE_OF(ESLINT));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *file = rows[i].file;
		ck_assert_int_eq(problem_matchers_add(set, file, strlen(file), &e), -1);
		ck_assert_msg(strstr(e.msg, rows[i].want) != NULL, "%s: %s", file, e.msg);
	}
	ck_assert_uint_eq(problem_matchers_count(set), 1);
}
END_TEST

START_TEST(sets_have_a_limit)
{
	autobuf file = BUF(1 << 20);
	for (int i = 0; i <= PROBLEM_MATCHERS_MAX; i++) {
		buf_clear(&file);
		ck_assert_int_eq(
			buf_printf(&file, &e,
				   FILE_OF("{\"owner\":\"%d\",\"pattern\":[{\"regexp\":\"x\","
					   "\"message\":0}]}"),
				   i),
			0);
		int r = problem_matchers_add(set, file.p, file.len, &e);
		ck_assert_int_eq(r, i < PROBLEM_MATCHERS_MAX ? 0 : -1);
	}
	ck_assert_ptr_nonnull(strstr(e.msg, "more than 64 matchers"));
	add(FILE_OF("{\"owner\":\"7\",\"pattern\":[{\"regexp\":\"y\",\"message\":0}]}"));
	ck_assert_uint_eq(problem_matchers_count(set), PROBLEM_MATCHERS_MAX);
	ck_assert_int_eq(buf_reserve(&file, PROBLEM_FILE_MAX + 1, &e), 0);
	ck_assert_int_eq(problem_matchers_add(set, file.p, PROBLEM_FILE_MAX + 1, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "at most 262144"));
}
END_TEST

START_TEST(one_that_takes_too_long_goes)
{
	add(FILE_OF(GCC
		    ",{\"owner\":\"evil\",\"pattern\":[{\"regexp\":\"^(a+)+$\",\"message\":0}]}"));
	ck_assert_int_eq(line("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), -1);
	ck_assert_msg(strstr(e.msg, "problem matcher \"evil\" is taken out: ") != NULL, "%s",
		      e.msg);
	ck_assert_uint_eq(problem_matchers_count(set), 1);
	is("a.c:1:2: error: no", "a.c", 1, 2, "no");
}
END_TEST

START_TEST(slow_ones_go_too)
{
	char text[3000];
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	add(FILE_OF(
		"{\"owner\":\"slow\",\"pattern\":[{\"regexp\":\"(?:a|b)*?[cd]\",\"message\":0}]}"));
	int r = 0, lines = 0;
	while (r == 0 && lines++ < PROBLEM_SLOW_TIMES)
		r = line(text);
	ck_assert_int_eq(r, -1);
	ck_assert_msg(strstr(e.msg, "too slow") != NULL, "%s", e.msg);
	ck_assert_uint_eq(problem_matchers_count(set), 0);
}
END_TEST

START_TEST(long_lines_are_cut)
{
	char text[PROBLEM_LINE_MAX + 100];
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	add(FILE_OF("{\"owner\":\"a\",\"pattern\":[{\"regexp\":\"^.*$\",\"message\":0}]}"));
	ck_assert_int_eq(line(text), 1);
	ck_assert_uint_eq(strlen(got.message), PROBLEM_LINE_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("problem_matcher");
	TCase *t = tcase_create("problem_matcher");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, one_line);
	tcase_add_test(t, colours_do_not_count);
	tcase_add_test(t, several_lines_and_a_loop);
	tcase_add_test(t, three_lines);
	tcase_add_test(t, what_one_completes_ends_the_others);
	tcase_add_test(t, from_path);
	tcase_add_test(t, numbers_and_codes);
	tcase_add_test(t, matchers_come_and_go);
	tcase_add_test(t, files_that_are_wrong);
	tcase_add_test(t, sets_have_a_limit);
	tcase_add_test(t, one_that_takes_too_long_goes);
	tcase_add_test(t, slow_ones_go_too);
	tcase_add_test(t, long_lines_are_cut);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
